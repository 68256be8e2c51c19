"""Renders a posed body as pictures, with round cones around the skeleton, and writes the video of a clip."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from asl.pipelines.media.video_writer import VideoWriter
from asl.pipelines.synthetic import raymarch
from asl.pipelines.synthetic.signers import PICTURE_SIDE, Signer
from asl.pipelines.synthetic.skeleton import HEAD_PIVOT, Body

_TRUNK, _HEAD, _HAIR, _LEFT, _RIGHT = range(5)
#: Blending distance of the cones of each group, in shoulder widths.
_BLEND = np.array([0.10, 0.06, 0.06, 0.014, 0.014])
_FINGER_RADII = ((0.030, 0.027), (0.027, 0.024), (0.024, 0.020))
_THUMB_RADII = ((0.040, 0.034), (0.034, 0.028), (0.028, 0.022))

# Cones in the body frame: start, end, radii and, for the head, material.
_TORSO = (
    ((-0.46, 0.06, 0.05), (0.46, 0.06, 0.05), 0.14, 0.14),
    ((-0.07, -0.10, 0.06), (0.07, -0.10, 0.06), 0.10, 0.10),
    ((-0.24, 0.30, 0.05), (-0.16, 1.00, 0.05), 0.24, 0.24),
    ((0.24, 0.30, 0.05), (0.16, 1.00, 0.05), 0.24, 0.24),
    ((0, 0.36, 0.04), (0, 1.60, 0.05), 0.26, 0.27),
    ((-0.16, 1.00, 0.05), (-0.20, 1.80, 0.06), 0.24, 0.28),
    ((0.16, 1.00, 0.05), (0.20, 1.80, 0.06), 0.24, 0.28),
)
_SKULL = (
    ((0, -0.72, -0.06), (0, -0.70, -0.10), 0.245, 0.235, raymarch.FACE),
    ((0, -0.60, -0.12), (0, -0.44, -0.15), 0.185, 0.135, raymarch.FACE),
    ((0, -0.42, -0.17), (0, -0.385, -0.20), 0.10, 0.085, raymarch.FACE),
    ((0, -0.66, -0.315), (0, -0.575, -0.365), 0.026, 0.040, raymarch.FACE),
    ((0.225, -0.64, 0.0), (0.215, -0.57, -0.01), 0.045, 0.035, raymarch.SKIN),
    ((-0.225, -0.64, 0.0), (-0.215, -0.57, -0.01), 0.045, 0.035, raymarch.SKIN),
)
_SHORT_HAIR = (((0, -0.80, 0.02), (0, -0.72, 0.06), 0.255, 0.25), ((-0.10, -0.93, -0.10), (0.10, -0.93, -0.10), 0.11, 0.11))
_LONG_HAIR = (
    *_SHORT_HAIR,
    ((0.22, -0.78, 0.04), (0.25, -0.20, 0.10), 0.07, 0.06),
    ((-0.22, -0.78, 0.04), (-0.25, -0.20, 0.10), 0.07, 0.06),
    ((0, -0.60, 0.16), (0, -0.16, 0.20), 0.18, 0.16),
)


class Painter:
    """Draws a signer. side: pixels of the shorter side of the picture, which has the camera's aspect ratio."""

    def __init__(self, signer: Signer, side: int = PICTURE_SIDE):
        self.signer = signer
        self.width, self.height = signer.camera.size(side)
        self._fixed = _Cones()
        for start, end, first, second in _TORSO:
            scaled = np.array([first, second]) * signer.girth
            self._fixed.add(start, end, *scaled, raymarch.SHIRT, _TRUNK)
        self._fixed.add((0, -0.34, 0.04), (0, -0.02, 0.06), 0.115, 0.125, raymarch.SKIN, _TRUNK)
        self._skull = _Cones()
        for start, end, first, second, material in _SKULL:
            self._skull.add(start, end, first, second, material, _HEAD)
        for start, end, first, second in ((), _LONG_HAIR, _SHORT_HAIR)[(2, 1, 0)[signer.look.hair]]:
            self._skull.add(start, end, first, second, raymarch.HAIR, _HAIR)

    def pictures(self, body: Body) -> Iterator[np.ndarray]:
        """A (H, W, 3) uint8 picture of each frame."""
        for frame in range(len(body.hands)):
            yield self.picture(body, frame)

    def picture(self, body: Body, frame: int) -> np.ndarray:
        """The (H, W, 3) uint8 picture of one frame."""
        look, camera = self.signer.look, self.signer.camera
        turn = body.head[frame]
        cones = _Cones()
        cones.extend(self._fixed)
        cones.extend(self._skull, lambda point: turn @ (point - HEAD_PIVOT) + HEAD_PIVOT)
        for side, group in ((0, _LEFT), (1, _RIGHT)):
            self._arm(cones, body, frame, side)
            _hand(cones, body.hands[frame, side], self.signer, group)
        ends, radii, materials, groups, inside = cones.arrays(camera.rotation)
        colours = np.array([look.skin, look.shirt, look.hair_colour, look.skin, look.hair_colour])
        size = self.signer.head
        to_face = (turn / size).T @ camera.rotation.T / size
        picture = np.empty((self.height, self.width, 3), dtype=np.uint8)
        view = (camera.distance, camera.zoom, 0.5 + camera.shift[0], 0.5 * self.height / self.width + camera.shift[1])
        raymarch.render(
            ends, radii, materials, groups, inside, _BLEND, colours, np.array(look.background), np.ascontiguousarray(to_face),
            camera.rotation @ HEAD_PIVOT, body.face[frame].astype(np.float64), np.array(view), picture,
        )  # fmt: skip
        return picture

    def _arm(self, cones: "_Cones", body: Body, frame: int, side: int) -> None:
        shoulder = np.array([0.51 if side == 0 else -0.51, 0.06, 0.04])
        elbow, wrist = body.elbows[frame, side], body.hands[frame, side, 0]
        cuff = elbow + self.signer.look.sleeves * 0.9 * (wrist - elbow)
        cones.add(shoulder, elbow, 0.125, 0.085, raymarch.SHIRT, _TRUNK)
        if self.signer.look.sleeves > 0.5:
            cones.add(elbow, cuff, 0.088, 0.062, raymarch.SHIRT, _TRUNK)
        cones.add(elbow, wrist, 0.080, 0.046, raymarch.SKIN, _LEFT if side == 0 else _RIGHT)


class _Cones:
    """Collects round cones."""

    def __init__(self):
        self.starts, self.ends, self.radii, self.materials, self.groups, self.inside = [], [], [], [], [], []

    def add(self, start, end, first: float, second: float, material: int, group: int, inside=(0.0, 0.0, 0.0, 0.0)) -> None:
        self.starts.append(start)
        self.ends.append(end)
        self.radii.append((first, second))
        self.materials.append(material)
        self.groups.append(group)
        self.inside.append(inside)

    def extend(self, cones: "_Cones", move=None) -> None:
        """Adds cones. move: transform of their points."""
        self.starts += [move(np.array(point)) for point in cones.starts] if move else cones.starts
        self.ends += [move(np.array(point)) for point in cones.ends] if move else cones.ends
        self.radii += cones.radii
        self.materials += cones.materials
        self.groups += cones.groups
        self.inside += cones.inside

    def arrays(self, rotation: np.ndarray) -> tuple[np.ndarray, ...]:
        """The arguments of raymarch.render, in camera axes and sorted by group."""
        order = np.argsort(self.groups, kind="stable")
        starts, ends = np.array(self.starts)[order] @ rotation.T, np.array(self.ends)[order] @ rotation.T
        along = ends - starts
        inverse = 1 / np.maximum((along * along).sum(axis=1, keepdims=True), 1e-9)
        packed = np.concatenate([starts, along, inverse], axis=1)
        inside = np.array(self.inside)[order]
        inside[:, :3] = inside[:, :3] @ rotation.T
        radii, materials, groups = (np.array(values)[order] for values in (self.radii, self.materials, self.groups))
        return packed, radii, materials, groups, inside


def _hand(cones: _Cones, points: np.ndarray, signer: Signer, group: int) -> None:
    """Adds the cones of palm and fingers around (21, 3) points."""
    size, side = signer.hand, 1.0 if group == _RIGHT else -1.0
    across = points[5] - points[17]
    palm = _direction(side * np.cross(across, points[9] - points[0]))
    flat = (*palm, 0.0)

    def flesh(start, end, first: float, second: float, inside=flat) -> None:
        cones.add(start, end, first * size, second * size, raymarch.SKIN, group, inside)

    for knuckle in (5, 9, 13, 17):
        flesh(points[0], points[knuckle], 0.044, 0.034)
    for first, second in ((5, 9), (9, 13), (13, 17)):
        middle = (points[first] + points[second]) / 2
        flesh(points[first], points[second], 0.034, 0.034)
        flesh((points[0] + middle) / 2, middle, 0.040, 0.032)
    inner, outer = points[0] + 0.13 * (points[[5, 17]] - points[0]) + 0.22 * (points[[5, 17]] - points[[17, 5]])
    for start, end, first, second in (
        (inner, outer, 0.042, 0.042), (outer, points[17], 0.042, 0.034), (inner, points[1], 0.044, 0.044),
        (points[1], points[5], 0.042, 0.032),
    ):  # fmt: skip
        flesh(start, end, first, second)
    for base in (1, 5, 9, 13, 17):
        radii = _THUMB_RADII if base == 1 else _FINGER_RADII
        thin = 0.85 if base == 17 else 1.0
        for bone, (first, second) in enumerate(radii):
            start, end = points[base + bone], points[base + bone + 1]
            bent = _direction(side * np.cross(across, end - start)) if base > 1 else palm
            flesh(start, end, thin * first, thin * second, (*bent, 2.0 if bone == 2 else 1.0))


def _direction(vector: np.ndarray) -> np.ndarray:
    return vector / (np.linalg.norm(vector) + 1e-9)


def write_video(path: Path, pictures: Iterator[np.ndarray], fps: float) -> None:
    """Writes pictures as an mp4 file. The same pictures give the same bytes; an interruption leaves no file."""
    with VideoWriter(path, fps) as video:
        for picture in pictures:
            video.write(picture)
