"""Synthetic signers and their cameras: proportions, handedness, tempo, style and clothing, drawn from a seed."""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

#: The shorter side of the picture, pixels.
PICTURE_SIDE = 384
#: Width / height: square, landscape, portrait.
ASPECTS = (1.0, 4 / 3, 3 / 4)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in front of the signer.

    yaw, pitch, roll: rad; a positive pitch looks down from above. distance: from the neck, in shoulder widths. zoom: image
    widths per shoulder width at the neck. shift: of the neck from the picture's centre (x, y), in image widths. aspect: width /
    height.
    """

    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    distance: float = 7.0
    zoom: float = 0.33
    shift: tuple[float, float] = (0.0, -0.02)
    aspect: float = 1.0

    def size(self, side: int) -> tuple[int, int]:
        """Width and height of a picture whose shorter side has `side` pixels. Both are even, as video codecs require."""
        return round(side * max(self.aspect, 1) / 2) * 2, round(side / min(self.aspect, 1) / 2) * 2

    @property
    def rotation(self) -> np.ndarray:
        """(3, 3) rotation of the signer by yaw, then pitch, then roll."""
        (cy, cp, cr), (sy, sp, sr) = (f((self.yaw, self.pitch, self.roll)) for f in (np.cos, np.sin))
        yaw, pitch = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]), np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        return np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]]) @ pitch @ yaw

    def project(self, points: np.ndarray) -> np.ndarray:
        """(…, 3) points of the body frame, in shoulder widths → (…, 3) in image widths. z is scaled, not projected."""
        # Axis by axis, because NumPy is slow on a last axis of length three.
        projected = points.reshape(-1, 3) @ self.rotation.T.astype(points.dtype)
        scale = self.zoom * self.distance / (self.distance + projected[:, 2])
        projected[:, 0] = projected[:, 0] * scale + (0.5 + self.shift[0])
        projected[:, 1] = projected[:, 1] * scale + (0.5 / self.aspect + self.shift[1])
        projected[:, 2] *= self.zoom
        return projected.reshape(points.shape)


@dataclass(frozen=True)
class Look:
    """Appearance. Colours are RGB in 0…1. hair: 0 short, 1 long, 2 none. sleeves: length, 0…1."""

    skin: tuple[float, float, float] = (0.80, 0.60, 0.48)
    shirt: tuple[float, float, float] = (0.15, 0.18, 0.25)
    hair_colour: tuple[float, float, float] = (0.12, 0.08, 0.06)
    background: tuple[float, float, float] = (0.70, 0.74, 0.78)
    hair: int = 0
    sleeves: float = 1.0


@dataclass(frozen=True)
class Signer:
    """A synthetic signer.

    upper_arm, forearm: in shoulder widths; hand, fingers, head, girth, depth: factors of size. tempo: 1 is that of the lexicon.
    amplitude: factor of movement size. laxness: share by which closed fingers stay open and straight ones bend. wander:
    standard deviation of locations, in shoulder widths. turn: of the palm orientation, rad. rest: wrist position at rest.
    """

    name: str
    right_handed: bool = True
    upper_arm: float = 0.80
    forearm: float = 0.72
    hand: float = 1.0
    fingers: float = 1.0
    head: float = 1.0
    girth: float = 1.0
    tempo: float = 1.0
    amplitude: float = 1.0
    laxness: float = 0.0
    wander: float = 0.02
    turn: float = 0.06
    depth: float = 1.0
    rest: tuple[float, float, float] = (0.48, 0.98, 0.42)
    camera: Camera = field(default_factory=Camera)
    look: Look = field(default_factory=Look)


_SKINS = ((0.93, 0.76, 0.66), (0.85, 0.64, 0.50), (0.76, 0.55, 0.42), (0.62, 0.43, 0.32), (0.53, 0.36, 0.27), (0.47, 0.32, 0.24))
#: Shirts contrast with the hands: dark shirts with light skin, light shirts with dark skin. With the opposite choice, MediaPipe
#: finds dark hands in front of dark cloth in 88 % of the frames instead of 97 %.
_DARK_SHIRTS = ((0.13, 0.15, 0.22), (0.10, 0.28, 0.24), (0.32, 0.12, 0.16), (0.20, 0.25, 0.42), (0.08, 0.08, 0.09))
_LIGHT_SHIRTS = ((0.88, 0.88, 0.86), (0.72, 0.80, 0.90), (0.90, 0.82, 0.62), (0.78, 0.88, 0.76), (0.86, 0.74, 0.80))
_HAIR = ((0.07, 0.05, 0.05), (0.22, 0.13, 0.08), (0.55, 0.42, 0.26), (0.45, 0.45, 0.46), (0.35, 0.14, 0.07))
_BACKGROUNDS = ((0.72, 0.75, 0.78), (0.55, 0.62, 0.58), (0.80, 0.76, 0.68), (0.42, 0.47, 0.55), (0.62, 0.60, 0.66))
LEFT_HANDED_SHARE = 0.12


@lru_cache(maxsize=1024)
def signer(number: int, seed: int) -> Signer:
    """Signer `number` of a corpus, determined by number and seed. Signers with adjacent numbers look different."""
    rng = np.random.default_rng([seed, number, 0x5163])
    skin = (number * 2 + int(rng.integers(2))) % len(_SKINS)
    shirts = _LIGHT_SHIRTS if skin > 2 else _DARK_SHIRTS
    look = Look(
        skin=_SKINS[skin],
        shirt=shirts[(number + int(rng.integers(2))) % len(shirts)],
        hair_colour=_HAIR[int(rng.integers(2 if skin > 2 else len(_HAIR)))],
        background=_BACKGROUNDS[(number + seed) % len(_BACKGROUNDS)], hair=number % 3, sleeves=float(rng.choice([1.0, 0.45])),
    )  # fmt: skip
    aspect = float(np.random.default_rng([seed, number, 0xA5]).choice(ASPECTS, p=(0.6, 0.25, 0.15)))
    camera = Camera(
        yaw=rng.normal(0, 0.08), pitch=rng.uniform(0.0, 0.2), roll=rng.normal(0, 0.02), distance=rng.uniform(5.5, 9),
        zoom=rng.uniform(0.32, 0.355) / max(aspect, 1), shift=(rng.normal(0, 0.01), rng.normal(-0.02, 0.008) / max(aspect, 1)),
        aspect=aspect,
    )  # fmt: skip
    return Signer(
        name=f"{SYNTHETIC_PREFIX}{number}",
        right_handed=bool(rng.random() >= LEFT_HANDED_SHARE),
        upper_arm=0.80 * rng.normal(1, 0.04), forearm=0.72 * rng.normal(1, 0.04), hand=rng.normal(1, 0.05),
        fingers=rng.normal(1, 0.04), head=rng.normal(1, 0.03), girth=rng.normal(1, 0.06), tempo=rng.uniform(0.8, 1.25),
        amplitude=rng.uniform(0.8, 1.25), laxness=rng.uniform(0, 0.12), wander=rng.uniform(0.015, 0.04),
        turn=rng.uniform(0.05, 0.15), depth=rng.uniform(0.9, 1.1),
        rest=(rng.uniform(0.42, 0.52), rng.uniform(0.92, 1.04), rng.uniform(0.36, 0.46)), camera=camera, look=look,
    )  # fmt: skip


#: Prefix of the names of synthetic signers. No figure on their clips is an accuracy on ASL.
SYNTHETIC_PREFIX = "synthetic-"
