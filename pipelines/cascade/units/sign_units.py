"""What the training clips say of signs: where each is in its clip, its units, and what the cascade can see of them (SPEC §10)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from asl.models.units import Units, joined, learn, variants
from asl.pipelines.cascade.units.coarticulation import Neighbours
from asl.pipelines.cascade.units.frame_labels import BETWEEN, Columns
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.corpus.labels import GLOSS_TIER
from asl.transducers.context import Change, Place
from asl.transducers.discourse import ReferenceSymbols
from asl.transducers.glossing import SPELLED, refers, single_letter, stem
from asl.transducers.lexicon import Pronunciation
from asl.transducers.morphology import FusedForm
from asl.transducers.references import references_of

#: A way of signing a gloss needs this many clips.
LEAST_CLIPS = 4
#: What a fused form takes from its verb; handshape, orientation and face come from how it is fused with such an object (SPEC §9).
MOTION = ("L", "M")
LETTER_TIER = "letter"

Said = tuple[str, ...]


@dataclass(frozen=True)
class Stretch:
    """Frames first…last − 1 of a clip in which glosses are signed: one, or the two of a fused sign."""

    glosses: Said
    first: int
    last: int


# Where signs are -----------------------------------------------------------------------------------------------------
def stretches(clip: Clip, hands: np.ndarray, fps: float, spans: Callable[[], Sequence[tuple[int, int]]]) -> list[Stretch]:
    """Where each gloss of a clip is signed: by its annotation, else where a hand is seen, else where the encoder names it.

    hands: (T,) whether a hand is seen. spans: gives the encoder's frames of each gloss, if they are needed.
    """
    marked: dict[tuple[float, float], list[str]] = {}
    for one in clip.segments:
        if one.tier == GLOSS_TIER and one.value:
            marked.setdefault((one.start, one.end), []).append(one.value)
    if marked:
        found = [(tuple(said), round(start * fps), min(len(hands), round(end * fps))) for (start, end), said in marked.items()]
        return [Stretch(*one) for one in found if one[2] > one[1]]
    if len(clip.glosses) == 1:
        seen = np.flatnonzero(hands)
        return [Stretch(clip.glosses, *((int(seen[0]), int(seen[-1]) + 1) if len(seen) else (0, len(hands))))]
    return [Stretch((gloss,), *span) for gloss, span in zip(clip.glosses, spans(), strict=True)]


def letters(clip: Clip, frames: int, fps: float) -> list[tuple[str, int, int]]:
    """Fingerspelled letters of a clip with their frames, [first, last), each up to where the next one of its word begins."""
    marked = sorted((one for one in clip.segments if one.tier == LETTER_TIER), key=lambda one: one.start)
    words = [(one.start, one.end) for one in clip.segments if one.tier == GLOSS_TIER]
    found = []
    for number, one in enumerate(marked):
        within = next((end for start, end in words if start <= one.start < end), one.end)
        following = marked[number + 1].start if number + 1 < len(marked) else within
        found.append((one.value, round(one.start * fps), min(frames, round(min(following, within) * fps))))
    return [one for one in found if one[2] > one[1]]


def between(found: Sequence[Stretch], frames: int) -> list[tuple[int, int]]:
    """The frames of a clip in which nothing is signed."""
    edges = [0, *(edge for one in sorted(found, key=lambda one: one.first) for edge in (one.first, one.last)), frames]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b > a]


# Units ---------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Way:
    """A way of signing something: glosses (two of a fused sign), the clips that show it, its units in order.

    motion: of a fused form that no clip shows, the units that location and movement are taken from; () for its own.
    """

    said: Said
    clips: int
    units: tuple[int, ...]
    motion: tuple[int, ...] = ()

    def row(self, place: int, parts: Iterable[str]) -> tuple[int, ...]:
        """The row of each part's table at a place."""
        moved = (self.motion or self.units)[place]
        return tuple(moved if part in MOTION else self.units[place] for part in parts)


@dataclass(frozen=True)
class Inventory:
    """Every way of signing that was found, over one set of units. rest: the unit between signs, None if nothing is."""

    ways: tuple[Way, ...]
    units: Units
    rest: int | None


def inventory(
    segments: Mapping[Said, Sequence[np.ndarray]], letters: Mapping[str, Sequence[np.ndarray]], rests: Sequence[np.ndarray],
    sizes: Mapping[str, int], *, stays: int, tie: int, most_variants: int, names: Iterable[str] = (), seed: int = 0,
) -> Inventory:  # fmt: skip
    """Codes of each sign's segments, of fingerspelled letters and of the frames between signs → ways of signing.

    What is fingerspelled, in the clips or among `names`, is a row of letters, as far as clips show those letters.
    """
    spelled = {said for said in segments if len(said) == 1 and letters_of(said[0], letters)}
    counts, signs = [], []
    for said, own in sorted(segments.items()):
        if said not in spelled:
            label = variants(own, sizes, most_variants, LEAST_CLIPS, seed)
            for number in range(label.max() + 1):
                signs.append([one for one, which in zip(own, label, strict=True) if which == number])
                counts.append((said, len(signs[-1])))
    parts = [learn(signs, sizes, stays=stays, tie=tie, seed=seed)] if signs else []
    alphabet = sorted(letters)
    parts += [learn([letters[one] for one in alphabet], sizes, stays=1)] if alphabet else []
    rests = [one for one in rests if len(one)]
    parts += [learn([rests], sizes, stays=1)] if rests else []
    units = joined(parts)
    ways = [Way(*count, row) for count, row in zip(counts, units.spelled, strict=False)]
    unit_of = dict(zip(alphabet, (row[0] for row in units.spelled[len(counts) :]), strict=False))
    glosses = {said[0]: len(segments[said]) for said in spelled} | {name: 1 for name in names if (name,) not in segments}
    ways += [
        Way((gloss,), clips, tuple(unit_of[one] for one in found))
        for gloss, clips in sorted(glosses.items())
        if (found := letters_of(gloss, letters))
    ]
    return Inventory(tuple(ways), units, len(units) - 1 if rests else None)


def letters_of(gloss: str, known: Iterable[str]) -> str:
    """The letters of a fingerspelled gloss, fs-NAME; "" if it is none or has one that is not known."""
    name = gloss[len(SPELLED) :] if gloss.startswith(SPELLED) else ""
    return name if set(name) <= set(known) else ""


@dataclass
class Signs:
    """Everything that the cascade's levels need of the signs, over the labels of `columns`."""

    columns: Columns
    pronunciations: list[Pronunciation]
    references: ReferenceSymbols
    forms: list[FusedForm]
    changes: list[Change]
    places: list[Place]
    rest: int
    tables: dict[str, np.ndarray]


def signs_of(
    found: Inventory, glosses: Sequence[str], encoder: Mapping[str, int], *, own_columns: bool, throughout: bool,
    nouns: Iterable[str], loci: Sequence[str], margin: float, fused_shares: Mapping[Said, float], neighbours: Neighbours,
    letter_cost: float = 0.0,
) -> Signs:  # fmt: skip
    """glosses: the cascade's, labels 1…V in order. encoder: gloss → its label in the encoder.

    own_columns: a label a gloss and stay, so that the encoder has a say; else one a unit. throughout: whether the encoder names a
    gloss in all of its frames; else once, amid them. nouns: glosses that a point may
    introduce. loci: names of the loci that are followed, in order of introduction; () for none. margin, fused_shares: what a
    fused form must win by, nats, and how often the two glosses are signed as one. letter_cost: of a letter read by itself.
    """
    columns, shared = Columns(), {}
    label_of = {gloss: label for label, gloss in enumerate(glosses, 1)}
    spelled: dict[Said, list[tuple[tuple[int, ...], int]]] = defaultdict(list)
    parts = list(found.units.tables)
    unseen = unseen_forms(found.ways)
    shares = dict(fused_shares) | {way.said: fused_shares[like] for way, like in unseen}
    for number, way in enumerate([*found.ways, *(way for way, _ in unseen)]):
        labels = []
        for place, unit in enumerate(way.units):
            row = way.row(place, parts)
            key = (number, place) if own_columns or refers(way.said[0]) else (row,)
            if key not in shared:
                name = f"{'+'.join(way.said)}/{place + 1}" if len(key) > 1 else f"u{unit}"
                gloss, peak = _heard(way, place, encoder)
                peak = peak or (throughout and gloss != BETWEEN)
                shared[key] = columns.add(row, gloss, peak, found.units.durations[unit], name, unit)
            labels.append(shared[key])
        spelled[way.said].append((tuple(labels), way.clips))
    rest = 0
    if found.rest is not None:
        rest = columns.add((found.rest,) * len(parts), BETWEEN, False, found.units.durations[found.rest], "rest", found.rest)
    base = len(columns.rows)
    references = references_of({said[0]: ways for said, ways in spelled.items() if len(said) == 1}, loci, base)
    entries = pronunciations(spelled, label_of, references, set(nouns), letter_cost)
    forms = [
        FusedForm(labels, _usual(spelled[said[:1]]), _usual(spelled[said[1:]]), margin - np.log(shares[said]))
        for said, ways in spelled.items()
        if len(said) == 2 and spelled.get(said[:1]) and spelled.get(said[1:])
        for labels, _ in ways
    ]
    tables, places, changes = neighbours.apply(found.units, columns, rest)
    return Signs(columns, entries, references, forms, changes, places, rest, tables)


def unseen_forms(ways: Sequence[Way]) -> list[tuple[Way, Said]]:
    """Fused forms that no clip shows, each with the pair it is made like: a-GIVE-b with CUP, where b-GIVE-a was fused with CUP.

    verb ⊗ object (SPEC §9): handshape and orientation as that object was held, location and movement of this verb.
    """
    plain = {way.said[0]: way for way in sorted(ways, key=lambda one: one.clips) if len(way.said) == 1}
    fused = {way.said: way for way in sorted(ways, key=lambda one: one.clips) if len(way.said) == 2}
    found: dict[Said, tuple[Way, Said]] = {}
    for (shown, thing), like in sorted(fused.items(), key=lambda item: -item[1].clips):
        for verb, way in plain.items():
            if stem(verb) == stem(shown) and (verb, thing) not in fused and (verb, thing) not in found:
                motion = tuple(way.units[place * len(way.units) // len(like.units)] for place in range(len(like.units)))
                found[verb, thing] = Way((verb, thing), 0, like.units, motion), like.said
    return list(found.values())


def _heard(way: Way, place: int, encoder: Mapping[str, int]) -> tuple[int, bool]:
    """Which gloss the encoder is asked for at a place of a sign, and whether it must name it there: once, amid the sign.

    Of a fused sign it names the verb amid it and the object at its end.
    """
    middle, last = len(way.units) // 2, len(way.units) - 1
    gloss = encoder.get(way.said[-1] if place > middle else way.said[0], BETWEEN)
    return gloss, place == middle or (len(way.said) > 1 and place == last)


def _usual(ways: Sequence[tuple[tuple[int, ...], int]]) -> tuple[int, ...]:
    return max(ways, key=lambda way: way[1])[0]


def pronunciations(
    spelled: Mapping[Said, Sequence[tuple[tuple[int, ...], int]]], label_of: Mapping[str, int], references: ReferenceSymbols,
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


def fused_shares(sentences: Iterable[Sequence[Stretch]]) -> dict[Said, float]:
    """Of each pair of glosses that was signed as one, how often it was, among all its occurrences side by side."""
    fused, apart = Counter(), Counter()
    for found in sentences:
        fused.update(one.glosses for one in found if len(one.glosses) == 2)
        plain = [one.glosses[0] if len(one.glosses) == 1 else "" for one in found]
        apart.update(pair for pair in pairwise(plain) if all(pair))
    return {pair: count / (count + apart[pair]) for pair, count in fused.items()}
