"""Which clips can be trained on."""

import pytest

from asl.pipelines.corpus.clips import Clip
from asl.pipelines.training.clip_selection import select_clips
from asl.pipelines.workspace.errors import BadInput


@pytest.mark.parametrize(("min_clips", "lower"), [(1, False), (2, True)])
def test_the_hint_lowers_the_minimum_only_where_it_can_be_lowered(min_clips, lower):
    clips = [Clip(f"c{i}", "", "", f"c{i}", "pose", ("A",), "", "", "train", 25.0, 30, (1, 1, 1, 1)) for i in range(3)]
    with pytest.raises(BadInput, match="a model needs two") as raised:
        select_clips(clips, min_clips)
    assert ("--min-clips" in raised.value.hint) == lower
    assert "add clips" in raised.value.hint
