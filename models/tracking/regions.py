"""Regions of a picture in which a net looks for a body, a hand or a face (SPEC §1a)."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

#: Points of the hand without its fingertips, which give its region; of these, the wrist and the first joints of index, middle
#: and ring finger, which give its rotation.
PALM = np.array([0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18])
WRIST, INDEX_JOINT, MIDDLE_JOINT, RING_JOINT = 0, 5, 9, 13


@dataclass(frozen=True)
class Region:
    """A rotated rectangle: its centre, its sides in pixels, and its rotation in radians, clockwise on the screen."""

    x: float
    y: float
    width: float
    height: float
    rotation: float = 0.0

    def grown(self, scale: float, shift: float = 0.0) -> "Region":
        """A square on the longer side, scaled, after a shift along the region's own vertical axis by a share of its height.

        As RectTransformationCalculator with square_long.
        """
        offset = self.height * shift
        side = max(self.width, self.height) * scale
        x, y = self.x - offset * math.sin(self.rotation), self.y + offset * math.cos(self.rotation)
        return replace(self, x=x, y=y, width=side, height=side)

    def is_outside(self, width: int, height: int, distance: float) -> bool:
        """Whether the centre lies further outside a picture of this size than `distance`, a share of the region's own width."""
        room = distance * self.width
        return not (-room <= self.x <= width + room and -room <= self.y <= height + room)


@dataclass(frozen=True)
class TrackingLimits:
    """How far a region may move from frame to frame and still be carried on. translation and scale: shares of the new region's
    sides; rotation in degrees; margin: how much of the new region's sides must be left around the points."""

    rotation: float
    translation: float
    scale: float
    margin: float


HAND_LIMITS = TrackingLimits(rotation=40.0, translation=0.2, scale=0.4, margin=-0.1)
FACE_LIMITS = TrackingLimits(rotation=15.0, translation=0.1, scale=0.3, margin=-0.2)


def wrapped(angle: float) -> float:
    """The angle in [−π, π)."""
    return angle - 2 * math.pi * math.floor((angle + math.pi) / (2 * math.pi))


def rotation_between(start: np.ndarray, end: np.ndarray, target: float) -> float:
    """The rotation after which the vector between two points (2,) has the angle `target`, radians, counter-clockwise."""
    return wrapped(target - math.atan2(-(end[1] - start[1]), end[0] - start[0]))


def region_around(centre: np.ndarray, edge: np.ndarray, target: float) -> Region:
    """The square with this centre (2,) through a point (2,) that gives size and rotation (AlignmentPointsRectsCalculator)."""
    side = 2 * math.hypot(edge[0] - centre[0], edge[1] - centre[1])
    return Region(float(centre[0]), float(centre[1]), side, side, rotation_between(centre, edge, target))


def body_region(points: np.ndarray) -> Region:
    """Where the pose net looks. points (2, 2): the middle of the hips, and a point on the circle around the whole person."""
    return region_around(points[0], points[1], math.pi / 2).grown(1.25)


def hand_region_from_pose(wrist: np.ndarray, pinky: np.ndarray, index: np.ndarray) -> Region:
    """Where the re-crop net looks for a hand, from points of the pose (2,) (HandDetectionsFromPoseToRectsCalculator)."""
    middle = (2 * index + pinky) / 3
    side = 2 * math.hypot(middle[0] - wrist[0], middle[1] - wrist[1])
    rotation = rotation_between(wrist, middle, math.pi / 2)
    return Region(float(middle[0]), float(middle[1]), side, side, rotation).grown(2.7, -0.1)


def hand_region_from_recrop(points: np.ndarray) -> Region:
    """Where the hand net looks. points (2, 2): centre and edge, detected by the re-crop net."""
    return region_around(points[0], points[1], -math.pi / 2).grown(1.0, -0.1)


def hand_region_from_points(points: np.ndarray) -> Region:
    """Where the hand net looks in the next frame. points (21, 2) (HandLandmarksToRectCalculator)."""
    knuckles = ((points[INDEX_JOINT] + points[RING_JOINT]) / 2 + points[MIDDLE_JOINT]) / 2
    rotation = rotation_between(points[WRIST], knuckles, math.pi / 2)
    points = points[PALM]
    # The graph starts its search for the largest coordinate at zero: a hand left of or above the picture is given its edge.
    centre = (np.maximum(points.max(axis=0), 0) + points.min(axis=0)) / 2
    turned = rotated(points - centre, -rotation)
    low, high = turned.min(axis=0), np.maximum(turned.max(axis=0), 0)
    x, y = rotated((low + high) / 2, rotation) + centre
    width, height = high - low
    return Region(float(x), float(y), float(width), float(height), rotation).grown(2.0, -0.1)


def face_region_from_pose(points: np.ndarray) -> Region:
    """Where the face detector looks. points (11, 2): the face's points of the pose; rotation from eye to eye."""
    return _bounding_region(points, start=5, end=2).grown(3.0)


def face_region_from_detection(points: np.ndarray) -> Region:
    """Where the face mesh looks. points (6, 2): eyes, nose, mouth, ears; rotation from eye to eye."""
    return _bounding_region(points, start=0, end=1).grown(2.0, -0.1)


def face_region_from_points(points: np.ndarray) -> Region:
    """Where the face mesh looks in the next frame. points (468, 2); rotation between the outer corners of the eyes."""
    return _bounding_region(points, start=33, end=263).grown(1.5)


def _bounding_region(points: np.ndarray, start: int, end: int) -> Region:
    """The upright bounding box of points, with the rotation of the vector between two of them (DetectionsToRectsCalculator)."""
    low, high = points.min(axis=0), points.max(axis=0)
    (x, y), (width, height) = (low + high) / 2, high - low
    return Region(float(x), float(y), float(width), float(height), rotation_between(points[start], points[end], 0.0))


def rotated(points: np.ndarray, angle: float) -> np.ndarray:
    """Points (…, 2) turned about the origin."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return points @ np.array([[cosine, sine], [-sine, cosine]])


def tracked_region(
    points: np.ndarray | None, region_from_points: Callable[[np.ndarray], Region], detected: Region, limits: TrackingLimits
) -> Region:
    """The region of the last frame's points (K, 3), or the one detected anew where they differ too much, or there were none.

    As RoiTrackingCalculator: a region that jumps would show the net something that it was not trained on.
    """
    if points is None:
        return detected
    places = points[:, :2]
    carried = region_from_points(places)
    return carried if _is_near(carried, detected, limits) and _holds(detected, places, limits.margin) else detected


def _is_near(carried: Region, detected: Region, limits: TrackingLimits) -> bool:
    turn = abs(math.degrees(wrapped(carried.rotation - detected.rotation)))
    x, y = rotated(np.array([carried.x - detected.x, carried.y - detected.y]), -detected.rotation)
    return (
        turn <= limits.rotation
        and abs(x) <= detected.width * limits.translation
        and abs(y) <= detected.height * limits.translation
        and abs(carried.width - detected.width) <= detected.width * limits.scale
        and abs(carried.height - detected.height) <= detected.height * limits.scale
    )


def _holds(region: Region, points: np.ndarray, margin: float) -> bool:
    x, y = np.abs(rotated(points - (region.x, region.y), -region.rotation)).T
    return bool((x < region.width * (1 + margin) / 2).all() and (y < region.height * (1 + margin) / 2).all())
