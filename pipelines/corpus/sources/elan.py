"""`--annotations DIR`: ELAN .eaf files for the videos, named <video name>.eaf.

In several folders, files may have the same name if the folders are named like those of the videos.

The gloss tiers give the segments (level 1) and the glosses in order; utterance tiers cut recordings into clips. All other tiers
(referents, loci, …) are kept unchanged.
"""

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.corpus.sources.elan_signs import TierNames, labelled_clips
from asl.pipelines.corpus.sources.elan_tiers import Tier, read_tiers
from asl.pipelines.corpus.sources.videos import check_folder
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import BadInput

MAX_LISTED_TIERS = 20

#: A clip and the tiers of its file.
_Read = tuple[ClipSource, list[Tier]]


@dataclass
class Annotated:
    """Clips with their annotations. broken: (file, reason) of files that cannot be read. notes: warnings for the user."""

    clips: list[ClipSource]
    broken: dict[Path, str]
    notes: list[str]


def annotate(clips: Sequence[ClipSource], folder: Path, names: TierNames) -> Annotated:
    """The clips with the segments of their .eaf files; those with utterances are cut into one clip for each.

    Raises BadInput if the folder does not exist, none of its files belongs to a clip, or no file has a tier that is needed.
    """
    check_folder(folder, "--annotations")
    files, annotated, read = _Files(folder), [], []
    unlabelled = 0
    for clip in clips:
        tiers = files.tiers(clip)
        parts = labelled_clips(clip, tiers, names) if tiers else [clip]
        annotated += parts
        if tiers:
            read.append((clip, tiers))
            unlabelled += sum(not part.glosses for part in parts)
    if not read and not files.broken:
        raise BadInput(f"--annotations: no file in {folder} is named after a clip", "name them <video name>.eaf")
    return Annotated(annotated, files.broken, _notes(clips, read, names, unlabelled))


class _Files:
    """The files of a folder by the name of their clip, each read once. broken: the reason why a file cannot be read."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._files: dict[str, list[Path]] = {}
        for path in sorted(folder.rglob("*.eaf")):
            self._files.setdefault(path.stem, []).append(path)
        self._tiers: dict[Path, list[Tier]] = {}
        self.broken: dict[Path, str] = {}

    def tiers(self, clip: ClipSource) -> list[Tier]:
        """The tiers of a clip's file; none if there is no such file or it cannot be read.

        Raises BadInput if there are several such files.
        """
        file = self._file(clip.path) if clip.kind != "array" else None
        if file is None or file in self.broken:
            return []
        try:
            self._tiers[file] = self._tiers[file] if file in self._tiers else read_tiers(file)
        except BadInput as error:
            self.broken[file] = error.message
        return self._tiers.get(file, [])

    def _file(self, clip: Path) -> Path | None:
        """The file that is named after a clip; of several, the one in folders that are named like those of the clip."""
        files = self._files.get(clip.stem, [])
        if len(files) < 2:
            return next(iter(files), None)
        names = clip.absolute().with_suffix("").parts
        paths = {file: file.relative_to(self._folder).with_suffix("").parts for file in files}
        beside = [file for file, parts in paths.items() if names[-len(parts) :] == parts]
        if not beside:
            raise BadInput(
                f"--annotations: {files[0]} and {files[1]} are both named after {clip}",
                "lay them out in folders that are named like those of the videos",
            )
        return max(beside, key=lambda file: len(paths[file]))


def _notes(clips: Sequence[ClipSource], read: Sequence[_Read], names: TierNames, unlabelled: int) -> list[str]:
    """Warnings about clips without annotations or glosses, and about tiers. Raises BadInput as `annotate` does."""
    notes = [f"without annotations: {len(clips) - len(read)} of {counted(len(clips), 'clip')}"] if len(read) < len(clips) else []
    files = list({id(tiers): tiers for _, tiers in read}.values())  # one file may belong to many clips
    notes += _missing_tiers(files, names.gloss, "--gloss-tier", needed=bool(unlabelled))
    notes += _missing_tiers(files, names.utterance, "--utterance-tier", needed=True)
    notes += _several_signers(read, names)
    if unlabelled:
        notes.append(f"{counted(unlabelled, 'annotated clip has', 'annotated clips have')} no gloss; used for pre-training only")
    return notes


def _several_signers(read: Sequence[_Read], names: TierNames) -> list[str]:
    """A warning about recordings of several signers that do not say which of them the clip shows."""
    signers = [(clip, names.signers(tiers)) for clip, tiers in read]
    ambiguous = [several for clip, several in signers if len(several) > 1 and clip.signer not in several]
    if not ambiguous:
        return []
    listed = ", ".join(sorted(ambiguous[0]))
    use = "each utterance becomes a clip of its signer" if names.utterance else "their glosses are not used"
    return [
        f"{len(ambiguous)} recordings are glossed for several signers ({listed}): {use}. If a video shows one of them, name that "
        "signer in the column 'signer' of a manifest, or name the tiers of that signer only"
    ]


def _missing_tiers(files: Sequence[Sequence[Tier]], names: Sequence[str], option: str, needed: bool) -> list[str]:
    """A warning for each tier that no file has. Raises BadInput if no file has any of them and they are needed."""
    found = {tier.name.lower() for tiers in files for tier in tiers}
    missing = [name for name in names if name.lower() not in found]
    if not files or not missing:
        return []
    problems = [f"no ELAN file has a tier '{name}' ({option})" for name in missing]
    if needed and len(missing) == len(names):
        raise BadInput(
            problems[0], f"name one of the tiers of the files, such as {option} {_example(files)}: {listed_tiers(files)}"
        )
    return [f"{problem}; the files have {listed_tiers(files)}" for problem in problems]


def _example(files: Iterable[Sequence[Tier]]) -> str:
    counts = Counter(tier.name for tiers in files for tier in tiers for _ in tier.segments)
    return shlex.quote(counts.most_common(1)[0][0]) if counts else "NAME"


def listed_tiers(files: Iterable[Sequence[Tier]]) -> str:
    """The names of the tiers in these files with the number of their annotations, those with most annotations first."""
    counts = Counter({tier.name: 0 for tiers in files for tier in tiers})
    for tiers in files:
        counts.update({tier.name: len(tier.segments) for tier in tiers})
    listed = [f"'{name}' ({count})" for name, count in counts.most_common(MAX_LISTED_TIERS)]
    more = len(counts) - len(listed)
    return (", ".join(listed) + (f" and {more} more" if more else "")) or "no tiers"
