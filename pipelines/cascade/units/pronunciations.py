"""What the training clips say of signs: where each is in its clip, its units, and what the cascade can see of them (SPEC §10)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from asl.pipelines.cascade.units.coarticulation import Coarticulation
from asl.pipelines.cascade.units.frame_labels import NO_GLOSS, FrameLabels
from asl.pipelines.cascade.units.inventory import Inventory, SignVariant, unseen_fused_forms
from asl.pipelines.cascade.units.segments import GlossTuple
from asl.transducers.glossing import refers, single_letter
from asl.transducers.levels.context import Change, Place
from asl.transducers.levels.discourse import ReferenceSymbols
from asl.transducers.levels.lexicon import Pronunciation
from asl.transducers.levels.morphology import FusedForm
from asl.transducers.references import references_of

# Where signs are -----------------------------------------------------------------------------------------------------


# Units ---------------------------------------------------------------------------------------------------------------


@dataclass
class CascadeSigns:
    """Everything that the cascade's levels need of the signs, over the labels of `columns`."""

    columns: FrameLabels
    pronunciations: list[Pronunciation]
    references: ReferenceSymbols
    forms: list[FusedForm]
    changes: list[Change]
    places: list[Place]
    rest: int
    tables: dict[str, np.ndarray]


def cascade_signs(
    found: Inventory, glosses: Sequence[str], encoder: Mapping[str, int], *, own_columns: bool, throughout: bool,
    nouns: Iterable[str], loci: Sequence[str], margin: float, fused_shares: Mapping[GlossTuple, float], neighbours: Coarticulation,
    letter_cost: float = 0.0,
) -> CascadeSigns:  # fmt: skip
    """glosses: the cascade's, labels 1…V in order. encoder: gloss → its label in the encoder.

    own_columns: a label a gloss and stay, so that the encoder has a say; else one a unit. throughout: whether the encoder names a
    gloss in all of its frames; else once, amid them. nouns: glosses that a point may
    introduce. loci: names of the loci that are followed, in order of introduction; () for none. margin, fused_shares: what a
    fused form must win by, nats, and how often the two glosses are signed as one. letter_cost: of a letter read by itself.
    """
    columns, shared = FrameLabels(), {}
    label_of = {gloss: label for label, gloss in enumerate(glosses, 1)}
    spelled: dict[GlossTuple, list[tuple[tuple[int, ...], int]]] = defaultdict(list)
    parts = list(found.units.tables)
    unseen = unseen_fused_forms(found.ways)
    shares = dict(fused_shares) | {way.said: fused_shares[like] for way, like in unseen}
    for number, way in enumerate([*found.ways, *(way for way, _ in unseen)]):
        labels = []
        for place, unit in enumerate(way.units):
            row = way.row(place, parts)
            key = (number, place) if own_columns or refers(way.said[0]) else (row,)
            if key not in shared:
                name = f"{'+'.join(way.said)}/{place + 1}" if len(key) > 1 else f"u{unit}"
                gloss, peak = _heard(way, place, encoder)
                peak = peak or (throughout and gloss != NO_GLOSS)
                shared[key] = columns.add(row, gloss, peak, found.units.durations[unit], name, unit)
            labels.append(shared[key])
        spelled[way.said].append((tuple(labels), way.clips))
    rest = 0
    if found.rest is not None:
        rest = columns.add((found.rest,) * len(parts), NO_GLOSS, False, found.units.durations[found.rest], "rest", found.rest)
    base = len(columns.rows)
    references = references_of({said[0]: ways for said, ways in spelled.items() if len(said) == 1}, loci, base)
    entries = lexicon_entries(spelled, label_of, references, set(nouns), letter_cost)
    forms = [
        FusedForm(labels, _usual(spelled[said[:1]]), _usual(spelled[said[1:]]), margin - np.log(shares[said]))
        for said, ways in spelled.items()
        if len(said) == 2 and spelled.get(said[:1]) and spelled.get(said[1:])
        for labels, _ in ways
    ]
    tables, places, changes = neighbours.apply(found.units, columns, rest)
    return CascadeSigns(columns, entries, references, forms, changes, places, rest, tables)


def _heard(way: SignVariant, place: int, encoder: Mapping[str, int]) -> tuple[int, bool]:
    """Which gloss the encoder is asked for at a place of a sign, and whether it must name it there: once, amid the sign.

    Of a fused sign it names the verb amid it and the object at its end.
    """
    middle, last = len(way.units) // 2, len(way.units) - 1
    gloss = encoder.get(way.said[-1] if place > middle else way.said[0], NO_GLOSS)
    return gloss, place == middle or (len(way.said) > 1 and place == last)


def _usual(ways: Sequence[tuple[tuple[int, ...], int]]) -> tuple[int, ...]:
    return max(ways, key=lambda way: way[1])[0]


def lexicon_entries(
    spelled: Mapping[GlossTuple, Sequence[tuple[tuple[int, ...], int]]], label_of: Mapping[str, int], references: ReferenceSymbols,
    nouns: set[str], letter_cost: float = 0.0,
) -> list[Pronunciation]:  # fmt: skip
    """One a way of signing; nouns once more with the sign that an introduction follows, points once more as introductions."""
    entries = []
    for said, ways in spelled.items():
        if len(said) > 1 or said[0] not in label_of:
            continue
        total = sum(clips for _, clips in ways)
        for labels, clips in ways:
            cost = -float(np.log(clips / total)) + (letter_cost if single_letter(said[0]) else 0.0)
            gloss = label_of[said[0]]
            entries.append(Pronunciation(gloss, labels, cost))
            if labels[0] in references.points:
                entries.append(Pronunciation(gloss, (references.introduction(labels[0]), *labels[1:]), cost))
            elif references.points and (said[0] in nouns or single_letter(said[0])):
                entries.append(Pronunciation(gloss, (*labels, references.noun), cost))
    return entries
