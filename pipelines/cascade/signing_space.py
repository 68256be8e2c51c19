"""Where in the signing space points go: directions of the loci, and how far apart two must be to be two (SPEC §8)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from asl.models.features.phon36 import LOCATION, MOVEMENT
from asl.transducers.loci import Discourse, calibrated_alpha, calibrated_tau, uniqueness_bound, unit

#: Angles between points at loci are judged once there are so many of each kind.
MIN_ANGLES = 5

Direction = tuple[float, float, float]


@dataclass(frozen=True)
class Pointing:
    """A point of a clip: the locus that its gloss names, and its direction in the signer frame."""

    locus: str
    direction: Direction


def pointing_direction(features: np.ndarray) -> Direction | None:
    """(T, 36 or more) features of a point, phon36 first → from between the shoulders to the palm of the hand that moves more.

    The mean over the middle half of its frames: before, the hand is on its way. None where no hand is seen.
    """
    hands = features[:, LOCATION].reshape(len(features), 2, 3)
    speeds = np.linalg.norm(np.nan_to_num(features[:, MOVEMENT][:, :6].reshape(len(features), 2, 3)), axis=-1)
    seen = np.isfinite(hands).all(axis=-1)
    if not seen.any():
        return None
    hand = int(np.where(seen.any(axis=0), (speeds * seen).sum(axis=0), -1.0).argmax())
    quarter = len(features) // 4
    middle = slice(quarter, len(features) - quarter)
    chosen = middle if seen[middle, hand].any() else slice(None)
    mean = unit(unit(hands[chosen, hand][seen[chosen, hand]]).mean(axis=0))
    return tuple(round(float(one), 4) for one in mean)


@dataclass(frozen=True)
class SigningSpace:
    """loci: name → mean direction. points: how many went into it. tau: radians, α: of SPEC §8, None where too few clips say.

    shown: every point, for drawing.
    """

    loci: Mapping[str, Direction] = field(default_factory=dict)
    points: int = 0
    tau: float | None = None
    alpha: float | None = None
    shown: Sequence[Pointing] = ()

    @property
    def surely_unique(self) -> float | None:
        """P(at most one locus within τ of a point) at least, for so many loci anywhere on the sphere."""
        return None if self.tau is None else uniqueness_bound(len(self.loci), self.tau)

    @property
    def figures(self) -> dict[str, float]:
        found = {"points": self.points or None}
        found |= {"tau_degrees": None if self.tau is None else round(float(np.degrees(self.tau)), 1)}
        found |= {"alpha": None if self.alpha is None else round(self.alpha, 2)}
        return {key: value for key, value in found.items() if value is not None}


def signing_space(clips: Sequence[Sequence[Pointing]]) -> SigningSpace:
    """The points of each clip, in order → the loci, and τ and α calibrated on points back at a locus.

    The first point at a locus introduces it; a later one should lie nearer to it than to any other that is bound by then.
    """
    every = [point for points in clips for point in points]
    own: dict[str, list[Direction]] = defaultdict(list)
    for point in every:
        own[point.locus].append(point.direction)
    loci = {locus: tuple(unit(np.mean(found, axis=0)).round(4).tolist()) for locus, found in sorted(own.items())}
    same, other, angles, truth = [], [], [], []
    for points in clips:
        state = Discourse()
        for point in points:
            if point.locus in state.referents:
                found, right = state.angles(np.array(point.direction)), state.referents.index(point.locus)
                same.append(float(found[right]))
                if len(state) > 1:
                    other.append(float(np.delete(found, right).min()))
                    angles.append(found)
                    truth.append(right)
            else:
                state = state.assign(point.locus, np.array(point.direction))
    enough = min(len(same), len(other)) >= MIN_ANGLES
    tau, alpha = (calibrated_tau(same, other), calibrated_alpha(angles, truth)) if enough else (None, None)
    return SigningSpace(loci, len(every), tau, alpha, every)


def degrees(one: Direction) -> tuple[float, float]:
    """A direction as degrees to the signer's left, from straight ahead, and upwards."""
    x, y, z = one
    return float(np.degrees(np.arctan2(x, -z))), float(np.degrees(np.arctan2(-y, np.hypot(x, z))))


def top_view(space: SigningSpace):
    """Seen from above, as the signer sees it: ahead is up. Every point a dot, each locus an arrow, τ about it a wedge."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Wedge

    axes = Figure(figsize=(4.2, 4.2)).subplots()
    for number, (locus, mean) in enumerate(space.loci.items()):
        colour = f"C{number}"
        own = np.array([point.direction for point in space.shown if point.locus == locus])
        axes.scatter(-own[:, 0], -own[:, 2], s=7, alpha=0.35, color=colour, linewidths=0)
        axes.annotate("", (-mean[0], -mean[2]), (0, 0), arrowprops={"arrowstyle": "-|>", "color": colour})
        axes.text(-1.12 * mean[0], -1.12 * mean[2], locus, color=colour, weight="bold", ha="center", va="center")
        if space.tau:
            towards, reach = np.degrees(np.arctan2(-mean[2], -mean[0])), np.degrees(space.tau)
            axes.add_patch(Wedge((0, 0), 1, towards - reach, towards + reach, color=colour, alpha=0.08, linewidth=0))
    axes.add_patch(Wedge((0, 0), 0.16, 180, 360, color="#555555"))
    axes.set(xlim=(-1.25, 1.25), ylim=(-1.25, 1.25), aspect="equal", xticks=[], yticks=[])
    axes.set_xlabel("the signer's left   ←   →   the signer's right", fontsize=8)
    axes.set_ylabel("behind   ←   →   ahead", fontsize=8)
    return axes.figure
