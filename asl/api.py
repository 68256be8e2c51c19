"""The Python API: load a recogniser, translate clips and streams, extract landmarks, compute features."""

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy as np

from asl.models.features.feature_sets import FEATURE_SETS
from asl.models.features.holistic import Landmarks
from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.corpus.extract_clip import clip_frames, usable_landmarks
from asl.pipelines.corpus.feature_store import compute_features
from asl.pipelines.corpus.input_files import check_exists
from asl.pipelines.media import pose_files
from asl.pipelines.media.privacy import without_private_points
from asl.pipelines.media.tracker.extraction import Extractor, check_tracker
from asl.pipelines.media.video import Frame, scale_down
from asl.pipelines.recogniser.bundle import find_model_or_bundle, load_model_or_bundle
from asl.pipelines.translation.live_reading import LiveReader, LiveWord
from asl.pipelines.translation.reader import Reader, reader_for
from asl.pipelines.translation.whole_clips import translate_landmarks
from asl.pipelines.translation.writers import Translation
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.folder import Workspace, open_workspace
from asl.pipelines.workspace.settings.clips import FeatureSettings, LandmarkSettings
from asl.pipelines.workspace.settings.fields import nearest_hint
from asl.pipelines.workspace.settings.reading import DecodeSettings
from asl.pipelines.workspace.settings.sections import resolve

#: What a clip is called that came neither from a video nor from a `.pose` file.
UNNAMED = Path("clip")


def load(model: str | Path | None = None, workspace: str | Path | None = None) -> "Recogniser":
    """A recogniser, ready to translate.

    model: a bundle or model folder, the name of one in the workspace, or "shipped". Default: the default of the workspace, else
    its newest model, else the bundle that comes with `asl`. workspace: its folder; its settings apply.

    Raises BadInput if there is no such model or workspace, or it is damaged.
    """
    if any(isinstance(value, str) and not value.strip() for value in (model, workspace)):
        raise BadInput("the name of the model or workspace is empty", "give a name or a folder, or leave it out")
    opened = open_workspace(Path(workspace)) if workspace is not None else None
    return Recogniser(
        Reader(load_model_or_bundle(find_model_or_bundle(opened, None if model is None else str(model))), _decoding(opened)),
        opened,
    )


class Recogniser:
    """A trained model that turns signing into glosses. Make one with `asl.load`."""

    def __init__(self, reader: Reader, workspace: Workspace | None = None):
        self._reader, self._workspace = reader, workspace
        self._readers = {reader.settings.decoder: reader} if reader.graph or reader.settings.decoder != "cascade" else {}

    @property
    def glosses(self) -> tuple[str, ...]:
        """The glosses that it knows; every sign is read as one of these."""
        return self._reader.model.alphabet.glosses

    def translate(
        self,
        clip: str | Path | Landmarks | Iterable[np.ndarray],
        *,
        isolated: bool = False,
        decoder: str | None = None,
        phonology: bool = False,
        fps: float | None = None,
    ) -> Translation:
        """The glosses of one clip, with times, confidences and runners-up.

        clip: path of a video or a `.pose` file; or Landmarks; or pictures (H, W, 3) uint8 RGB, `fps` of them a second.
        isolated: the clip shows one sign, so all its frames count for one gloss. decoder: greedy, ctc-beam or cascade; default:
        the workspace's setting, else ctc-beam. phonology: with the phonological classes of each sign, if the model has them.

        Raises BadClip if the clip cannot be used, BadInput if an option does not fit, and AslError if there is no cascade.
        """
        path = _existing(clip) if isinstance(clip, str | Path) else UNNAMED
        reader = self._with_decoder(decoder or self._reader.settings.decoder)
        return translate_landmarks(path, self._landmarks(clip, fps), reader, isolated=isolated, phonology=phonology)

    def stream(self, *, decoder: str | None = None, fps: float | None = None) -> "Stream":
        """Glosses of pictures as they come. The model must be causal, as the one is that `asl` ships.

        fps: the rate of the pictures, if it is even and known. Raises BadInput if the model needs whole clips.
        """
        if fps is not None and not fps > 0:
            raise BadInput(f"the rate of the pictures is {fps}", "leave fps out if it is not known")
        return Stream(self._with_decoder(decoder or self._reader.settings.decoder), self._tracking(), fps)

    def _with_decoder(self, name: str) -> Reader:
        if name not in self._readers:
            settings = _decoding(self._workspace, name)
            self._readers[name] = reader_for(self._workspace, self._reader.model, settings)
        return self._readers[name]

    def _tracking(self) -> LandmarkSettings:
        return self._workspace.settings("landmarks") if self._workspace else resolve("landmarks", {}, {})

    def _landmarks(self, clip: str | Path | Landmarks | Iterable[np.ndarray], fps: float | None) -> Landmarks:
        if isinstance(clip, Landmarks):
            return usable_landmarks(clip, self._tracking())
        if isinstance(clip, str | Path):
            path = Path(clip)
            if path.suffix.lower() == ".pose":
                return usable_landmarks(read_pose(path), self._tracking())
            return extract(path, settings=self._tracking())
        if getattr(clip, "ndim", 4) == 3 or not isinstance(clip, Iterable):
            raise BadInput(
                f"a clip is a path, Landmarks, or pictures, got {type(clip).__name__}", "for points: asl.Landmarks(points, fps)"
            )
        if fps is None or not fps > 0:
            raise BadInput(f"the rate of the pictures is {fps}", "pass fps=25, or whatever their rate is")
        settings = self._tracking()
        frames = (Frame(index / fps, _picture(picture, settings)) for index, picture in enumerate(clip))
        return _tracked(frames, settings)


class Stream:
    """A context manager that reads pictures as they come: `with recogniser.stream() as stream: stream.push(picture, time)`.

    words: glosses that are not final yet, and may still be corrected.
    """

    def __init__(self, reader: Reader, settings: LandmarkSettings, fps: float | None):
        self._reading, self._settings, self._time = LiveReader(reader, fps), settings, -math.inf
        self._extractor: Extractor | None = None

    def __enter__(self) -> "Stream":
        check_tracker(self._settings)
        self._extractor = Extractor(self._settings)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._extractor:
            self._extractor.close()
            self._extractor = None

    @property
    def words(self) -> tuple[LiveWord, ...]:
        return tuple(self._reading.words)

    def push(self, picture: np.ndarray, time: float) -> list[LiveWord]:
        """The words that became final with this picture. picture: (H, W, 3) uint8 RGB; time: seconds, rising."""
        if self._extractor is None:
            raise BadInput("the stream is not open", "with recogniser.stream() as stream: …")
        if time <= self._time:
            raise BadInput(f"a picture at {time} s after one at {self._time} s", "push pictures in order of their times")
        self._time = time
        return self._reading.push(self._extractor.track(_picture(picture, self._settings)), time, lambda: time)

    def finish(self) -> list[LiveWord]:
        """The last words, once no more pictures come."""
        return self._reading.finish(lambda: self._time)


def extract(
    video: str | Path, *, start: float = 0.0, end: float | None = None, settings: LandmarkSettings | None = None
) -> Landmarks:
    """The landmarks of a video from start up to end (seconds). Raises BadClip if it is no video, or nobody is seen in it."""
    settings = settings or resolve("landmarks", {}, {})
    path = _existing(video)
    return _tracked(clip_frames(ClipSource(path, "video", str(path), start=start, end=end), settings), settings)


def read_pose(path: str | Path) -> Landmarks:
    """The landmarks of a `.pose` file of MediaPipe Holistic's points. Raises BadClip if it is none, or damaged."""
    return pose_files.read_pose(_existing(path))


def write_pose(path: str | Path, landmarks: Landmarks) -> None:
    """Writes landmarks as a `.pose` file, whole or not at all."""
    pose_files.write_pose(Path(path), landmarks)


def features(landmarks: Landmarks, name: str = "phon36", *, fps: float = 25.0) -> np.ndarray:
    """(T, size) features of a clip at `fps` frames per second, NaN where absent (SPEC §3).

    name: phon36, the 36 phonological features; landmarks, normalised points; or phon36+landmarks. Raises BadInput if there is no
    such feature set.
    """
    if name not in FEATURE_SETS:
        raise BadInput(f"there are no features '{name}'", nearest_hint(name, FEATURE_SETS))
    if not isinstance(landmarks, Landmarks):
        raise BadInput(f"features are computed from Landmarks, got {type(landmarks).__name__}", "asl.Landmarks(points, fps)")
    if not fps > 0:
        raise BadInput(f"{fps} frames per second", "pass fps=25, or another positive rate")
    values, _ = compute_features(landmarks, replace(FeatureSettings(), features=name, fps=fps))
    return values


def _existing(path: str | Path) -> Path:
    check_exists(path)
    return Path(path)


def _decoding(workspace: Workspace | None, decoder: str | None = None) -> DecodeSettings:
    flags = {"decoder": decoder} if decoder else {}
    return workspace.settings("decode", flags) if workspace else resolve("decode", {}, flags)


def _tracked(frames: Iterable[Frame], settings: LandmarkSettings) -> Landmarks:
    check_tracker(settings)
    extractor = Extractor(settings)
    try:
        return without_private_points(extractor.extract(frames).landmarks, settings)
    finally:
        extractor.close()


def _picture(picture: np.ndarray, settings: LandmarkSettings) -> np.ndarray:
    """The picture as the tracker gets those of a file, scaled down if it is large.

    Raises BadInput unless it is (H, W, 3) uint8, with at least one pixel.
    """
    values = np.asarray(picture)
    if values.ndim != 3 or values.shape[2] != 3 or values.dtype != np.uint8 or not values.size:
        raise BadInput(f"a picture is (H, W, 3) uint8 RGB, got {values.shape} {values.dtype}", "convert it first")
    return scale_down(np.ascontiguousarray(values), settings.max_side)
