"""Assignment of clips to training, validation and test: the data set's own split, else by group, else at random (SPEC §14)."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field, replace

from asl.pipelines.corpus.clips import SPLITS, Clip
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.clips import SplitSettings
from asl.pipelines.workspace.settings.fields import nearest_hint


@dataclass
class Split:
    """Clips with their splits. method: given, group or random. warnings: for the user and the reports."""

    clips: list[Clip]
    method: str
    warnings: list[str] = field(default_factory=list)


def assign_splits(clips: Sequence[Clip], settings: SplitSettings) -> Split:
    """Assigns each clip to a split, whatever split it had before. Raises BadInput if the requested split is impossible."""
    held_out = settings.test_groups or settings.validation_groups
    method = "group" if held_out and settings.by == "auto" else _method(clips, settings.by)
    if method == "given":
        return _given_split(clips)
    if method == "group":
        return _held_out_groups(clips, settings) if held_out else _group_split(clips, settings)
    warning = "there are no groups and no given split: split at random, so signers may be in both training and test"
    warnings = [] if settings.by == "random" else [warning]
    recordings = [_recording(same) for same in _same_content(clips)]
    return _with_empty_splits_named(Split(_drawn(clips, recordings, settings), "random", warnings), settings)


def _same_content(clips: Sequence[Clip]) -> list[list[Clip]]:
    """For each clip, those with the same landmarks, itself among them: a recording that is listed with several glosses."""
    by_content: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        by_content[clip.digest or clip.id].append(clip)
    return [by_content[clip.digest or clip.id] for clip in clips]


def _recording(same: Sequence[Clip]) -> str:
    """A name for clips with the same content."""
    return min(clip.id for clip in same)


def _method(clips: Sequence[Clip], by: str) -> str:
    given = any(clip.given_split for clip in clips)
    grouped = len({clip.group for clip in clips if clip.group}) > 1
    if by == "given" and not given:
        raise BadInput("the data set has no split of its own", "use --split-by group or --split-by random")
    if by == "group" and not grouped:
        raise BadInput(
            "the clips have fewer than two groups", "give groups in the manifest or in file names, or use --split-by random"
        )
    if by != "auto":
        return by
    return "given" if given else "group" if grouped else "random"


def _given_split(clips: Sequence[Clip]) -> Split:
    """The given splits. A clip without one goes where its group is, so that it does not bring the group into training."""
    of_group: dict[str, set[str]] = defaultdict(set)
    for clip in clips:
        if clip.given_split and clip.group:
            of_group[clip.group].add(clip.given_split)
    assigned = [replace(clip, split=clip.given_split or _least_strict(of_group.get(clip.group, set()))) for clip in clips]
    counts = Counter(clip.split for clip in assigned if not clip.given_split)
    warnings = []
    if counts["train"]:
        warnings.append(f"{_without_given_split(counts['train'])} used for training")
    if followers := counts["validation"] + counts["test"]:
        warnings.append(f"{_without_given_split(followers)} used for validation or test, as others of the same group")
    return Split(assigned, "given", warnings)


def _without_given_split(count: int) -> str:
    return counted(count, "clip without a given split is", "clips without a given split are")


def _least_strict(splits: Set[str]) -> str:
    """The first of train, validation and test that is among the splits; train if there are none."""
    return next((name for name in SPLITS if name in splits), "train")


def check_groups(groups: Iterable[str], settings: SplitSettings) -> None:
    """Raises BadInput if a group to hold out has no clips."""
    names = {group for group in groups if group}
    for name in settings.test_groups + settings.validation_groups:
        if name not in names:
            raise BadInput(f"group '{name}' has no clips", nearest_hint(name, names))


def _held_out_groups(clips: Sequence[Clip], settings: SplitSettings) -> Split:
    groups = {clip.group for clip in clips if clip.group}
    check_groups(groups, settings)
    both = set(settings.test_groups) & set(settings.validation_groups)
    if both:
        raise BadInput(f"group '{both.pop()}' is held out for both test and validation", "name it for one of them")
    splits = dict.fromkeys(settings.test_groups, "test") | dict.fromkeys(settings.validation_groups, "validation")
    return Split([replace(clip, split=splits.get(clip.group, "train")) for clip in clips], "group")


def _group_split(clips: Sequence[Clip], settings: SplitSettings) -> Split:
    """Splits whole groups. A clip without a group belongs to that of a clip with the same content, else is one of its own."""
    groups = [
        clip.group or min((other.group for other in same if other.group), default=_recording(same))
        for clip, same in zip(clips, _same_content(clips), strict=True)
    ]
    split = Split(_drawn(clips, groups, settings), "group")
    return _with_empty_splits_named(split, settings)


def _with_empty_splits_named(split: Split, settings: SplitSettings) -> Split:
    """The split, with a warning and its reason if there is nothing to train or to test on."""
    for name, share in (("train", 1.0), ("test", settings.test_share)):
        if share and not any(clip.split == name for clip in split.clips):
            few = share * len(split.clips) < 1
            reason = (
                f"{100 * share:g} % of {counted(len(split.clips), 'clip')} is less than one"
                if few
                else "the groups are too large"
            )
            split.warnings.append(f"the {name} split is empty, because {reason}")
    return split


def _drawn(clips: Sequence[Clip], groups: Sequence[str], settings: SplitSettings) -> list[Clip]:
    """Assigns groups, in an order that depends on the seed, to test, then to validation, while there is room; others train.

    Groups are ordered by the hash of their names, so that adding a group leaves most of the others in their splits.
    """
    sizes: dict[str, int] = defaultdict(int)
    for group in groups:
        sizes[group] += 1
    room = {"test": settings.test_share * len(clips), "validation": settings.validation_share * len(clips)}
    splits = {}
    for group in sorted(sizes, key=lambda name: hashlib.sha256(f"{settings.split_seed}:{name}".encode()).digest()):
        splits[group] = next((name for name, clips_left in room.items() if clips_left >= max(1, 0.5 * sizes[group])), "train")
        if splits[group] in room:
            room[splits[group]] -= sizes[group]
    return [replace(clip, split=splits[group]) for clip, group in zip(clips, groups, strict=True)]
