"""Which clips train, validate and test: the data set's own split, else by group, else at random (SPEC §14)."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from asl.pipelines.corpus.clips import Clip
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.clips import SplitSettings
from asl.pipelines.workspace.settings.fields import nearest_hint


@dataclass
class Split:
    """clips: with their split filled in; how: given, group or random; warnings: for a person and for the reports."""

    clips: list[Clip]
    how: str
    warnings: list[str] = field(default_factory=list)


def assign_splits(clips: Sequence[Clip], settings: SplitSettings) -> Split:
    """Fills in each clip's split. Raises BadInput: a split that cannot be made as asked."""
    held_out = settings.test_groups or settings.validation_groups
    how = "group" if held_out and settings.by == "auto" else _how(clips, settings.by)
    if how == "given":
        return _given(clips)
    if how == "group":
        return _by_named_groups(clips, settings) if held_out else _by_group(clips, settings)
    warnings = [] if settings.by == "random" else ["no groups and no split are given: split at random, signers may be in both"]
    return Split(_drawn(clips, [clip.id for clip in clips], settings), "random", warnings)


def _how(clips: Sequence[Clip], by: str) -> str:
    given = any(clip.split for clip in clips)
    grouped = len({clip.group for clip in clips if clip.group}) > 1
    if by == "given" and not given:
        raise BadInput("no clip has a split of its own", "use --split-by group or --split-by random")
    if by == "group" and not grouped:
        raise BadInput(
            "the clips have fewer than two groups", "name groups in the manifest or the file names, or use --split-by random"
        )
    if by != "auto":
        return by
    return "given" if given else "group" if grouped else "random"


def _given(clips: Sequence[Clip]) -> Split:
    rest = sum(not clip.split for clip in clips)
    warnings = [f"{rest} clips without a split of their own are used for training"] if rest else []
    return Split([clip if clip.split else replace(clip, split="train") for clip in clips], "given", warnings)


def check_groups(groups: Iterable[str], settings: SplitSettings) -> None:
    """Raises BadInput: a group that is to be tested or validated on has no clips."""
    known = {group for group in groups if group}
    for name in settings.test_groups + settings.validation_groups:
        if name not in known:
            raise BadInput(f"no clip is of group '{name}'", nearest_hint(name, known))


def _by_named_groups(clips: Sequence[Clip], settings: SplitSettings) -> Split:
    groups = {clip.group for clip in clips if clip.group}
    check_groups(groups, settings)
    both = set(settings.test_groups) & set(settings.validation_groups)
    if both:
        raise BadInput(f"group '{both.pop()}' cannot both test and validate", "name it once")
    splits = dict.fromkeys(settings.test_groups, "test") | dict.fromkeys(settings.validation_groups, "validation")
    return Split([replace(clip, split=splits.get(clip.group, "train")) for clip in clips], "group")


def _by_group(clips: Sequence[Clip], settings: SplitSettings) -> Split:
    """Whole groups; a clip without one is a group of its own."""
    split = Split(_drawn(clips, [clip.group or clip.id for clip in clips], settings), "group")
    for name in ("train", "test"):
        if not any(clip.split == name for clip in split.clips):
            split.warnings.append(f"the groups are so large that none is left for the {name} split")
    return split


def _drawn(clips: Sequence[Clip], groups: Sequence[str], settings: SplitSettings) -> list[Clip]:
    """Groups in an order that only the seed decides go to test, then to validation, while they fit; the rest trains.

    A group that exists stays where it is when others are added far from it: the order goes by each name's own hash.
    """
    sizes: dict[str, int] = defaultdict(int)
    for group in groups:
        sizes[group] += 1
    room = {"test": settings.test_share * len(clips), "validation": settings.validation_share * len(clips)}
    splits = {}
    for group in sorted(sizes, key=lambda name: hashlib.sha256(f"{settings.split_seed}:{name}".encode()).digest()):
        splits[group] = next((name for name, left in room.items() if left >= max(1, 0.5 * sizes[group])), "train")
        if splits[group] in room:
            room[splits[group]] -= sizes[group]
    return [replace(clip, split=splits[group]) for clip, group in zip(clips, groups, strict=True)]
