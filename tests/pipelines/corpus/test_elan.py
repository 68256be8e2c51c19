"""ELAN files as a source: tiers, hands, signers and utterances."""

from pathlib import Path

import pytest
from pympi.Elan import Eaf

from asl.models.features.tiers import Segment
from asl.pipelines.corpus.sources.elan_signs import merge_hands
from asl.pipelines.corpus.sources.elan_tiers import read_tiers
from asl.pipelines.corpus.sources.gather import Gathered, gather
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.clips import SourceSettings, SyntheticSettings

Marks = list[tuple[int, int, str]]


def touch(path: Path, text: str = "x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def eaf(path: Path, tiers: dict[str, Marks], participants: dict[str, str] | None = None) -> Path:
    document = Eaf(author="test")
    document.remove_tier("default")
    for tier, marks in tiers.items():
        document.add_tier(tier, part=(participants or {}).get(tier))
        for start, end, value in marks:
            document.add_annotation(tier, start, end, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    document.to_file(str(path))
    return path


def gathered(folder: Path, **settings) -> Gathered:
    """The clips of folder/v with the annotations in folder/e."""
    sources = {"videos": [str(folder / "v")]} if "manifest" not in settings else {}
    return gather(SourceSettings(**sources, annotations=str(folder / "e"), **settings), SyntheticSettings(), Path("nowhere"))


def glossed(clip) -> list[tuple[str, float, float]]:
    return [(s.value, round(s.start, 3), round(s.end, 3)) for s in clip.segments if s.tier == "gloss"]


def test_elan_files_give_segments_and_glosses(tmp_path):
    touch(tmp_path / "v" / "one.mp4")
    touch(tmp_path / "v" / "two.mp4")
    eaf(tmp_path / "e" / "one.eaf", {"Gloss": [(0, 400, "me"), (400, 900, "eat")], "locus": [(0, 300, "a")]})
    result = gathered(tmp_path)
    clip = next(clip for clip in result.clips if clip.path.stem == "one")
    assert clip.glosses == ("ME", "EAT")
    assert glossed(clip) == [("ME", 0, 0.4), ("EAT", 0.4, 0.9)]
    assert [s.value for s in clip.segments if s.tier == "locus"] == ["a"]
    assert result.broken == []
    assert result.notes == ["without annotations: 1 of 2 clips"]


def test_of_files_with_the_same_name_the_one_in_the_folder_of_the_clip_counts(tmp_path):
    for day in ("monday", "tuesday"):
        touch(tmp_path / "v" / day / "camera.mp4")
        eaf(tmp_path / "e" / day / "camera.eaf", {"gloss": [(0, 400, day)]})
    assert [clip.glosses for clip in gathered(tmp_path).clips] == [("MONDAY",), ("TUESDAY",)]
    touch(tmp_path / "v" / "camera.mp4")
    with pytest.raises(BadInput, match=r"camera\.eaf are both named after .*camera\.mp4"):
        gathered(tmp_path)
    eaf(tmp_path / "e" / "camera.eaf", {"gloss": [(0, 400, "any day")]})
    assert {clip.glosses for clip in gathered(tmp_path).clips} == {("MONDAY",), ("TUESDAY",), ("ANY-DAY",)}


@pytest.mark.parametrize("text", ["", "<a>", "hello", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "<ANNOTATION_DOCUMENT/>"])
def test_broken_elan_files_are_listed_and_their_clips_are_used(tmp_path, text):
    touch(tmp_path / "v" / "BOOK" / "one.mp4")
    touch(tmp_path / "e" / "one.eaf", text)
    result = gathered(tmp_path)
    assert len(result.clips) == 1
    assert result.clips[0].glosses == ("BOOK",)
    assert len(result.broken) == 1 or result.clips[0].segments == ()


def test_annotations_without_a_clip_are_rejected(tmp_path):
    touch(tmp_path / "v" / "one.mp4")
    eaf(tmp_path / "e" / "other.eaf", {"gloss": []})
    with pytest.raises(BadInput, match="named after a clip"):
        gathered(tmp_path)


def test_a_tier_that_no_file_has_lists_the_tiers_of_the_files(tmp_path):
    touch(tmp_path / "v" / "one.mp4")
    eaf(tmp_path / "e" / "one.eaf", {"RH-IDgloss": [(0, 400, "ME"), (400, 900, "EAT")], "Free Translation": [(0, 900, "I eat")]})
    with pytest.raises(BadInput, match="no ELAN file has a tier 'gloss'") as caught:
        gathered(tmp_path)
    assert "--gloss-tier RH-IDgloss: 'RH-IDgloss' (2), 'Free Translation' (1)" in caught.value.hint
    with pytest.raises(BadInput, match="no ELAN file has a tier 'sentence'"):
        gathered(tmp_path, gloss_tier=["RH-IDgloss"], utterance_tier=["sentence"])
    result = gathered(tmp_path, gloss_tier=["rh-idgloss", "LH-IDgloss"])
    assert result.clips[0].glosses == ("ME", "EAT")
    assert result.notes == [
        "no ELAN file has a tier 'LH-IDgloss' (--gloss-tier); the files have 'RH-IDgloss' (2), 'Free Translation' (1)"
    ]


def test_a_missing_gloss_tier_is_a_warning_if_every_clip_has_its_gloss_elsewhere(tmp_path):
    touch(tmp_path / "v" / "BOOK" / "one.mp4")
    eaf(tmp_path / "e" / "one.eaf", {"handshape": [(0, 400, "B")]})
    result = gathered(tmp_path)
    assert result.clips[0].glosses == ("BOOK",)
    assert result.notes == ["no ELAN file has a tier 'gloss' (--gloss-tier); the files have 'handshape' (1)"]


def test_annotated_clips_without_gloss_are_counted(tmp_path):
    for name in ("one", "two"):
        touch(tmp_path / "v" / f"{name}.mp4")
    eaf(tmp_path / "e" / "one.eaf", {"gloss": [(0, 400, "ME")]})
    eaf(tmp_path / "e" / "two.eaf", {"gloss": []})
    assert gathered(tmp_path).notes == ["1 annotated clip has no gloss; used for pre-training only"]


def segments(*marks: tuple[float, float, str]) -> list[Segment]:
    return [Segment("gloss", value, start, end) for start, end, value in marks]


@pytest.mark.parametrize(
    ("right", "left", "merged"),
    [
        # a sign of both hands has the times of the dominant hand
        ([(0, 1, "BOOK")], [(0.1, 1.2, "BOOK")], [(0, 1, "BOOK")]),
        # a hand that stays while the other goes on signing
        ([(0, 1, "BOOK"), (1, 2, "READ")], [(0, 2, "BOOK")], [(0, 1, "BOOK"), (1, 2, "READ")]),
        # a repeated sign, under one hold of the other hand
        ([(0, 1, "BOOK"), (1, 2, "BOOK")], [(0, 2, "BOOK")], [(0, 1, "BOOK"), (1, 2, "BOOK")]),
        # the same gloss one after the other, and different glosses at the same time, are signs of their own
        ([(0, 1, "BOOK")], [(1, 2, "BOOK")], [(0, 1, "BOOK"), (1, 2, "BOOK")]),
        ([(0, 1, "IX-a")], [(0, 1, "BOOK")], [(0, 1, "IX-a"), (0, 1, "BOOK")]),
        # a sign of the other hand only
        ([(0, 1, "ME"), (2, 3, "EAT")], [(1, 2, "NOW"), (2, 3, "")], [(0, 1, "ME"), (1, 2, "NOW"), (2, 3, "EAT")]),
    ],
)
def test_two_hands_become_one_sequence(right, left, merged):
    assert merge_hands([segments(*right), segments(*left)]) == segments(*merged)


def test_utterances_cut_a_recording_into_clips_with_the_glosses_of_both_hands(tmp_path):
    touch(tmp_path / "v" / "INTERVIEWS" / "long.mp4")
    eaf(
        tmp_path / "e" / "long.eaf",
        {
            "RH": [(1000, 1400, "me"), (1500, 2000, "eat"), (5200, 5800, "book")],
            "LH": [(1500, 2100, "eat"), (5000, 5900, "give")],
            "Sentence": [(900, 2200, "I eat"), (4900, 6000, "give it"), (7000, 8000, "nothing glossed")],
            "gloss": [(0, 9000, "not these")],
        },
    )
    result = gathered(tmp_path, gloss_tier=["RH", "LH"], utterance_tier=["sentence"])
    assert [(clip.name, clip.start, clip.end, clip.glosses) for clip in result.clips] == [
        ("INTERVIEWS/long.mp4@0.9", 0.9, 2.2, ("ME", "EAT")),
        ("INTERVIEWS/long.mp4@4.9", 4.9, 6.0, ("GIVE", "BOOK")),
        ("INTERVIEWS/long.mp4@7", 7.0, 8.0, ()),
    ]
    assert glossed(result.clips[0]) == [("ME", 0.1, 0.5), ("EAT", 0.6, 1.1)]
    assert result.notes == ["1 annotated clip has no gloss; used for pre-training only"]


SIGNERS = {"GlossR A": "A", "GlossR B": "B", "Sentence A": "A", "Sentence B": "B"}


def conversation(folder: Path) -> None:
    touch(folder / "v" / "talk.mp4")
    tiers = {
        "GlossR A": [(0, 500, "HELLO")],
        "GlossR B": [(400, 900, "THANKS")],
        "Sentence A": [(0, 1000, "hello")],
        "Sentence B": [(300, 1000, "thank you")],
    }
    eaf(folder / "e" / "talk.eaf", tiers, SIGNERS)


def test_a_clip_takes_the_glosses_of_its_signer(tmp_path):
    conversation(tmp_path)
    table = touch(tmp_path / "m.csv", "path,gloss,signer\nv/talk.mp4,,B\n")
    names = {"gloss_tier": ["GlossR A", "GlossR B"]}
    (clip,) = gathered(tmp_path, manifest=[str(table)], **names).clips
    assert (clip.glosses, clip.signer) == (("THANKS",), "B")
    (clip,) = gathered(tmp_path, manifest=[str(table)], utterance_tier=["Sentence A", "Sentence B"], **names).clips
    assert (clip.name, clip.glosses) == ("v/talk.mp4@0.3", ("THANKS",))
    (clip,) = gathered(tmp_path, gloss_tier=["GlossR A"]).clips
    assert (clip.glosses, clip.signer, clip.group) == (("HELLO",), "A", "A")


def test_glosses_of_several_signers_are_not_mixed(tmp_path):
    conversation(tmp_path)
    names = {"gloss_tier": ["GlossR A", "GlossR B"]}
    result = gathered(tmp_path, **names)
    assert result.clips[0].glosses == ()
    assert "several signers (A, B): their glosses are not used" in result.notes[0]
    result = gathered(tmp_path, utterance_tier=["Sentence A", "Sentence B"], **names)
    assert [(clip.signer, clip.glosses) for clip in result.clips] == [("A", ("HELLO",)), ("B", ("THANKS",))]
    assert "each utterance becomes a clip of its signer" in result.notes[0]


def test_subdivided_and_dependent_tiers_have_times(tmp_path):
    """Utterance > glosses within it > a note on each gloss, and words that share the time of the utterance."""
    document = Eaf(author="test")
    document.remove_tier("default")
    for kind in ("Included_In", "Time_Subdivision", "Symbolic_Association"):
        document.add_linguistic_type(kind, kind, timealignable=kind != "Symbolic_Association")
    document.add_tier("utterance")
    document.add_tier("gloss", "Included_In", "utterance")
    document.add_tier("note", "Symbolic_Association", "gloss")
    document.add_tier("words", "Time_Subdivision", "utterance")
    document.add_annotation("utterance", 1000, 4000, "I eat now")
    document.add_annotation("gloss", 1200, 2000, "ME")
    document.add_ref_annotation("note", "gloss", 1500, "index")
    slots = [document.generate_ts_id(time) for time in (1000, None, None, 4000)]
    for i, word in enumerate(("I", "eat", "now")):
        document.tiers["words"][0][document.generate_annotation_id()] = (slots[i], slots[i + 1], word, None)
    document.to_file(str(tmp_path / "a.eaf"))
    tiers = {tier.name: [(s.value, s.start, s.end) for s in tier.segments] for tier in read_tiers(tmp_path / "a.eaf")}
    assert tiers["note"] == [("index", 1.2, 2.0)]
    assert tiers["words"] == [("I", 1.0, 2.0), ("eat", 2.0, 3.0), ("now", 3.0, 4.0)]
