import tracemalloc
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.features.holistic import LEFT_HAND, RIGHT_HAND, Landmarks
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.corpus.copies import find_duplicates, is_copy, trace
from asl.pipelines.corpus.splits import assign_splits
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.clips import SplitSettings
from tests.made_up_signing import signing


def clip(index: int, group="", split="") -> Clip:
    return Clip(f"c{index}", "", "", f"c{index}", "pose", ("A",), group, "", "", 25.0, 30, (1, 1, 1, 1), given_split=split)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=2, max_size=20), st.integers(0, 5))
def test_groups_are_not_divided(sizes, seed):
    clips = [clip(100 * g + i, group=f"g{g}") for g, size in enumerate(sizes) for i in range(size)]
    split = assign_splits(clips, SplitSettings(split_seed=seed))
    assert split.method == "group"
    for group in {clip.group for clip in clips}:
        assert len({clip.split for clip in split.clips if clip.group == group}) == 1
    assert assign_splits(clips, SplitSettings(split_seed=seed)).clips == split.clips


def test_shares_are_approximate_and_independent_of_the_order_of_clips():
    clips = [clip(i, group=f"g{i // 4}") for i in range(400)]
    split = assign_splits(clips, SplitSettings())
    counts = Counter(clip.split for clip in split.clips)
    assert counts["test"] == pytest.approx(60, abs=4)
    assert counts["validation"] == pytest.approx(40, abs=4)
    again = {clip.id: clip.split for clip in assign_splits(clips[::-1], SplitSettings()).clips}
    assert again == {clip.id: clip.split for clip in split.clips}


@pytest.mark.parametrize("by", ["random", "group"])
def test_a_recording_that_is_listed_with_several_glosses_is_not_divided(by):
    singles = [replace(clip(i, group=f"g{i}" if by == "group" else ""), digest=f"d{i}") for i in range(60)]
    again = [replace(single, id=f"x{single.id}", glosses=("B",), group="") for single in singles]
    of_digest: dict[str, set[str]] = {}
    for assigned in assign_splits([*singles, *again], SplitSettings(by=by)).clips:
        of_digest.setdefault(assigned.digest, set()).add(assigned.split)
    assert all(len(splits) == 1 for splits in of_digest.values())
    assert set.union(*of_digest.values()) == {"train", "validation", "test"}


def test_a_given_split_is_kept_and_other_clips_train():
    split = assign_splits([clip(0, "a", "test"), clip(1, "c"), clip(2, "b", "validation"), clip(3)], SplitSettings())
    assert (split.method, [clip.split for clip in split.clips]) == ("given", ["test", "train", "validation", "train"])
    assert split.warnings == ["2 clips without a given split are used for training"]


def test_a_clip_without_a_given_split_does_not_bring_its_group_into_training():
    given_splits = [("a", "test"), ("b", "validation"), ("b", "test"), ("c", "test"), ("c", "train")]
    given_clips = [clip(i, group, split) for i, (group, split) in enumerate(given_splits)]
    split = assign_splits([*given_clips, clip(10, "a"), clip(11, "b"), clip(12, "c")], SplitSettings())
    assert [clip.split for clip in split.clips[5:]] == ["test", "validation", "train"]
    assert "2 clips without a given split are used for validation or test" in split.warnings[1]


def test_splits_are_assigned_anew():
    clips = [clip(i, group=f"g{i // 4}") for i in range(40)]
    before = [replace(clip, split="train") for clip in clips]
    assert assign_splits(before, SplitSettings()).clips == assign_splits(clips, SplitSettings()).clips


def test_a_random_split_is_the_last_resort_and_warns():
    split = assign_splits([clip(i) for i in range(50)], SplitSettings())
    assert split.method == "random"
    assert "signers may be in both" in split.warnings[0]
    assert assign_splits([clip(i) for i in range(50)], SplitSettings(by="random")).warnings == []


def test_groups_can_be_held_out_by_name():
    clips = [clip(i, group="abc"[i % 3]) for i in range(9)]
    split = assign_splits(clips, SplitSettings(test_groups=["b"], validation_groups=["c"]))
    assert {clip.group: clip.split for clip in split.clips} == {"a": "train", "b": "test", "c": "validation"}
    for wrong in (SplitSettings(test_groups=["d"]), SplitSettings(test_groups=["a"], validation_groups=["a"])):
        with pytest.raises(BadInput):
            assign_splits(clips, wrong)


@pytest.mark.parametrize("by", ["given", "group"])
def test_an_impossible_split_is_rejected(by):
    with pytest.raises(BadInput):
        assign_splits([clip(0), clip(1)], SplitSettings(by=by))


def altered(landmarks: Landmarks, change: str) -> Landmarks:
    points, fps = landmarks.points.copy(), landmarks.fps
    if change == "shifted":
        points = points[5:]
    elif change == "moved":
        turn = np.array([[np.cos(0.2), -np.sin(0.2), 0], [np.sin(0.2), np.cos(0.2), 0], [0, 0, 1]], dtype=np.float32)
        points = 0.7 * points @ turn.T + np.float32(0.2)
    elif change == "faster":
        fps = 1.2 * fps
    elif change == "noisy":
        points += np.random.default_rng(0).normal(0, 0.002, points.shape).astype(np.float32)
    elif change == "mirrored":
        flipped = points * np.array([-1, 1, 1], dtype=np.float32)
        points = flipped.copy()
        points[:, LEFT_HAND], points[:, RIGHT_HAND] = flipped[:, RIGHT_HAND], flipped[:, LEFT_HAND]
        points[:, 11], points[:, 12] = flipped[:, 12], flipped[:, 11]
    return replace(landmarks, points=points, fps=fps)


@pytest.mark.parametrize("change", ["exact", "shifted", "moved", "faster", "noisy", "mirrored"])
def test_altered_copies_are_found(change):
    clips = [signing(kind, seed) for kind in range(4) for seed in range(3)]
    copies = clips + [altered(clips[7], change)]
    duplicates = find_duplicates([trace(landmarks) for landmarks in copies], lambda i, j: True)
    assert (7, len(clips)) in {(pair.first, pair.second) for pair in duplicates}
    assert all(pair.second == len(clips) for pair in duplicates), "other takes of a sign are not copies"
    if change == "exact":
        assert duplicates[0].kind == "exact"


def with_rest(landmarks: Landmarks, seconds: float, seed: int) -> Landmarks:
    """The clip, with resting hands before and after, and the noise of a detector."""
    frames = round(seconds * landmarks.fps)
    before, after = (np.repeat(landmarks.points[i][None], frames, axis=0) for i in (0, -1))
    points = np.concatenate([before, landmarks.points, after])
    points += np.random.default_rng(seed).normal(0, 0.001, points.shape).astype(np.float32)
    return replace(landmarks, points=points)


@pytest.mark.parametrize("kind", range(6))
def test_a_noisy_copy_with_rest_at_both_ends_is_found_and_another_take_is_not(kind):
    clip, take = (with_rest(signing(kind, seed), 1.6, seed) for seed in (0, 1))
    copy = with_rest(signing(kind, 0), 1.6, seed=2)
    duplicates = find_duplicates([trace(landmarks) for landmarks in (clip, take, copy)], lambda i, j: True)
    assert [(pair.first, pair.second) for pair in duplicates] == [(0, 2)]


def test_long_copies_are_compared_in_little_memory():
    steps = np.random.default_rng(0).normal(0, 0.03, (6000, 2, 1, 2))
    track = np.repeat(np.cumsum(steps, axis=0), 5, axis=2)
    copy = track[100:] + np.random.default_rng(1).normal(0, 0.005, track[100:].shape)
    tracemalloc.start()
    try:
        assert is_copy(track, copy)
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()


def test_only_allowed_pairs_are_searched():
    clips = [trace(signing(0))] * 3
    assert [(p.first, p.second) for p in find_duplicates(clips, lambda i, j: (i, j) == (0, 2))] == [(0, 2)]
    assert find_duplicates([], lambda i, j: True) == []


def test_clips_without_hands_are_not_copies():
    clips = []
    for seed in range(3):
        landmarks = signing(0, seed)
        landmarks.points[:, LEFT_HAND] = landmarks.points[:, RIGHT_HAND] = np.nan
        clips.append(trace(landmarks))
    assert find_duplicates(clips, lambda i, j: True) == []
