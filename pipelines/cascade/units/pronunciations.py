"""Pronunciations: the signs of the inventory as entries of the cascade's levels, over frame labels (SPEC §10)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from asl.models.features.tiers import NO_GLOSS
from asl.pipelines.cascade.units.coarticulation import Coarticulation
from asl.pipelines.cascade.units.frame_labels import FrameLabels
from asl.pipelines.cascade.units.inventory import Inventory, SignVariant, unseen_fused_forms
from asl.pipelines.cascade.units.segments import GlossTuple
from asl.transducers.glossing import is_reference, is_single_letter
from asl.transducers.levels.context import Change, ContextClass
from asl.transducers.levels.discourse import ReferenceSymbols
from asl.transducers.levels.lexicon import Pronunciation
from asl.transducers.levels.morphology import FusedForm
from asl.transducers.references import reference_symbols

#: Labels of a variant's units, in order, and the number of clips that show it.
LabelledVariant = tuple[tuple[int, ...], int]


@dataclass
class CascadeSigns:
    """What the levels of the cascade need to know of the signs. labels: of frames; the other fields refer to them.

    tables: part → (U, K + 1), with the pooled rows of coarticulation. rest: the label between signs, or 0.
    """

    labels: FrameLabels
    pronunciations: list[Pronunciation]
    references: ReferenceSymbols
    forms: list[FusedForm]
    changes: list[Change]
    context_classes: list[ContextClass]
    rest: int
    tables: dict[str, np.ndarray]


def cascade_signs(
    inventory: Inventory, glosses: Sequence[str], encoder: Mapping[str, int], *, labels_per_sign: bool, every_frame: bool,
    nouns: Iterable[str], loci: Sequence[str], margin: float, fused_shares: Mapping[GlossTuple, float],
    coarticulation: Coarticulation, letter_cost: float = 0.0,
) -> CascadeSigns:  # fmt: skip
    """Gives every unit of every variant a frame label, and builds the entries of C, M, D and L over them.

    glosses: those of the cascade, labels 1…V in order. encoder: gloss → its label in the encoder. labels_per_sign: a label per
    variant and unit, so that the encoder can score it; else one per unit. every_frame: whether the encoder outputs a gloss in all
    of its frames; else once, in the middle. nouns: glosses that a point may introduce. loci: names of the tracked loci, in
    order of introduction; () for none. margin: nats that a fused form must win by. fused_shares: how often each pair is fused.
    letter_cost: of a letter that is read by itself.
    """
    labels = FrameLabels()
    parts = list(inventory.units.tables)
    unseen = unseen_fused_forms(inventory.variants)
    variants = [*inventory.variants, *(variant for variant, _ in unseen)]
    labelled = _add_labels(labels, variants, inventory, encoder, labels_per_sign=labels_per_sign, every_frame=every_frame)
    rest = 0
    if inventory.rest is not None:
        unit = inventory.rest
        rest = labels.add((unit,) * len(parts), NO_GLOSS, False, inventory.units.durations[unit], "rest", unit)
    plain = {words[0]: variants for words, variants in labelled.items() if len(words) == 1}
    references = reference_symbols(plain, loci, len(labels.rows))
    label_of = {gloss: label for label, gloss in enumerate(glosses, 1)}
    entries = lexicon_entries(labelled, label_of, references, set(nouns), letter_cost)
    shares = dict(fused_shares) | {variant.glosses: fused_shares[source] for variant, source in unseen}
    forms = [
        FusedForm(units, _usual_units(plain[words[0]]), _usual_units(plain[words[1]]), margin - np.log(shares[words]))
        for words, variants in labelled.items()
        if len(words) == 2 and plain.get(words[0]) and plain.get(words[1])
        for units, _ in variants
    ]
    tables, context_classes, changes = coarticulation.apply(inventory.units, labels, rest)
    return CascadeSigns(labels, entries, references, forms, changes, context_classes, rest, tables)


def _add_labels(
    labels: FrameLabels, variants: Sequence[SignVariant], inventory: Inventory, encoder: Mapping[str, int], *,
    labels_per_sign: bool, every_frame: bool,
) -> dict[GlossTuple, list[LabelledVariant]]:  # fmt: skip
    """Adds the labels of the variants' units, shared where they may be. Returns glosses → their variants over these labels."""
    parts, units = list(inventory.units.tables), inventory.units
    shared: dict[tuple, int] = {}
    labelled: dict[GlossTuple, list[LabelledVariant]] = defaultdict(list)
    for number, variant in enumerate(variants):
        variant_labels = []
        for position, unit in enumerate(variant.units):
            rows = variant.table_rows(position, parts)
            key = (number, position) if labels_per_sign or is_reference(variant.glosses[0]) else (rows,)
            if key not in shared:
                name = f"{'+'.join(variant.glosses)}/{position + 1}" if len(key) > 1 else f"u{unit}"
                gloss, peak = _expected_gloss(variant, position, encoder)
                peak = peak or (every_frame and gloss != NO_GLOSS)
                shared[key] = labels.add(rows, gloss, peak, units.durations[unit], name, unit)
            variant_labels.append(shared[key])
        labelled[variant.glosses].append((tuple(variant_labels), variant.clips))
    return labelled


def _expected_gloss(variant: SignVariant, position: int, encoder: Mapping[str, int]) -> tuple[int, bool]:
    """The encoder's label at a position of a sign, and whether the encoder must output it there: once, in the middle.

    For a fused sign it outputs the verb in the middle and the object at the end.
    """
    middle, last = len(variant.units) // 2, len(variant.units) - 1
    gloss = encoder.get(variant.glosses[-1] if position > middle else variant.glosses[0], NO_GLOSS)
    return gloss, position == middle or (len(variant.glosses) > 1 and position == last)


def _usual_units(variants: Sequence[LabelledVariant]) -> tuple[int, ...]:
    """The units of the variant with most clips."""
    return max(variants, key=lambda variant: variant[1])[0]


def lexicon_entries(
    labelled: Mapping[GlossTuple, Sequence[LabelledVariant]], label_of: Mapping[str, int], references: ReferenceSymbols,
    nouns: set[str], letter_cost: float = 0.0,
) -> list[Pronunciation]:  # fmt: skip
    """One entry per variant. Nouns get a second one that an introduction follows, points a second one as an introduction."""
    entries = []
    for glosses, variants in labelled.items():
        if len(glosses) > 1 or glosses[0] not in label_of:
            continue
        total = sum(clips for _, clips in variants)
        for units, clips in variants:
            cost = -float(np.log(clips / total)) + (letter_cost if is_single_letter(glosses[0]) else 0.0)
            gloss = label_of[glosses[0]]
            entries.append(Pronunciation(gloss, units, cost))
            if units[0] in references.points:
                entries.append(Pronunciation(gloss, (references.introduction(units[0]), *units[1:]), cost))
            elif references.points and (glosses[0] in nouns or is_single_letter(glosses[0])):
                entries.append(Pronunciation(gloss, (*units, references.noun), cost))
    return entries
