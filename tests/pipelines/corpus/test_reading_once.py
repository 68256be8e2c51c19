"""`asl extract` reads no landmarks that it has just written, and those of earlier runs once."""

import sys
from collections import Counter
from contextlib import contextmanager

import pytest

from asl.pipelines.corpus.landmark_summary import MAX_CARDS, Summaries, read_summary
from asl.pipelines.media.pose_files import write_pose
from tests.made_up_signing import signing, write_corpus
from tests.running_asl import result

_watched: list[tuple[str, Counter]] = []


def _hook(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and _watched:
        folder, counts = _watched[-1]
        if arguments[0].startswith(folder) and arguments[0].endswith(".pose"):
            counts[arguments[0]] += 1


@contextmanager
def opened_below(folder):
    """How often each .pose file below a folder is opened meanwhile. Audit hooks cannot be removed, so there is one for all."""
    if _hook not in _installed:
        _installed.append(_hook)
        sys.addaudithook(_hook)
    counts: Counter = Counter()
    _watched.append((str(folder), counts))
    try:
        yield counts
    finally:
        _watched.pop()


_installed: list = []


@pytest.fixture
def workspace(tmp_path, asl):
    asl("init", tmp_path / "ws", check=0)
    return tmp_path / "ws"


def test_new_landmarks_are_not_read_again_and_earlier_ones_once(workspace, asl, tmp_path):
    poses = write_corpus(tmp_path / "poses")
    with opened_below(workspace) as counts:
        asl("extract", "-w", workspace, "--poses", poses, check=0)
    assert not counts
    (workspace / "clips.jsonl").unlink()
    with opened_below(workspace) as counts:
        asl("extract", "-w", workspace, "--poses", poses, check=0)
    assert set(counts.values()) == {1}
    assert len(counts) == 24


def test_the_summary_of_new_landmarks_is_that_of_the_file(workspace, asl, tmp_path):
    poses = write_corpus(tmp_path / "poses")
    asl("extract", "-w", workspace, "--poses", poses, check=0)
    first = [(workspace / name).read_bytes() for name in ("clips.jsonl", "reports/extract.html")]
    (workspace / "clips.jsonl").unlink()
    asl("extract", "-w", workspace, "--poses", poses, check=0)
    again = [(workspace / name).read_bytes() for name in ("clips.jsonl", "reports/extract.html")]
    assert again[0] == first[0]
    assert again[1].count(b"animation") == first[1].count(b"animation")


def test_only_the_worst_detections_keep_their_cards(tmp_path):
    write_pose(tmp_path / "a.pose", signing(0))
    summary, summaries = read_summary(tmp_path / "a.pose", synthetic=True), Summaries()
    for number in range(3 * MAX_CARDS):
        summaries.add(str(number), f"{number:05d}", summary)
    kept = [number for number in range(3 * MAX_CARDS) if summaries[str(number)].card]
    assert kept[:MAX_CARDS] == list(range(MAX_CARDS))
    assert len(kept) < 2 * MAX_CARDS


def test_damaged_landmarks_are_listed(workspace, asl, tmp_path):
    poses = write_corpus(tmp_path / "poses", glosses=2, clips=2)
    asl("extract", "-w", workspace, "--poses", poses, check=0)
    damaged = next(workspace.glob("landmarks/*/*.pose"))
    damaged.write_bytes(b"no pose")
    (workspace / "clips.jsonl").unlink()
    found = result(asl("extract", "-w", workspace, "--poses", poses, "--format", "json", check=3))
    assert f"delete {damaged}" in found["failures"][0]["message"]
