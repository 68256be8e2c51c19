"""The feature store: every clip's features in one array on disk, made once a setting (SPEC §3)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.feature_sets import FEATURE_SETS, FeatureSet, clip_features
from models.holistic import Landmarks
from pipelines.clips import Clip
from pipelines.errors import AslError, BadInput
from pipelines.files import file_hash, value_hash, write_json
from pipelines.posefile import read_pose
from pipelines.progress import Progress
from pipelines.settings import FeatureSettings
from pipelines.workspace import Workspace

CODE = 1


@dataclass(frozen=True)
class FeatureStore:
    """Features of the workspace's clips in their order. frames: (F, size) memory-mapped; starts: (clips + 1,)."""

    settings: FeatureSettings
    clips: Sequence[Clip]
    frames: np.ndarray
    starts: np.ndarray
    interpolated: int

    @property
    def feature_set(self) -> FeatureSet:
        return FEATURE_SETS[self.settings.features]

    @property
    def fps(self) -> float:
        return self.settings.fps

    def __getitem__(self, index: int) -> np.ndarray:
        """(T, size) of one clip, NaN where absent."""
        return shown_parts(np.asarray(self.frames[self.starts[index] : self.starts[index + 1]]), self.settings)


def features_of(landmarks: Landmarks, settings: FeatureSettings) -> tuple[np.ndarray, int]:
    """(T, size) of a clip under these settings, all parts of them, and the number of hand frames that were interpolated."""
    how = {"depth": settings.depth, "causal": settings.causal_features}
    return clip_features(landmarks, FEATURE_SETS[settings.features], settings.fps, **how)


def shown_parts(features: np.ndarray, settings: FeatureSettings) -> np.ndarray:
    """(T, size): the parts that the settings leave out made absent. Raises BadInput if the set has none of the others."""
    try:
        return FEATURE_SETS[settings.features].only(features, settings.parts.split("+"))
    except ValueError as error:
        raise BadInput(str(error), "use --features landmarks or phon36+landmarks, or other --parts") from error


def open_features(workspace: Workspace, clips: Sequence[Clip], settings: FeatureSettings, progress: Progress) -> FeatureStore:
    """The store for these clips and settings, computed where it is not there yet.

    Raises AslError if a clip's landmarks are gone or damaged.
    """
    # The key of offline features is what it was before there were causal ones.
    made = [CODE, settings.features, settings.fps, settings.depth, *(["causal"] if settings.causal_features else [])]
    key = value_hash([*made, [[clip.id, clip.digest] for clip in clips]])
    folder = workspace.features / key
    if not (folder / "index.json").is_file():
        _build(workspace, clips, settings, folder, progress)
    index = json.loads((folder / "index.json").read_text())
    frames = np.load(folder / "frames.npy", mmap_mode="r", allow_pickle=False)
    return FeatureStore(settings, clips, frames, np.array(index["starts"]), index["interpolated"])


def _build(workspace: Workspace, clips, settings: FeatureSettings, folder: Path, progress: Progress) -> None:
    progress.start("features", len(clips))
    parts, interpolated = [], 0
    for clip in clips:
        features, filled = features_of(_landmarks(workspace, clip), settings)
        parts.append(features)
        interpolated += filled
        progress.advance()
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / "frames.tmp.npy"
    np.save(temporary, np.concatenate(parts))
    temporary.replace(folder / "frames.npy")
    starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    # Written last: its presence says that the store is whole.
    write_json(folder / "index.json", {"starts": starts.tolist(), "interpolated": interpolated, "settings": vars(settings)})


def _landmarks(workspace: Workspace, clip: Clip):
    path = workspace.inside(clip.pose)
    if not path.is_file() or file_hash(path) != clip.digest:
        raise AslError(
            f"the landmarks of {clip.name} are gone or damaged ({clip.pose})",
            "delete that file, if it is there, then: asl extract",
        )
    return read_pose(path)
