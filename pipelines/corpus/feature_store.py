"""The feature store: every clip's features in arrays on disk, made once a setting and read where they lie (SPEC §3).

The clips lie in shards of CLIPS_A_SHARD in their order, so that a corpus of any size is made in pieces, by several processes or
machines, and is never in memory as a whole. A shard's hash is looked at before its first use.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from io import BytesIO
from pathlib import Path

import numpy as np

from asl.models.features.feature_sets import FEATURE_SETS, FeatureSet, clip_features
from asl.models.features.holistic import Landmarks
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.jobs.processes import WorkerDied, Workers, fan_out
from asl.pipelines.media.pose_files import read_pose
from asl.pipelines.workspace.errors import AslError, BadInput
from asl.pipelines.workspace.files import file_hash, value_hash, write_atomically, write_json
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.clips import FeatureSettings

CODE = 2
CLIPS_A_SHARD = 1024
INDEX, LENGTHS = "index.json", "lengths.npy"


@dataclass(frozen=True)
class FeatureStore:
    """Features of the workspace's clips in their order. starts: (clips + 1,) frame of the store at which each clip begins.

    digests: SHA-256 of each shard. interpolated: hand frames that were.
    """

    settings: FeatureSettings
    clips: Sequence[Clip]
    folder: Path
    starts: np.ndarray
    digests: Sequence[str]
    interpolated: int
    _open: dict[int, np.ndarray] = field(default_factory=dict, repr=False)

    @property
    def feature_set(self) -> FeatureSet:
        return FEATURE_SETS[self.settings.features]

    @property
    def fps(self) -> float:
        return self.settings.fps

    def __getitem__(self, index: int) -> np.ndarray:
        """(T, size) of one clip, NaN where absent; memory-mapped. Raises AslError if they are gone or damaged."""
        number = index // CLIPS_A_SHARD
        shard = self._open.get(number)
        if shard is None:
            shard = self._open[number] = self._shard(number)
        before = self.starts[number * CLIPS_A_SHARD]
        return shown_parts(np.asarray(shard[self.starts[index] - before : self.starts[index + 1] - before]), self.settings)

    def _shard(self, number: int) -> np.ndarray:
        file = _shard_file(self.folder, number)
        if not file.is_file() or file_hash(file) != self.digests[number]:
            raise AslError(f"the features in {file} are gone or damaged", f"delete {self.folder}; it is made anew")
        return np.load(file, mmap_mode="r", allow_pickle=False)


def features_of(landmarks: Landmarks, settings: FeatureSettings) -> tuple[np.ndarray, int]:
    """(T, size) of a clip under these settings, all parts of them, and the number of hand frames that were interpolated."""
    how = {"depth": settings.depth, "causal": settings.causal_features}
    return clip_features(landmarks, FEATURE_SETS[settings.features], settings.fps, **how)


def shown_parts(features: np.ndarray, settings: FeatureSettings) -> np.ndarray:
    """(T, size): the parts that the settings leave out made absent. Raises BadInput if the set has none of the others."""
    hidden = _hidden(settings.features, settings.parts)
    return np.where(hidden, np.float32(np.nan), features) if hidden.any() else features


@lru_cache
def _hidden(features: str, parts: str) -> np.ndarray:
    """(size,) bool."""
    feature_set = FEATURE_SETS[features]
    try:
        return np.isnan(feature_set.keep_modalities(np.zeros((1, feature_set.size), np.float32), parts.split("+")))[0]
    except ValueError as error:
        raise BadInput(str(error), "use --features landmarks or phon36+landmarks, or other --parts") from error


def open_features(
    workspace: Workspace, clips: Sequence[Clip], settings: FeatureSettings, progress: Progress, where: Workers | None = None
) -> FeatureStore:
    """The store for these clips and settings; what of it is not there yet is computed. where: by whom, if it is much.

    Raises AslError if a clip's landmarks are gone or damaged.
    """
    folder = features_folder(workspace, clips, settings)
    if not (folder / INDEX).is_file():
        _build(workspace, clips, settings, folder, progress, where or Workers())
    try:
        index = json.loads((folder / INDEX).read_text())
        if file_hash(folder / LENGTHS) != index["lengths"]:
            raise ValueError("lengths that were changed")
        lengths = np.load(folder / LENGTHS, allow_pickle=False)
        starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        return FeatureStore(settings, clips, folder, starts, tuple(index["shards"]), int(index["interpolated"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AslError(f"the features in {folder} are damaged: {error}", "delete that folder; it is made anew") from error


def features_folder(workspace: Workspace, clips: Sequence[Clip], settings: FeatureSettings) -> Path:
    """Where the features of these clips lie, or will."""
    made = [CODE, settings.features, settings.fps, settings.depth, settings.causal_features]
    listed = hashlib.sha256("\n".join(f"{clip.id} {clip.digest}" for clip in clips).encode())
    return workspace.features / value_hash([*made, listed.hexdigest()])


@dataclass(frozen=True)
class _ShardJob:
    """A shard to make: its number and its clips."""

    number: int
    clips: tuple[Clip, ...]


def _build(
    workspace: Workspace, clips: Sequence[Clip], settings: FeatureSettings, folder: Path, progress: Progress, where: Workers
) -> None:
    """Makes the shards that are not there yet, each with a record that says that it is whole, and at last the index."""
    jobs = [
        _ShardJob(number, tuple(clips[start : start + CLIPS_A_SHARD]))
        for number, start in enumerate(range(0, len(clips), CLIPS_A_SHARD))
    ]
    missing = [job for job in jobs if not _record_file(folder, job.number).is_file()]
    progress.start("features", sum(len(job.clips) for job in missing))
    if len(jobs) == 1 and missing:
        _make_shard(jobs[0], workspace, settings, folder, progress)
    else:
        for job, future in fan_out(partial(_make_shard, workspace=workspace, settings=settings, folder=folder), missing, where):
            try:
                future.result()
            except WorkerDied as error:
                which = f"{len(job.clips):,} clips from {job.clips[0].name} on"
                raise AslError(f"no features could be made of {which}: {error}", "look at them") from error
            progress.advance(len(job.clips))
    _write_index(folder, len(jobs), settings)


def _write_index(folder: Path, shards: int, settings: FeatureSettings) -> None:
    records = [json.loads(_record_file(folder, number).read_text()) for number in range(shards)]
    buffer = BytesIO()
    np.save(buffer, np.concatenate([record["lengths"] for record in records]).astype(np.int64))
    write_atomically(folder / LENGTHS, buffer.getvalue())
    # Written last: its presence says that the store is whole.
    index = {"settings": vars(settings), "interpolated": sum(record["interpolated"] for record in records)}
    index |= {"lengths": file_hash(folder / LENGTHS), "shards": [record["sha256"] for record in records]}
    write_json(folder / INDEX, index)


def _make_shard(
    job: _ShardJob, workspace: Workspace, settings: FeatureSettings, folder: Path, progress: Progress | None = None
) -> None:
    parts, interpolated = [], 0
    for clip in job.clips:
        features, filled = features_of(_landmarks(workspace, clip), settings)
        parts.append(features)
        interpolated += filled
        if progress:
            progress.advance()
    buffer = BytesIO()
    np.save(buffer, np.concatenate(parts))
    write_atomically(_shard_file(folder, job.number), buffer.getvalue())
    record = {"sha256": file_hash(_shard_file(folder, job.number)), "lengths": [len(part) for part in parts]}
    write_json(_record_file(folder, job.number), record | {"interpolated": interpolated})


def _shard_file(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.npy"


def _record_file(folder: Path, number: int) -> Path:
    return folder / f"{number:05d}.json"


def _landmarks(workspace: Workspace, clip: Clip):
    path = workspace.inside(clip.pose)
    if not path.is_file() or file_hash(path) != clip.digest:
        raise AslError(
            f"the landmarks of {clip.name} are gone or damaged ({clip.pose})",
            "delete that file, if it is there, then: asl extract",
        )
    return read_pose(path)
