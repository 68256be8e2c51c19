"""All six levels against every reading counted by hand, and what a path means."""

import itertools
import math

import numpy as np
import pynini
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.transducers.cascade import KnowledgeSources, build_cascade, explain_path, linear_acceptor
from asl.transducers.decoder import Decoder, SearchOptions
from asl.transducers.level_names import FULL_CASCADE, LEXICON_GRAMMAR, file_name
from asl.transducers.levels.context import Change, ContextClass
from asl.transducers.levels.discourse import ReferenceSymbols
from asl.transducers.levels.lexicon import Pronunciation
from asl.transducers.levels.morphology import FusedForm
from asl.transducers.levels.ngram import train_ngram
from tests.automata import with_free_backoff

GLOSSES = ("JOHN", "IX-a", "a-GIVE-1", "CUP")
#: 1, 2 plain units; 3 the point; 4 the agreement's movement; 5 rest; 6 of a fused form.
POINT, MOVE, REST, OWN, UNITS = 3, 4, 5, 6, 6
REFERENCES = ReferenceSymbols(UNITS, 1, {POINT: 1}, {MOVE: (1,)})
WIDE = SearchOptions(beam=1e4, most_active=10**9)
#: The longest string of labels that is looked at, and the most words that one can stand for (a fused form takes two labels).
LONGEST, MOST_WORDS = 3, 3


@st.composite
def knowledge(draw) -> KnowledgeSources:
    plain = st.lists(st.integers(1, 2), min_size=1, max_size=2).map(tuple)
    john, give, cup = draw(plain), (*draw(plain), MOVE), draw(plain)
    entries = [
        Pronunciation(1, john, 0.2),
        Pronunciation(1, (*john, REFERENCES.noun), 0.2),
        Pronunciation(2, (POINT,)),
        Pronunciation(2, (REFERENCES.introduction(POINT),)),
        Pronunciation(3, give),
        Pronunciation(4, cup, 0.1),
    ]
    places = (
        *(ContextClass(draw(st.integers(0, 1)), draw(st.integers(0, 1))) for _ in range(4)),
        ContextClass(-1, -1),
        ContextClass(0, 1),
    )
    changes, label = [], UNITS + 1
    for unit in draw(st.lists(st.integers(1, 2), max_size=2, unique=True)):
        kind = draw(st.sampled_from([{"handshape": 1 - places[unit - 1].handshape}, {"location": 0}, {}]))
        changes.append(Change(label, unit, draw(st.sampled_from([0.3, 1.5])), **kind))
        label += 1
    forms = (FusedForm((OWN, MOVE), give, cup, 0.4),) if draw(st.booleans()) else ()
    words = st.lists(st.sampled_from(GLOSSES), min_size=1, max_size=3)
    text = draw(st.lists(words, min_size=1, max_size=4))
    durations = tuple(draw(st.lists(st.floats(1.2, 5), min_size=label - 1, max_size=label - 1)))
    rest, power, penalty = (draw(st.sampled_from(two)) for two in ([0, REST], [1.0, 0.5], [0.0, -4.0]))
    model = train_ngram(text, draw(st.integers(1, 3)), GLOSSES)
    shortest = draw(st.sampled_from([(), tuple(1 + label % 2 for label in range(len(durations)))]))
    longest = draw(st.sampled_from([(), tuple((2 + label % 3) * (label % 4 > 0) for label in range(len(durations)))]))
    how = {"shortest": shortest, "longest": longest, "rest": rest, "language_weight": power, "penalty": penalty}
    return KnowledgeSources(GLOSSES, durations, places, tuple(entries), model, REFERENCES, forms, tuple(changes), **how)


def every_reading(known: KnowledgeSources, acceptor: pynini.Fst) -> dict[tuple[tuple[int, ...], tuple[int, ...]], float]:
    """(labels that are seen, words) → least cost of C, M, D, L and G, of strings of up to LONGEST labels."""
    found: dict = {}
    for count in range(MOST_WORDS + 1):
        for chosen in itertools.product(known.pronunciations, repeat=count):
            words = tuple(one.gloss for one in chosen)
            cost = sum(one.cost for one in chosen) + with_free_backoff(acceptor, words, len(GLOSSES) + 1)
            if math.isinf(cost):
                continue
            fewer = sum(len(form.verb) + len(form.noun) - len(form.units) for form in known.forms)
            for written in rested([one.units for one in chosen], known.rest):
                seen = [label for label in written if label != REFERENCES.noun]
                for meant in said_in(written, known) if len(seen) <= LONGEST + fewer else ():
                    for units, extra in fused_in(meant, known.forms):
                        if len(units) <= LONGEST:
                            for labels, more in changed_in(units, known):
                                key = labels, words
                                found[key] = min(found.get(key, math.inf), cost + extra + more)
    return found


def rested(signs, rest):
    gaps = (False, True) if rest else (False,)
    for rests in itertools.product(gaps, repeat=len(signs) + 1):
        out = [rest] if rests[0] else []
        for units, after in zip(signs, rests[1:], strict=True):
            out += [*units, *([rest] if after else [])]
        yield tuple(out)


def said_in(written, known):
    """What D reads where this is written: each introduction after its noun, each reference to who is there."""
    bound, awaiting, meant = 0, False, []
    for label in written:
        if label == REFERENCES.noun:
            if awaiting or bound == 1:
                return
            awaiting = True
        elif label == REFERENCES.introduction(POINT):
            if not awaiting:
                return
            awaiting, bound = False, 1
            meant.append(POINT)
        else:
            if awaiting and label != known.rest:
                return
            if label in (POINT, MOVE) and not bound:
                return
            meant.append(label)
    if not awaiting:
        yield tuple(meant)


def fused_in(meant, forms):
    if not meant:
        yield (), 0.0
        return
    for units, cost in fused_in(meant[1:], forms):
        yield (meant[0], *units), cost
    for one in forms:
        both = (*one.verb, *one.noun)
        if meant[: len(both)] == both:
            for units, cost in fused_in(meant[len(both) :], forms):
                yield (*one.units, *units), cost + one.cost


def changed_in(units, known):
    for forms in itertools.product(*([None, *(one for one in known.changes if one.writes == unit)] for unit in units)):
        if all(fits(units, forms, at, known.context_classes) for at in range(len(units))):
            labels = tuple(form.reads if form else unit for unit, form in zip(units, forms, strict=True))
            yield labels, sum(form.cost for form in forms if form)


def fits(units, forms, at, places) -> bool:
    one = forms[at]
    if one is None:
        return True
    own = places[units[at] - 1]
    if one.handshape is not None and (at == 0 or places[units[at - 1] - 1] != ContextClass(one.handshape, own.location)):
        return False
    return one.location is None or (at + 1 < len(units) and places[units[at + 1] - 1].location == one.location)


def stretched(labels, scores, known) -> float:
    """The least cost of staying in each label for a while, so that all frames are read."""
    durations = known.durations
    least = known.shortest or (1,) * len(durations)
    most = [one or math.inf for one in known.longest] or [math.inf] * len(durations)
    stay = [1 - 1 / max(1.01, d - few + 1) for d, few in zip(durations, least, strict=True)]
    best = math.inf
    for cuts in itertools.combinations(range(1, len(scores)), len(labels) - 1):
        edges, cost = (0, *cuts, len(scores)), 0.0
        for label, first, last in zip(labels, edges, edges[1:], strict=False):
            more = last - first - least[label - 1]
            go_on = (
                math.inf
                if more < 0 or last - first > most[label - 1]
                else -more * math.log(stay[label - 1]) - math.log(1 - stay[label - 1])
            )
            cost += go_on - scores[first:last, label - 1].sum()
        best = min(best, cost)
    return best


@settings(max_examples=500, deadline=None)
@given(knowledge(), st.integers(1, LONGEST), st.integers(0, 2**31))
def test_the_best_path_of_six_levels_is_the_best_of_all_readings(tmp_path_factory, known, frames, seed):
    made = build_cascade(known)
    folder = tmp_path_factory.mktemp("graph")
    made.write(folder)
    scores = np.random.default_rng(seed).normal(0, 3, (frames, len(known.durations))).astype(np.float32)
    readings = every_reading(known, made.fsts["G"])
    expected: dict[tuple[int, ...], float] = {}
    for (labels, words), cost in readings.items():
        if 0 < len(labels) <= frames:
            cost += known.penalty * len(words) + stretched(labels, scores, known)
            expected[words] = min(expected.get(words, math.inf), cost)
    got = Decoder(folder / file_name(FULL_CASCADE), WIDE).decode(scores)
    possible = min(expected.values(), default=math.inf) < math.inf
    assert got.complete == possible
    if possible:
        assert got.cost == pytest.approx(min(expected.values()), abs=1e-2)
        assert expected[got.words] == pytest.approx(got.cost, abs=1e-2)


@settings(max_examples=100, deadline=None)
@given(knowledge())
def test_nothing_is_accepted_but_what_the_levels_say(known):
    """Soundness and completeness of the composition: its strings, meanings and costs are those counted by hand."""
    made = build_cascade(known)
    readings = every_reading(known, made.fsts["G"])
    by_labels: dict[tuple[int, ...], dict] = {}
    for (labels, words), cost in readings.items():
        by_labels.setdefault(labels, {})[words] = cost
    for size in range(LONGEST):
        for labels in itertools.product(range(1, len(known.durations) + 1), repeat=size):
            composed = linear_acceptor(labels)
            for name in ("C", "M", "D", LEXICON_GRAMMAR):
                composed = pynini.compose(composed.arcsort("olabel"), made.fsts[name])
            assert strings(composed) == pytest.approx(by_labels.get(labels, {}), abs=1e-3)


def strings(fst: pynini.Fst) -> dict[tuple[int, ...], float]:
    """What an acyclic transducer writes, each with its least cost."""
    found: dict[tuple[int, ...], float] = {}

    def walk(state, said, cost):
        if float(fst.final(state)) != math.inf:
            found[said] = min(found.get(said, math.inf), cost + float(fst.final(state)))
        for arc in fst.arcs(state):
            walk(arc.nextstate, (*said, arc.olabel) if arc.olabel else said, cost + float(arc.weight))

    if fst.num_states():
        walk(fst.start(), (), 0.0)
    return found


@settings(max_examples=100, deadline=None)
@given(knowledge(), st.data())
def test_an_explanation_adds_up(known, data):
    made = build_cascade(known)
    readings = every_reading(known, made.fsts["G"])
    labels, words = data.draw(st.sampled_from(sorted(one for one in readings if one[0])))
    levels = explain_path(made.fsts, labels, words)
    assert sum(step.cost for steps in levels.values() for step in steps) == pytest.approx(readings[labels, words], abs=1e-2)
    read = tuple(labels)
    for steps in levels.values():
        assert tuple(label for step in steps for label in step.reads) == read
        assert [step.first for step in steps] == [0, *(step.last for step in steps[:-1])][: len(steps)]
        read = tuple(label for step in steps for label in step.writes)
    assert read == words


def test_a_cascade_needs_pronunciations():
    known = KnowledgeSources(
        ("A",), (2.0,), (ContextClass(0, 0),), (), train_ngram([["A"]], 1, ("A",)), ReferenceSymbols(1, 0, {}, {})
    )
    with pytest.raises(ValueError, match="pronunciation"):
        build_cascade(known)


def test_sizes_are_those_of_the_files(tmp_path):
    entries = (Pronunciation(1, (1, 2)), Pronunciation(2, (2, 1)))
    model = train_ngram([["A", "B"]], 2, ("A", "B"))
    known = KnowledgeSources(
        ("A", "B"), (2.0, 3.0), (ContextClass(0, 0), ContextClass(1, 0)), entries, model, ReferenceSymbols(2, 0, {}, {})
    )
    sizes = {one.name: one for one in build_cascade(known).write(tmp_path)}
    assert set(sizes) == {"G", "L", LEXICON_GRAMMAR, "D", "M", "C", FULL_CASCADE}
    for name, one in sizes.items():
        assert one.bytes == (tmp_path / file_name(name)).stat().st_size
        assert one.states > 0
        assert one.out_degree == pytest.approx(one.arcs / one.states)
