"""The phonological units of the training clips, and every way of signing a gloss with them (SPEC §10)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from asl.models.units import Units, joined, learn, variants
from asl.pipelines.cascade.units.segments import GlossTuple
from asl.transducers.glossing import SPELLED, stem

#: A way of signing a gloss needs this many clips.
MIN_CLIPS_PER_VARIANT = 4
#: What a fused form takes from its verb; handshape, orientation and face come from how it is fused with such an object (SPEC §9).
MOTION_PARTS = ("L", "M")


@dataclass(frozen=True)
class SignVariant:
    """A way of signing something: glosses (two of a fused sign), the clips that show it, its units in order.

    motion: of a fused form that no clip shows, the units that location and movement are taken from; () for its own.
    """

    said: GlossTuple
    clips: int
    units: tuple[int, ...]
    motion: tuple[int, ...] = ()

    def row(self, place: int, parts: Iterable[str]) -> tuple[int, ...]:
        """The row of each part's table at a place."""
        moved = (self.motion or self.units)[place]
        return tuple(moved if part in MOTION_PARTS else self.units[place] for part in parts)


@dataclass(frozen=True)
class Inventory:
    """Every way of signing that was found, over one set of units. rest: the unit between signs, None if nothing is."""

    ways: tuple[SignVariant, ...]
    units: Units
    rest: int | None


def learn_inventory(
    segments: Mapping[GlossTuple, Sequence[np.ndarray]], letters: Mapping[str, Sequence[np.ndarray]], rests: Sequence[np.ndarray],
    sizes: Mapping[str, int], *, stays: int, tie: int, most_variants: int, names: Iterable[str] = (), seed: int = 0,
) -> Inventory:  # fmt: skip
    """Codes of each sign's segments, of fingerspelled letters and of the frames between signs → ways of signing.

    What is fingerspelled, in the clips or among `names`, is a row of letters, as far as clips show those letters.
    """
    spelled = {said for said in segments if len(said) == 1 and spelled_letters(said[0], letters)}
    counts, signs = [], []
    for said, own in sorted(segments.items()):
        if said not in spelled:
            label = variants(own, sizes, most_variants, MIN_CLIPS_PER_VARIANT, seed)
            for number in range(label.max() + 1):
                signs.append([one for one, which in zip(own, label, strict=True) if which == number])
                counts.append((said, len(signs[-1])))
    parts = [learn(signs, sizes, stays=stays, tie=tie, seed=seed)] if signs else []
    alphabet = sorted(letters)
    parts += [learn([letters[one] for one in alphabet], sizes, stays=1)] if alphabet else []
    rests = [one for one in rests if len(one)]
    parts += [learn([rests], sizes, stays=1)] if rests else []
    units = joined(parts)
    ways = [SignVariant(*count, row) for count, row in zip(counts, units.spelled, strict=False)]
    unit_of = dict(zip(alphabet, (row[0] for row in units.spelled[len(counts) :]), strict=False))
    glosses = {said[0]: len(segments[said]) for said in spelled} | {name: 1 for name in names if (name,) not in segments}
    ways += [
        SignVariant((gloss,), clips, tuple(unit_of[one] for one in found))
        for gloss, clips in sorted(glosses.items())
        if (found := spelled_letters(gloss, letters))
    ]
    return Inventory(tuple(ways), units, len(units) - 1 if rests else None)


def spelled_letters(gloss: str, known: Iterable[str]) -> str:
    """The letters of a fingerspelled gloss, fs-NAME; "" if it is none or has one that is not known."""
    name = gloss[len(SPELLED) :] if gloss.startswith(SPELLED) else ""
    return name if set(name) <= set(known) else ""


def unseen_fused_forms(ways: Sequence[SignVariant]) -> list[tuple[SignVariant, GlossTuple]]:
    """Fused forms that no clip shows, each with the pair it is made like: a-GIVE-b with CUP, where b-GIVE-a was fused with CUP.

    verb ⊗ object (SPEC §9): handshape and orientation as that object was held, location and movement of this verb.
    """
    plain = {way.said[0]: way for way in sorted(ways, key=lambda one: one.clips) if len(way.said) == 1}
    fused = {way.said: way for way in sorted(ways, key=lambda one: one.clips) if len(way.said) == 2}
    found: dict[GlossTuple, tuple[SignVariant, GlossTuple]] = {}
    for (shown, thing), like in sorted(fused.items(), key=lambda item: -item[1].clips):
        for verb, way in plain.items():
            if stem(verb) == stem(shown) and (verb, thing) not in fused and (verb, thing) not in found:
                motion = tuple(way.units[place * len(way.units) // len(like.units)] for place in range(len(like.units)))
                found[verb, thing] = SignVariant((verb, thing), 0, like.units, motion), like.said
    return list(found.values())
