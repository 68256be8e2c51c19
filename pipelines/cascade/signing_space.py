"""The signing space: directions of the loci, and the angle beyond which a point means a new locus (SPEC §8)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from asl.models.features.phon36 import LOCATION, MOVEMENT
from asl.transducers.loci import DiscourseState, calibrated_alpha, calibrated_tau, uniqueness_bound, unit_vector

#: Angles to the right locus, and to wrong ones, that calibration needs.
MIN_ANGLES = 5

Direction = tuple[float, float, float]


@dataclass(frozen=True)
class Pointing:
    """A point in a clip: the locus that its gloss names, and its direction in the signer frame."""

    locus: str
    direction: Direction


def pointing_direction(features: np.ndarray) -> Direction | None:
    """(T, ≥ 36) features of a point, phon36 first → unit vector from between the shoulders to the palm that moves more.

    The mean over the middle half of the frames, as the hand is still on its way before. None if no hand is visible.
    """
    hands = features[:, LOCATION].reshape(len(features), 2, 3)
    speeds = np.linalg.norm(np.nan_to_num(features[:, MOVEMENT][:, :6].reshape(len(features), 2, 3)), axis=-1)
    visible = np.isfinite(hands).all(axis=-1)
    if not visible.any():
        return None
    hand = int(np.where(visible.any(axis=0), (speeds * visible).sum(axis=0), -1.0).argmax())
    quarter = len(features) // 4
    middle = slice(quarter, len(features) - quarter)
    frames = middle if visible[middle, hand].any() else slice(None)
    mean = unit_vector(unit_vector(hands[frames, hand][visible[frames, hand]]).mean(axis=0))
    return tuple(round(float(coordinate), 4) for coordinate in mean)


@dataclass(frozen=True)
class SigningSpace:
    """loci: name → mean direction. points: how many these are means of. tau: radians, alpha: as in SPEC §8, None if there are
    too few points. pointings: all points, for drawing.
    """

    loci: Mapping[str, Direction] = field(default_factory=dict)
    points: int = 0
    tau: float | None = None
    alpha: float | None = None
    pointings: Sequence[Pointing] = ()

    @property
    def surely_unique(self) -> float | None:
        """A lower bound of P(at most one locus within τ of a point), for this many loci anywhere on the sphere."""
        return None if self.tau is None else uniqueness_bound(len(self.loci), self.tau)

    @property
    def figures(self) -> dict[str, float]:
        figures = {"points": self.points or None}
        figures |= {"tau_degrees": None if self.tau is None else round(float(np.degrees(self.tau)), 1)}
        figures |= {"alpha": None if self.alpha is None else round(self.alpha, 2)}
        return {key: value for key, value in figures.items() if value is not None}


def signing_space(clips: Sequence[Sequence[Pointing]]) -> SigningSpace:
    """The points of each clip, in order → the loci, and τ and α, calibrated on the points that refer back to a locus.

    The first point at a locus introduces it. A later one should be nearer to it than to any other locus bound by then.
    """
    pointings = [pointing for clip in clips for pointing in clip]
    directions: dict[str, list[Direction]] = defaultdict(list)
    for pointing in pointings:
        directions[pointing.locus].append(pointing.direction)
    loci = {locus: tuple(unit_vector(np.mean(parts, axis=0)).round(4).tolist()) for locus, parts in sorted(directions.items())}
    same, different, angles, targets = [], [], [], []
    for clip in clips:
        state = DiscourseState()
        for pointing in clip:
            if pointing.locus in state.referents:
                to_loci, target = state.angles(np.array(pointing.direction)), state.referents.index(pointing.locus)
                same.append(float(to_loci[target]))
                if len(state) > 1:
                    different.append(float(np.delete(to_loci, target).min()))
                    angles.append(to_loci)
                    targets.append(target)
            else:
                state = state.assign(pointing.locus, np.array(pointing.direction))
    enough = min(len(same), len(different)) >= MIN_ANGLES
    tau, alpha = (calibrated_tau(same, different), calibrated_alpha(angles, targets)) if enough else (None, None)
    return SigningSpace(loci, len(pointings), tau, alpha, pointings)


def degrees(direction: Direction) -> tuple[float, float]:
    """Degrees to the signer's left from straight ahead, and upwards."""
    x, y, z = direction
    return float(np.degrees(np.arctan2(x, -z))), float(np.degrees(np.arctan2(-y, np.hypot(x, z))))


def top_view(space: SigningSpace):
    """A figure of the space from above, the signer facing up: a dot per point, an arrow per locus, a wedge of ±τ around it."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Wedge

    axes = Figure(figsize=(4.2, 4.2)).subplots()
    for number, (locus, mean) in enumerate(space.loci.items()):
        colour = f"C{number}"
        directions = np.array([pointing.direction for pointing in space.pointings if pointing.locus == locus])
        axes.scatter(-directions[:, 0], -directions[:, 2], s=7, alpha=0.35, color=colour, linewidths=0)
        axes.annotate("", (-mean[0], -mean[2]), (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour})
        axes.text(-1.12 * mean[0], -1.12 * mean[2], locus, color=colour, weight="bold", ha="center", va="center")
        if space.tau:
            centre, reach = np.degrees(np.arctan2(-mean[2], -mean[0])), np.degrees(space.tau)
            axes.add_patch(Wedge((0, 0), 1, centre - reach, centre + reach, color=colour, alpha=0.08, linewidth=0))
    axes.add_patch(Wedge((0, 0), 0.16, 180, 360, color="#555555"))
    axes.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), aspect="equal", xticks=[], yticks=[])
    axes.set_xlabel("signer's left   ←   →   signer's right", fontsize=8)
    axes.set_ylabel("behind   ←   →   ahead", fontsize=8)
    return axes.figure
