"""The page of an evaluation."""

from dataclasses import replace

import pytest

from asl.pipelines.corpus.clips import Clip
from asl.pipelines.media.pose_files import write_pose
from asl.pipelines.studies.evaluation import intervals_note
from asl.pipelines.studies.evaluation_report import alignment, group_rows, headline, share_text, write_report
from asl.pipelines.workspace.folder import Workspace
from tests.made_up_signing import signing


def clip(name: str, *glosses: str, group: str) -> Clip:
    return Clip(name, f"poses/{name}.pose", "", name, "pose", glosses, group, group, "test", 25.0, 40, (1, 1, 1, 1))


def sign(name: str, gloss: str, read_as: str, rank: int) -> dict:
    return {"id": name, "name": f"{name}__take.pose", "gloss": gloss, "read_as": read_as, "rank": rank, "confidence": 0.9}


CLIPS = [clip("a", "BOOK", group="ann"), clip("b", "EAT", group="ben"), clip("c", "EAT", "NO", group="ben")]
RESULTS = {
    "model": "m", "decoder": "ctc-beam", "split": "test", "split_by": "group", "outside_vocabulary": {}, "intervals": "",
    "signs": 2, "sentences": 1,
    "top_1": {"value": 0.5, "low": 0.0, "high": 1.0},
    "clips": [sign("a", "BOOK", "BOOK", 1), sign("b", "EAT", "BOOK", 7)],
    "by_gloss": [
        {"gloss": "BOOK", "clips": 1, "top_1": 1.0, "top_5": 1.0, "precision": 0.5},
        {"gloss": "EAT", "clips": 1, "top_1": 0.0, "top_5": 0.0, "precision": None},
    ],
    "confusions": [{"truth": "EAT", "read_as": "BOOK", "clips": 1}],
    "read_sentences": [{"id": "c", "name": "c", "reference": "EAT NO", "read_as": "EAT BOOK YES", "errors": 2}],
}  # fmt: skip


@pytest.fixture
def page(tmp_path) -> str:
    (tmp_path / "asl.toml").touch()
    for number, of in enumerate(CLIPS):
        write_pose(tmp_path / of.pose, signing(number))
    write_report(tmp_path / "evaluate.html", Workspace(tmp_path), CLIPS, RESULTS)
    return (tmp_path / "evaluate.html").read_text()


def test_misread_clips_play_as_skeletons(page):
    assert page.count("data-points=") == 1
    assert "right gloss ranked 7" in page
    assert "b__<wbr>take.<wbr>pose" in page, "names break after their separators only"


def test_figures_are_given_by_group_and_few_clips_as_counts(page):
    assert 'ann</td><td class="n">1</td><td class="n">1 of 1</td>' in page
    assert 'ben</td><td class="n">1</td><td class="n">0 of 1</td>' in page
    assert "2 of 2</td>" in page, "word errors of ben's sentence"
    glosses = page[page.index("<h2>Glosses") : page.index("<h2>Confusions")]
    assert "1 of 2" in glosses, "one of two clips that were read as BOOK is one"
    assert "%" not in glosses


def test_sentences_are_aligned_with_their_errors_marked(page):
    assert '<td class="S">NO</td>' in page or '<td class="I">' in page
    assert alignment("EAT NO", "EAT BOOK YES")[0] == ("EAT", "EAT", "")
    assert sorted(mark for *_, mark in alignment("EAT NO", "EAT BOOK YES")) == ["", "I", "S"]
    assert alignment("EAT NO", "") == [("EAT", "", "D"), ("NO", "", "D")]


def test_a_single_clip_claims_no_percentage():
    assert (share_text(1.0, 1), share_text(1 / 3, 3), share_text(0.25, 40)) == ("1 of 1", "1 of 3", "25.0 %")
    assert headline(RESULTS | {"signs": 1, "top_1": {"value": 1.0, "low": 1.0, "high": 1.0}})["top_1"] == "1 of 1"
    assert headline(RESULTS)["top_1"] == "50.0 % [0.0, 100.0]"


def test_signers_are_groups_where_no_group_is_given():
    known = {of.id: replace(of, group="") for of in CLIPS}
    assert [row["group"] for row in group_rows(RESULTS, known)] == ["ann", "ben"]


def test_what_the_intervals_cover_is_said_of_signs_and_sentences_apart_if_it_differs():
    note = intervals_note(CLIPS)
    assert note.startswith("for signs over 2 groups")
    assert "; for sentences over clips, all of one group" in note
    assert intervals_note(CLIPS[:2]).startswith("over 2 groups")
