"""The inventory: phonological units learned from the training clips, and the variants of each sign over them (SPEC §10)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from asl.models.units import Units, cluster_variants, concatenate_units, learn_units
from asl.pipelines.cascade.units.segments import GlossTuple
from asl.transducers.glossing import SPELLED, stem

#: A variant of a gloss needs this many clips.
MIN_CLIPS_PER_VARIANT = 4
#: Parts that a fused form takes from its verb. Handshape, orientation and face come from the object it is fused with (SPEC §9).
MOTION_PARTS = ("L", "M")


@dataclass(frozen=True)
class SignVariant:
    """One way of signing a gloss, or a fused pair. clips: how many show it. units: in order.

    motion: for a fused form that no clip shows, the units that location and movement are taken from; () means `units`.
    """

    glosses: GlossTuple
    clips: int
    units: tuple[int, ...]
    motion: tuple[int, ...] = ()

    def table_rows(self, position: int, parts: Iterable[str]) -> tuple[int, ...]:
        """The row of each part's table for the unit at a position."""
        moving_unit = (self.motion or self.units)[position]
        return tuple(moving_unit if part in MOTION_PARTS else self.units[position] for part in parts)


@dataclass(frozen=True)
class Inventory:
    """All variants of all signs, over one set of units. rest: the unit between signs, None if no clip shows a rest."""

    variants: tuple[SignVariant, ...]
    units: Units
    rest: int | None


def learn_inventory(
    sign_codes: Mapping[GlossTuple, Sequence[np.ndarray]], letter_codes: Mapping[str, Sequence[np.ndarray]],
    rest_codes: Sequence[np.ndarray], sizes: Mapping[str, int], *, stays: int, tie: int, max_variants: int,
    names: Iterable[str] = (), seed: int = 0,
) -> Inventory:  # fmt: skip
    """Learns units and variants from the (T, P) codes of sign segments, fingerspelled letters and rests.

    sizes: part → K. stays: most units of a sign. tie: number of units shared by all signs, 0 for none. A fingerspelled gloss,
    from the clips or from `names`, is a sequence of letters if clips show all of its letters.
    """
    spelled = {glosses for glosses in sign_codes if len(glosses) == 1 and spelled_letters(glosses[0], letter_codes)}
    variant_heads, variant_codes = [], []
    for glosses, segments in sorted(sign_codes.items()):
        if glosses not in spelled:
            cluster = cluster_variants(segments, sizes, max_variants, MIN_CLIPS_PER_VARIANT, seed)
            for number in range(cluster.max() + 1):
                variant_codes.append([codes for codes, c in zip(segments, cluster, strict=True) if c == number])
                variant_heads.append((glosses, len(variant_codes[-1])))
    parts = [learn_units(variant_codes, sizes, max_states=stays, tie=tie, seed=seed)] if variant_codes else []
    letters = sorted(letter_codes)
    parts += [learn_units([letter_codes[letter] for letter in letters], sizes, max_states=1)] if letters else []
    rest_codes = [codes for codes in rest_codes if len(codes)]
    parts += [learn_units([rest_codes], sizes, max_states=1)] if rest_codes else []
    units = concatenate_units(parts)
    sign_variants = [SignVariant(*head, row) for head, row in zip(variant_heads, units.unit_sequences, strict=False)]
    unit_of = dict(zip(letters, (row[0] for row in units.unit_sequences[len(variant_heads) :]), strict=False))
    clips_of = {glosses[0]: len(sign_codes[glosses]) for glosses in spelled}
    clips_of |= {name: 1 for name in names if (name,) not in sign_codes}
    sign_variants += [
        SignVariant((gloss,), clips, tuple(unit_of[letter] for letter in spelling))
        for gloss, clips in sorted(clips_of.items())
        if (spelling := spelled_letters(gloss, letter_codes))
    ]
    return Inventory(tuple(sign_variants), units, len(units) - 1 if rest_codes else None)


def spelled_letters(gloss: str, letters: Iterable[str]) -> str:
    """The letters of a fingerspelled gloss, fs-NAME; "" if it is not fingerspelled or has a letter that is not in `letters`."""
    name = gloss[len(SPELLED) :] if gloss.startswith(SPELLED) else ""
    return name if set(name) <= set(letters) else ""


def unseen_fused_forms(variants: Sequence[SignVariant]) -> list[tuple[SignVariant, GlossTuple]]:
    """Fused forms that no clip shows, each with the pair it is derived from: a-GIVE-b with CUP, if b-GIVE-a was fused with CUP.

    verb ⊗ object (SPEC §9): handshape and orientation of the fused form seen, location and movement of this verb.
    """
    by_clips = sorted(variants, key=lambda variant: variant.clips)
    plain = {variant.glosses[0]: variant for variant in by_clips if len(variant.glosses) == 1}
    fused = {variant.glosses: variant for variant in by_clips if len(variant.glosses) == 2}
    forms: dict[GlossTuple, tuple[SignVariant, GlossTuple]] = {}
    for (seen_verb, thing), model in sorted(fused.items(), key=lambda item: -item[1].clips):
        for verb, variant in plain.items():
            if stem(verb) == stem(seen_verb) and (verb, thing) not in fused and (verb, thing) not in forms:
                size = len(model.units)
                motion = tuple(variant.units[position * len(variant.units) // size] for position in range(size))
                forms[verb, thing] = SignVariant((verb, thing), 0, model.units, motion), model.glosses
    return list(forms.values())
