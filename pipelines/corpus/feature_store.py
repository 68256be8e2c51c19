"""The feature store: features of all clips in memory-mapped arrays on disk, computed once per settings (SPEC §3).

Clips are stored in order, in shards of CLIPS_PER_SHARD. A corpus of any size is computed in parts, by several processes or
machines, and never held in memory as a whole. The hash of a shard is checked before its first use.
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
from asl.pipelines.workspace.code_versions import VERSIONS
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import AslError, BadInput
from asl.pipelines.workspace.files import file_hash, value_hash, write_atomically, write_json
from asl.pipelines.workspace.folder import Workspace
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.clips import FeatureSettings

CLIPS_PER_SHARD = 1024
INDEX, LENGTHS = "index.json", "lengths.npy"


@dataclass(frozen=True)
class FeatureStore:
    """Features of clips, in their order. starts: (clips + 1,) index of the first frame of each clip in the store.

    digests: SHA-256 of each shard. interpolated: number of hand frames that were interpolated.
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
        """(T, size) features of a clip, NaN where absent; memory-mapped. Raises AslError if they are missing or damaged."""
        number = index // CLIPS_PER_SHARD
        shard = self._open.get(number)
        if shard is None:
            shard = self._open[number] = self._shard(number)
        offset = self.starts[number * CLIPS_PER_SHARD]
        return select_parts(np.asarray(shard[self.starts[index] - offset : self.starts[index + 1] - offset]), self.settings)

    def _shard(self, number: int) -> np.ndarray:
        file = _shard_file(self.folder, number)
        if not file.is_file() or file_hash(file) != self.digests[number]:
            raise AslError(f"the features in {file} are missing or damaged", f"delete {self.folder}; it is computed again")
        return np.load(file, mmap_mode="r", allow_pickle=False)


def compute_features(landmarks: Landmarks, settings: FeatureSettings) -> tuple[np.ndarray, int]:
    """(T, size) features of a clip, with all parts of the signer, and the number of hand frames that were interpolated."""
    options = {"depth": settings.depth, "causal": settings.causal_features}
    return clip_features(landmarks, FEATURE_SETS[settings.features], settings.fps, **options)


def select_parts(features: np.ndarray, settings: FeatureSettings) -> np.ndarray:
    """(T, size) features, with those of excluded parts set to NaN. Raises BadInput if none would be left."""
    excluded = _excluded(settings.features, settings.parts)
    return np.where(excluded, np.float32(np.nan), features) if excluded.any() else features


@lru_cache
def _excluded(features: str, parts: str) -> np.ndarray:
    """(size,) bool: the features that belong to no selected part."""
    feature_set = FEATURE_SETS[features]
    try:
        return np.isnan(feature_set.keep_modalities(np.zeros((1, feature_set.size), np.float32), parts.split("+")))[0]
    except ValueError as error:
        raise BadInput(str(error), "use --features landmarks or phon36+landmarks, or other --parts") from error


def open_features(
    workspace: Workspace, clips: Sequence[Clip], settings: FeatureSettings, progress: Progress, workers: Workers | None = None
) -> FeatureStore:
    """Opens the store for these clips and settings; missing parts are computed first. workers: used for more than one shard.

    Raises AslError if the landmarks of a clip, or the store, are missing or damaged.
    """
    folder = features_folder(workspace, clips, settings)
    if not (folder / INDEX).is_file():
        _build(workspace, clips, settings, folder, progress, workers or Workers())
    try:
        index = json.loads((folder / INDEX).read_text())
        if file_hash(folder / LENGTHS) != index["lengths"]:
            raise ValueError("the lengths have changed")
        lengths = np.load(folder / LENGTHS, allow_pickle=False)
        starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
        return FeatureStore(settings, clips, folder, starts, tuple(index["shards"]), int(index["interpolated"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AslError(f"the features in {folder} are damaged: {error}", "delete that folder; it is computed again") from error


def features_folder(workspace: Workspace, clips: Sequence[Clip], settings: FeatureSettings) -> Path:
    """The folder of the features of these clips."""
    identity = [VERSIONS["features"], settings.features, settings.fps, settings.depth, settings.causal_features]
    clips_hash = hashlib.sha256("\n".join(f"{clip.id} {clip.digest}" for clip in clips).encode())
    return workspace.features / value_hash([*identity, clips_hash.hexdigest()])


@dataclass(frozen=True)
class _ShardJob:
    """A shard to compute: its number and its clips."""

    number: int
    clips: tuple[Clip, ...]


def _build(
    workspace: Workspace, clips: Sequence[Clip], settings: FeatureSettings, folder: Path, progress: Progress, workers: Workers
) -> None:
    """Computes the missing shards, each with a record that marks it as complete, and then the index."""
    jobs = [
        _ShardJob(number, tuple(clips[start : start + CLIPS_PER_SHARD]))
        for number, start in enumerate(range(0, len(clips), CLIPS_PER_SHARD))
    ]
    missing = [job for job in jobs if not _record_file(folder, job.number).is_file()]
    progress.start("features", sum(len(job.clips) for job in missing))
    if len(jobs) == 1 and missing:
        _compute_shard(jobs[0], workspace, settings, folder, progress)
    else:
        compute = partial(_compute_shard, workspace=workspace, settings=settings, folder=folder)
        for job, future in fan_out(compute, missing, workers):
            try:
                future.result()
            except WorkerDied as error:
                first = job.clips[0].name
                message = (
                    f"the features of {counted(len(job.clips), 'clip')}, starting with {first}, could not be computed: {error}"
                )
                raise AslError(message, "check these clips") from error
            progress.advance(len(job.clips))
    _write_index(folder, len(jobs), settings)


def _write_index(folder: Path, shards: int, settings: FeatureSettings) -> None:
    records = [json.loads(_record_file(folder, number).read_text()) for number in range(shards)]
    buffer = BytesIO()
    np.save(buffer, np.concatenate([record["lengths"] for record in records]).astype(np.int64))
    write_atomically(folder / LENGTHS, buffer.getvalue())
    # Written last: its presence marks the store as complete.
    index = {"settings": vars(settings), "interpolated": sum(record["interpolated"] for record in records)}
    index |= {"lengths": file_hash(folder / LENGTHS), "shards": [record["sha256"] for record in records]}
    write_json(folder / INDEX, index)


def _compute_shard(
    job: _ShardJob, workspace: Workspace, settings: FeatureSettings, folder: Path, progress: Progress | None = None
) -> None:
    parts, interpolated = [], 0
    for clip in job.clips:
        features, interpolated_in_clip = compute_features(_landmarks(workspace, clip), settings)
        parts.append(features)
        interpolated += interpolated_in_clip
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
            f"the landmarks of {clip.name} are missing or damaged ({clip.pose})",
            "delete that file if it exists, and run: asl extract",
        )
    return read_pose(path)
