import numpy as np
import pytest
import torch

from asl.models.features.tiers import BOUNDARY, GLOSS_TIER, UNKNOWN, Segment
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.corpus.labels import Labels, label_table, read_asl_lex
from asl.pipelines.training.resumable import collate_labels
from asl.pipelines.workspace.errors import BadInput

HEADER = "EntryID,Handshape.2.0,MajorLocation.2.0,MinorLocation.2.0,Movement.2.0,SignType.2.0"


def clip(glosses=("BOOK",), segments=()) -> Clip:
    return Clip("1", "a.pose", "", "a", "pose", glosses, "", "", "train", 25.0, 50, (1, 1, 1, 1), tuple(segments))


SIGNED = clip(segments=[
    Segment("gloss", "BOOK", 0.4, 1.2), Segment("handshape", "B", 0.0, 0.8), Segment("handshape", "5", 0.8, 2.0),
])  # fmt: skip


def test_tiers_become_frame_labels_at_any_rate():
    table = label_table([SIGNED], "")
    assert table.tiers == {"handshape": ("5", "B"), BOUNDARY: ("boundary",)}
    for fps in (25.0, 12.5):
        labels = table.labels(SIGNED, round(2 * fps), fps)
        shape = labels.frames["handshape"]
        assert (shape[: round(0.8 * fps)] == 1).all()
        assert (shape[round(0.8 * fps) :] == 0).all()
        marked = np.flatnonzero(labels.frames[BOUNDARY])
        start, end = round(0.4 * fps), round(1.2 * fps)
        assert marked.tolist() == [start - 1, start, start + 1, end - 1, end, end + 1]
    assert labels.level == 2


def test_levels_depend_on_the_annotations():
    table = label_table([SIGNED], "")
    assert table.labels(clip(), 50, 25.0).level == 0
    assert table.labels(clip(segments=SIGNED.segments[:1]), 50, 25.0).level == 1
    unknown_class = clip(segments=[Segment("handshape", "Z", 0, 2)])
    assert table.labels(unknown_class, 50, 25.0).level == 0, "classes that no training clip has are not labels"


def test_the_gloss_of_every_frame():
    sentence = clip(("BOOK", "GIVE", "CUP"), [Segment("gloss", "BOOK", 0.4, 0.8), Segment("gloss", "GIVE", 1.2, 1.6),
                                         Segment("gloss", "CUP", 1.4, 1.6)])  # fmt: skip
    labels = label_table([sentence], "").labels(sentence, 20, 10.0, {"BOOK": 3, "GIVE": 1, "CUP": 2}.__getitem__)
    expected = [0] * 4 + [3] * 4 + [0] * 4 + [1] * 2 + [UNKNOWN] * 2 + [0] * 4
    assert labels.frames[GLOSS_TIER].tolist() == expected
    assert labels.level == 1
    assert GLOSS_TIER not in label_table([sentence], "").labels(clip(), 20, 10.0, {"BOOK": 3}.__getitem__).frames


def test_asl_lex_labels_whole_clips_by_gloss(tmp_path):
    file = tmp_path / "lex.csv"
    file.write_text(
        f"{HEADER}\nthank_you,open_b,Head,Mouth,Straight,OneHanded\n"
        "book_1,open_b,Neutral,Neutral,Curved,SymmetricalOrAlternating\nbook_2,5,Neutral,Neutral,NA,OneHanded\n",
        encoding="utf-8-sig",
    )
    clips = [clip(("THANK-YOU",)), clip(("BOOK",)), clip(("CAT",)), clip(("BOOK", "CAT"))]
    table = label_table(clips, str(file))
    first, book, cat, sentence = (table.labels(labelled, 50, 25.0) for labelled in clips)
    tiers = table.tiers["sign major location"]
    assert tiers == ("Head", "Neutral")
    assert first.clip["sign major location"] == 0
    assert table.tiers["sign movement"][book.clip["sign movement"]] == "Curved", "the first variant is used"
    assert not cat.clip
    assert not sentence.clip
    assert (first.level, cat.level) == (0, 0), "a lexicon knows the sign, not the clip"


def test_files_that_are_not_asl_lex_are_rejected(tmp_path):
    with pytest.raises(BadInput, match="cannot read"):
        read_asl_lex(tmp_path / "none.csv")
    (tmp_path / "x.csv").write_text("EntryID,Handshape.2.0\na,b\n")
    with pytest.raises(BadInput, match=r"MajorLocation\.2\.0"):
        read_asl_lex(tmp_path / "x.csv")


def test_a_batch_has_the_labels_of_its_frames():
    labels = [Labels({"handshape": np.arange(10)}, {"sign type": 2}), Labels()]
    frames, clips = collate_labels(labels, [np.array([0, 4, 8]), np.array([0, 1, 2, 3])], torch.device("cpu"))
    assert frames["handshape"].tolist() == [[0, 4, 8, UNKNOWN], [UNKNOWN] * 4]
    assert clips["sign type"].tolist() == [2, UNKNOWN]
