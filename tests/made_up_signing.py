"""Artificial signs as .pose files: each is a handshape that moves along a path.

These are not signs of ASL, and results on them say nothing about ASL. They need no recordings of people.
"""

from pathlib import Path

import numpy as np

from asl.models.features.holistic import FACE, LEFT_HAND, POSE, RIGHT_HAND, Landmarks, empty_points
from asl.pipelines.media.pose_files import write_pose


def hand(flexion: float, spread: float = 0.25) -> np.ndarray:
    """(21, 3) hand points in palm lengths, with the wrist at the origin and the fingers up. flexion: of each knuckle, rad."""
    points = np.zeros((21, 3))
    for finger in range(5):
        angle = (finger - 2) * spread
        base = np.array([np.sin(angle), -np.cos(angle), 0.0])
        bent = np.array([np.sin(angle) * np.cos(flexion), -np.cos(angle) * np.cos(flexion), -np.sin(flexion)])
        for joint in range(4):
            points[1 + 4 * finger + joint] = base + 0.35 * joint * bent
    return points


def signing(kind: int, seed: int = 0, seconds: float = 1.6, fps: float = 25.0) -> Landmarks:
    """A clip of sign number `kind`. The seed varies speed, size and position slightly, as between signers."""
    rng = np.random.default_rng([kind, seed])
    frames = max(2, round(seconds * rng.uniform(0.9, 1.1) * fps))
    even = np.linspace(0, 1, frames)
    phase = even + rng.normal(0, 0.05) * np.sin(np.pi * even) + rng.normal(0, 0.03)
    size, centre = 0.2 * rng.uniform(0.9, 1.1), np.array([0.5, 0.5, 0.0]) + rng.normal(0, 0.01, 3)
    points = empty_points(frames)
    points[:, POSE] = centre + size * rng.normal(0, 0.05, (33, 3))
    points[:, 11], points[:, 12] = centre + [size / 2, 0, 0], centre - [size / 2, 0, 0]
    points[:, FACE] = centre - [0, 0.8 * size, 0] + size * 0.3 * np.random.default_rng(7).normal(0, 1, (468, 3))
    turns, height = 1 + kind % 3, (kind // 3) % 3
    circle = 2 * np.pi * turns * phase
    path = np.stack([np.cos(circle), np.sin(circle + kind), 0.2 * np.sin(circle)], axis=1) * rng.uniform(0.35, 0.65, 3)
    path += [0, 0.6 - 0.6 * height, 0] + rng.normal(0, 0.1, 3)
    for part, wrist, side in ((LEFT_HAND, 15, 1.0), (RIGHT_HAND, 16, -1.0)):
        position = centre + size * ((1.3 if side < 0 else 1.0) * path * [side, 1, 1] + [side * 0.4, 0, 0])
        points[:, wrist] = position
        points[:, part] = position[:, None] + 0.25 * size * hand(0.3 + 0.5 * (kind % 4)) * [side, 1, 1]
        points[:, part, 2] -= points[:, part.start : part.start + 1, 2]
    points += rng.normal(0, 0.001, points.shape)
    return Landmarks(points.astype(np.float32), fps, 4 / 3, 640)


def write_corpus(folder: Path, glosses: int = 4, clips: int = 6, groups: int = 3) -> Path:
    """Writes group__GLOSS__clip.pose files."""
    for kind in range(glosses):
        for clip in range(clips):
            name = f"signer{clip % groups}__sign{kind}__{clip}.pose"
            write_pose(folder / name, signing(kind, seed=clip))
    return folder
