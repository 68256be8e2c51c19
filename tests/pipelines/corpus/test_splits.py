from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.features.holistic import LEFT_HAND, RIGHT_HAND, Landmarks
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.corpus.copies import find_duplicates, trace
from asl.pipelines.corpus.splits import assign_splits
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.clips import SplitSettings
from tests.made_up_signing import signing


def clip(index: int, group="", split="") -> Clip:
    return Clip(f"c{index}", "", "", f"c{index}", "pose", ("A",), group, "", split, 25.0, 30, (1, 1, 1, 1))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 12), min_size=2, max_size=20), st.integers(0, 5))
def test_no_group_is_torn(sizes, seed):
    clips = [clip(100 * g + i, group=f"g{g}") for g, size in enumerate(sizes) for i in range(size)]
    split = assign_splits(clips, SplitSettings(split_seed=seed))
    assert split.how == "group"
    for group in {one.group for one in clips}:
        assert len({one.split for one in split.clips if one.group == group}) == 1
    assert assign_splits(clips, SplitSettings(split_seed=seed)).clips == split.clips


def test_shares_are_kept_about_and_the_order_of_clips_does_not_matter():
    clips = [clip(i, group=f"g{i // 4}") for i in range(400)]
    split = assign_splits(clips, SplitSettings())
    counts = Counter(one.split for one in split.clips)
    assert counts["test"] == pytest.approx(60, abs=4)
    assert counts["validation"] == pytest.approx(40, abs=4)
    again = {one.id: one.split for one in assign_splits(clips[::-1], SplitSettings()).clips}
    assert again == {one.id: one.split for one in split.clips}


def test_a_given_split_is_kept_and_the_rest_trains():
    split = assign_splits([clip(0, "a", "test"), clip(1, "a"), clip(2, "b", "validation")], SplitSettings())
    assert (split.how, [one.split for one in split.clips]) == ("given", ["test", "train", "validation"])
    assert "1 clips" in split.warnings[0]


def test_random_is_the_last_resort_and_says_so():
    split = assign_splits([clip(i) for i in range(50)], SplitSettings())
    assert split.how == "random"
    assert "signers may be in both" in split.warnings[0]
    assert assign_splits([clip(i) for i in range(50)], SplitSettings(by="random")).warnings == []


def test_groups_can_be_held_out_by_name():
    clips = [clip(i, group="abc"[i % 3]) for i in range(9)]
    split = assign_splits(clips, SplitSettings(test_groups=["b"], validation_groups=["c"]))
    assert {one.group: one.split for one in split.clips} == {"a": "train", "b": "test", "c": "validation"}
    for wrong in (SplitSettings(test_groups=["d"]), SplitSettings(test_groups=["a"], validation_groups=["a"])):
        with pytest.raises(BadInput):
            assign_splits(clips, wrong)


@pytest.mark.parametrize("by", ["given", "group"])
def test_a_split_that_cannot_be_made_is_refused(by):
    with pytest.raises(BadInput):
        assign_splits([clip(0), clip(1)], SplitSettings(by=by))


def altered(one: Landmarks, how: str) -> Landmarks:
    points, fps = one.points.copy(), one.fps
    if how == "shifted":
        points = points[5:]
    elif how == "moved":
        turn = np.array([[np.cos(0.2), -np.sin(0.2), 0], [np.sin(0.2), np.cos(0.2), 0], [0, 0, 1]], dtype=np.float32)
        points = 0.7 * points @ turn.T + np.float32(0.2)
    elif how == "faster":
        fps = 1.2 * fps
    elif how == "noisy":
        points += np.random.default_rng(0).normal(0, 0.002, points.shape).astype(np.float32)
    elif how == "mirrored":
        flipped = points * np.array([-1, 1, 1], dtype=np.float32)
        points = flipped.copy()
        points[:, LEFT_HAND], points[:, RIGHT_HAND] = flipped[:, RIGHT_HAND], flipped[:, LEFT_HAND]
        points[:, 11], points[:, 12] = flipped[:, 12], flipped[:, 11]
    return replace(one, points=points, fps=fps)


@pytest.mark.parametrize("how", ["exact", "shifted", "moved", "faster", "noisy", "mirrored"])
def test_copies_are_found_however_they_were_altered(how):
    clips = [signing(kind, seed) for kind in range(4) for seed in range(3)]
    copies = clips + [altered(clips[7], how)]
    found = find_duplicates([trace(one) for one in copies], lambda i, j: True)
    assert (7, len(clips)) in {(pair.first, pair.second) for pair in found}
    assert all(pair.second == len(clips) for pair in found), "other takes of a sign are no copies"
    if how == "exact":
        assert found[0].kind == "exact"


def test_only_pairs_that_may_be_are_looked_for():
    clips = [trace(signing(0))] * 3
    assert [(p.first, p.second) for p in find_duplicates(clips, lambda i, j: (i, j) == (0, 2))] == [(0, 2)]
    assert find_duplicates([], lambda i, j: True) == []


def test_clips_without_hands_are_no_copies_of_each_other():
    clips = []
    for seed in range(3):
        one = signing(0, seed)
        one.points[:, LEFT_HAND] = one.points[:, RIGHT_HAND] = np.nan
        clips.append(trace(one))
    assert find_duplicates(clips, lambda i, j: True) == []
