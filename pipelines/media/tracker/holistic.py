"""The order of the tracker's nets, as in MediaPipe's Holistic graph, and what it carries from frame to frame (SPEC §1a)."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from asl.models.features.holistic import COMPONENTS, empty_points
from asl.models.tracking import detections, regions
from asl.models.tracking.crops import in_picture, letterboxed
from asl.models.tracking.heatmaps import refined
from asl.models.tracking.regions import Region, tracked_region
from asl.models.tracking.smoothing import VISIBILITY_SHARE, LowPass, OneEuro
from asl.pipelines.media.tracker.frame import TrackedFrame
from asl.pipelines.media.tracker.nets import Net, shared_nets

#: Points of the pose; those behind them give the region of the next frame.
POSE_POINTS, AUXILIARY_POINTS = 33, 2
#: Wrist, pinky and index finger of the pose, by hand.
HANDS = {"left_hand": (15, 17, 19), "right_hand": (16, 18, 20)}
FACE_OF_POSE = slice(0, 11)
#: A hand is looked for where the pose's wrist is more visible than this.
MIN_WRIST_VISIBILITY = 0.1
#: A hand is not looked for where the centre of its region lies further outside the picture than this share of the region's width.
MAX_OUTSIDE = 0.1
#: A hand, a face is there where its net's flag is above this.
MIN_PRESENCE = 0.5
#: A face that is carried on is detected anew in every so many frames; in between, the mesh alone says whether it is there.
FRAMES_PER_DETECTION = 4
#: The hand net gives z in this share of its crop's side.
HAND_DEPTH = 0.4
#: Pictures at the start of a clip that are not timed.
WARM_UP_PICTURES = 5
PERSON_ANCHORS = detections.anchors(detections.PERSON.size, detections.PERSON.strides)
FACE_ANCHORS = detections.anchors(detections.FACE.size, detections.FACE.strides)


class PoseSmoothing:
    """The filters of the pose points (PoseLandmarkFiltering)."""

    def __init__(self):
        self._visibility, self._points, self._auxiliary = LowPass(), OneEuro(0.05, 80.0), OneEuro(0.01, 10.0)

    def __call__(self, points: np.ndarray, visibility: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The smoothed points (35, 3), of which the last two are auxiliary, and the smoothed visibility (33,)."""
        auxiliary = points[POSE_POINTS:]
        size = regions.region_around(auxiliary[0], auxiliary[1], 0.0).width
        smoothed = np.concatenate([self._points(points[:POSE_POINTS], size), self._auxiliary(auxiliary, size)])
        return smoothed, self._visibility(visibility, VISIBILITY_SHARE)


@dataclass
class Signer:
    """What is carried from one frame of a clip to the next. points of hands and face (K, 3) in pixels, None where absent."""

    body: Region | None = None
    hands: dict[str, np.ndarray | None] = field(default_factory=lambda: dict.fromkeys(HANDS))
    face: np.ndarray | None = None
    #: Frames since the face was detected.
    face_age: int = 0
    smoothing: PoseSmoothing = field(default_factory=PoseSmoothing)


@dataclass
class _View:
    """One clip's picture in the frame that is being tracked, its signer, and the result as it grows."""

    picture: np.ndarray
    signer: Signer
    pose: np.ndarray | None = None
    visibility: np.ndarray | None = None
    face_region: Region | None = None


class Tracker:
    """Tracks the next frames of several clips at once: the crops of all clips go through each net together."""

    def __init__(self, detection_confidence: float = 0.5, tracking_confidence: float = 0.5, threads: int = 1):
        """Confidences: of a detection, and of a pose that is carried on, 0–1. threads: that each net may use."""
        self._nets = shared_nets(threads)
        self._detection_confidence, self._tracking_confidence = detection_confidence, tracking_confidence
        #: Seconds of the last call, by part of the signers.
        self.seconds: dict[str, float] = {}

    def warm_up(self) -> None:
        """Makes the first frame as fast as the others."""
        self._nets.warm_up()

    def __call__(self, pictures: Sequence[np.ndarray], signers: Sequence[Signer]) -> list[TrackedFrame]:
        """pictures (H, W, 3), RGB: the next one of each signer's clip."""
        views = [_View(np.ascontiguousarray(picture), signer) for picture, signer in zip(pictures, signers, strict=True)]
        for part, track in {"body": self._track_bodies, "hands": self._track_hands, "face": self._track_faces}.items():
            started = time.perf_counter()
            track(views)
            self.seconds[part] = time.perf_counter() - started
        return [_frame(view) for view in views]

    def _find_bodies(self, views: list[_View]) -> None:
        """Where a signer stands whom the last frame did not show (PoseDetectionCpu)."""
        squares = [letterboxed(view.picture.shape[1], view.picture.shape[0]) for view in views]
        for view, square, boxes, scores in _run(self._nets.person_detector, views, squares):
            points = detections.strongest_detection(
                boxes, scores[:, 0], PERSON_ANCHORS, detections.PERSON, self._detection_confidence
            )
            if points is not None:
                view.signer.body = regions.body_region(in_picture(points, square)[:2])

    def _track_bodies(self, views: list[_View]) -> None:
        """The pose (PoseLandmarkByRoiCpu), smoothed, and the region in which the next frame looks for it."""
        self._find_bodies([view for view in views if view.signer.body is None])
        views = [view for view in views if view.signer.body is not None]
        for view, region, points, flag, heatmaps in _run(self._nets.pose, views, [view.signer.body for view in views]):
            signer = view.signer
            if not flag[0] > self._tracking_confidence:
                signer.body, signer.smoothing = None, PoseSmoothing()
                continue
            values = points.reshape(-1, 5)[: POSE_POINTS + AUXILIARY_POINTS].astype(np.float64)
            located = values[:, :3] / self._nets.pose.size
            located[:, :2] = refined(located[:, :2], heatmaps[:, :, : len(located)])
            visibility = 1 / (1 + np.exp(-values[:POSE_POINTS, 3]))
            smoothed, view.visibility = signer.smoothing(in_picture(located, region), visibility)
            view.pose = smoothed[:POSE_POINTS]
            signer.body = regions.body_region(smoothed[POSE_POINTS:, :2])

    def _track_hands(self, views: list[_View]) -> None:
        """Both hands of each signer, where their wrist is visible (HandLandmarksFromPoseCpu)."""
        wrists = [(view, hand) for view in views for hand in HANDS if _shows_wrist(view, hand)]
        places = [(view, hand, _hand_region_from_pose(view, hand)) for view, hand in wrists]
        places = [(view, hand, region) for view, hand, region in places if not _is_outside(region, view)]
        asked, first = [(view, hand) for view, hand, _ in places], [region for *_, region in places]
        refined_regions = [
            regions.hand_region_from_recrop(in_picture(points.reshape(2, 2) / self._nets.hand_recrop.size, region))
            for _, region, points in _run(self._nets.hand_recrop, [view for view, _ in asked], first)
        ]
        tracked = [
            tracked_region(view.signer.hands[hand], regions.hand_region_from_points, region, regions.HAND_LIMITS)
            for (view, hand), region in zip(asked, refined_regions, strict=True)
        ]
        for view in views:
            view.signer.hands = dict.fromkeys(HANDS)
        results = _run(self._nets.hand, [view for view, _ in asked], tracked)
        for (view, hand), (_, region, points, flag) in zip(asked, results, strict=True):
            if flag[0] > MIN_PRESENCE:
                located = points.reshape(-1, 3).astype(np.float64) / self._nets.hand.size / (1, 1, HAND_DEPTH)
                view.signer.hands[hand] = in_picture(located, region)

    def _track_faces(self, views: list[_View]) -> None:
        """The face of each signer who is there (FaceLandmarksFromPoseCpu)."""
        shown, due = [view for view in views if view.pose is not None], []
        for view in shown:
            view.signer.face_age += 1
            if view.signer.face is None or view.signer.face_age >= FRAMES_PER_DETECTION:
                due.append(view)
            else:
                view.face_region = regions.face_region_from_points(view.signer.face[:, :2])
        self._detect_faces(due)
        for view in views:
            view.signer.face = None
        meshed = [view for view in shown if view.face_region is not None]
        for view, region, points, flag in _run(self._nets.face_mesh, meshed, [view.face_region for view in meshed]):
            if flag.reshape(-1)[0] > 0:  # the graph asks for a sigmoid above a half
                view.signer.face = in_picture(points.reshape(-1, 3).astype(np.float64) / self._nets.face_mesh.size, region)

    def _detect_faces(self, views: list[_View]) -> None:
        """The region in which each face is looked for; there is none where no face is detected."""
        first = [regions.face_region_from_pose(view.pose[FACE_OF_POSE, :2]) for view in views]
        for view, region, boxes, scores in _run(self._nets.face_detector, views, first):
            points = detections.strongest_detection(boxes, scores[:, 0], FACE_ANCHORS, detections.FACE, MIN_PRESENCE)
            view.signer.face_age = 0
            if points is not None:
                detected = regions.face_region_from_detection(in_picture(points, region))
                view.face_region = tracked_region(
                    view.signer.face, regions.face_region_from_points, detected, regions.FACE_LIMITS
                )


class HolisticTracker:
    """One signer, picture by picture."""

    def __init__(self, detection_confidence: float = 0.5, tracking_confidence: float = 0.5, threads: int = 1):
        self._tracker, self._signer = Tracker(detection_confidence, tracking_confidence, threads), Signer()

    def warm_up(self) -> None:
        self._tracker.warm_up()

    def track(self, picture: np.ndarray) -> TrackedFrame:
        return self._tracker([picture], [self._signer])[0]

    def reset(self) -> None:
        self._signer = Signer()

    def close(self) -> None:
        """Nothing is held but memory."""

    def part_seconds(self) -> dict[str, float]:
        return self._tracker.seconds


def milliseconds_per_part(pictures: Sequence[np.ndarray]) -> dict[str, float]:
    """Median time of a picture (H, W, 3) of one clip by part of the signer (SPEC §12), after a warm-up."""
    tracker, times = HolisticTracker(), []
    for picture in pictures:
        tracker.track(picture)
        times.append(tracker.part_seconds().copy())
    return {part: 1000 * statistics.median(time[part] for time in times[WARM_UP_PICTURES:]) for part in times[0]}


def _run(net: Net, views: Sequence[_View], places: Sequence[Region]):
    """Pairs each view and region with the net's outputs for it."""
    if not views:
        return []
    outputs = net([(view.picture, region) for view, region in zip(views, places, strict=True)])
    return list(zip(views, places, *outputs, strict=True))


def _shows_wrist(view: _View, hand: str) -> bool:
    return view.pose is not None and view.visibility[HANDS[hand][0]] > MIN_WRIST_VISIBILITY


def _is_outside(region: Region, view: _View) -> bool:
    """Whether there is no hand to see in a region. MediaPipe would show its net the edge of the picture, drawn out."""
    return region.is_outside(view.picture.shape[1], view.picture.shape[0], MAX_OUTSIDE)


def _hand_region_from_pose(view: _View, hand: str) -> Region:
    return regions.hand_region_from_pose(*(view.pose[number, :2] for number in HANDS[hand]))


def _frame(view: _View) -> TrackedFrame:
    points = empty_points(1)[0]
    parts = {"pose": view.pose, "face": view.signer.face, **view.signer.hands}
    for name, component in COMPONENTS.items():
        if parts[name] is not None:
            points[component] = parts[name] / view.picture.shape[1]
    visibility = np.zeros(POSE_POINTS) if view.visibility is None else view.visibility
    return TrackedFrame(points, visibility.astype(np.float32))
