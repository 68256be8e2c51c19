"""All six levels against an enumeration of all paths, and the explanation of a path."""

import itertools
import math
from collections.abc import Iterator, Sequence

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
from tests.automata import all_outputs, cost_with_epsilon_backoff

GLOSSES = ("JOHN", "IX-a", "a-GIVE-1", "CUP")
#: Units 1 and 2 are plain, 3 is the point, 4 the movement of the agreement verb, 5 the rest, 6 part of a fused form.
POINT, MOVE, REST, FUSED, UNITS = 3, 4, 5, 6, 6
REFERENCES = ReferenceSymbols(UNITS, 1, {POINT: 1}, {MOVE: (1,)})
WIDE = SearchOptions(beam=1e4, most_active=10**9)
#: Bounds of the enumeration: labels of a path, and words of a path (a fused form of two labels is two words).
MAX_LABELS, MAX_WORDS = 3, 3

Labels = tuple[int, ...]


@st.composite
def knowledge_sources(draw) -> KnowledgeSources:
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
    plain_classes = (ContextClass(draw(st.integers(0, 1)), draw(st.integers(0, 1))) for _ in range(4))
    classes = (*plain_classes, ContextClass(-1, -1), ContextClass(0, 1))
    changes, label = [], UNITS + 1
    for unit in draw(st.lists(st.integers(1, 2), max_size=2, unique=True)):
        kind = draw(st.sampled_from([{"handshape": 1 - classes[unit - 1].handshape}, {"location": 0}, {}]))
        changes.append(Change(label, unit, draw(st.sampled_from([0.3, 1.5])), **kind))
        label += 1
    forms = (FusedForm((FUSED, MOVE), give, cup, 0.4),) if draw(st.booleans()) else ()
    words = st.lists(st.sampled_from(GLOSSES), min_size=1, max_size=3)
    text = draw(st.lists(words, min_size=1, max_size=4))
    durations = tuple(draw(st.lists(st.floats(1.2, 5), min_size=label - 1, max_size=label - 1)))
    rest, power, penalty = (draw(st.sampled_from(choices)) for choices in ([0, REST], [1.0, 0.5], [0.0, -4.0]))
    model = train_ngram(text, draw(st.integers(1, 3)), GLOSSES)
    shortest = draw(st.sampled_from([(), tuple(1 + label % 2 for label in range(len(durations)))]))
    longest = draw(st.sampled_from([(), tuple((2 + label % 3) * (label % 4 > 0) for label in range(len(durations)))]))
    return KnowledgeSources(
        GLOSSES, durations, classes, tuple(entries), model, REFERENCES, forms, tuple(changes),
        shortest=shortest, longest=longest, rest=rest, language_weight=power, penalty=penalty,
    )  # fmt: skip


# Enumeration ---------------------------------------------------------------------------------------------------------
def enumerate_readings(knowledge: KnowledgeSources, acceptor: pynini.Fst) -> dict[tuple[Labels, Labels], float]:
    """(Input labels, words) → least cost of C, M, D, L and G, for up to MAX_LABELS labels."""
    costs: dict[tuple[Labels, Labels], float] = {}
    # A fused form has fewer labels than the two signs that it stands for.
    saved = sum(len(form.verb) + len(form.noun) - len(form.units) for form in knowledge.forms)
    for count in range(MAX_WORDS + 1):
        for signs in itertools.product(knowledge.pronunciations, repeat=count):
            words = tuple(sign.gloss for sign in signs)
            cost = sum(sign.cost for sign in signs) + cost_with_epsilon_backoff(acceptor, words, len(GLOSSES) + 1)
            if math.isinf(cost):
                continue
            for written in with_rests([sign.units for sign in signs], knowledge.rest):
                if sum(label != REFERENCES.noun for label in written) <= MAX_LABELS + saved:
                    for labels, added in lower_readings(written, knowledge):
                        key = labels, words
                        costs[key] = min(costs.get(key, math.inf), cost + added)
    return costs


def lower_readings(written: Labels, knowledge: KnowledgeSources) -> Iterator[tuple[Labels, float]]:
    """The input labels of C for which D may write these labels, and the cost of M and C."""
    for units in resolved_references(written, knowledge.rest):
        for fused, form_cost in with_fusion(units, knowledge.forms):
            if len(fused) <= MAX_LABELS:
                for labels, change_cost in with_changes(fused, knowledge):
                    yield labels, form_cost + change_cost


def with_rests(signs: Sequence[Labels], rest: int) -> Iterator[Labels]:
    """The units of the signs, with or without a rest before, between and after them."""
    for rests in itertools.product((False, True) if rest else (False,), repeat=len(signs) + 1):
        labels = [rest] if rests[0] else []
        for units, after in zip(signs, rests[1:], strict=True):
            labels += [*units, *([rest] if after else [])]
        yield tuple(labels)


def resolved_references(written: Labels, rest: int) -> Iterator[Labels]:
    """The units for which D writes these labels: each introduction follows a noun, each reference an introduction."""
    bound, awaiting, units = 0, False, []
    for label in written:
        if label == REFERENCES.noun:
            if awaiting or bound == 1:
                return
            awaiting = True
        elif label == REFERENCES.introduction(POINT):
            if not awaiting:
                return
            awaiting, bound = False, 1
            units.append(POINT)
        else:
            if awaiting and label != rest:
                return
            if label in (POINT, MOVE) and not bound:
                return
            units.append(label)
    if not awaiting:
        yield tuple(units)


def with_fusion(units: Labels, forms: Sequence[FusedForm]) -> Iterator[tuple[Labels, float]]:
    """The units with none, some or all of the fusions that are possible, and their cost."""
    if not units:
        yield (), 0.0
        return
    for following, cost in with_fusion(units[1:], forms):
        yield (units[0], *following), cost
    for form in forms:
        signs = (*form.verb, *form.noun)
        if units[: len(signs)] == signs:
            for following, cost in with_fusion(units[len(signs) :], forms):
                yield (*form.units, *following), cost + form.cost


def with_changes(units: Labels, knowledge: KnowledgeSources) -> Iterator[tuple[Labels, float]]:
    """The units with all combinations of contextual forms that are possible, and their cost."""
    options = ([None, *(change for change in knowledge.changes if change.writes == unit)] for unit in units)
    for changes in itertools.product(*options):
        if all(is_possible(units, change, i, knowledge.context_classes) for i, change in enumerate(changes) if change):
            labels = tuple(change.reads if change else unit for unit, change in zip(units, changes, strict=True))
            yield labels, sum(change.cost for change in changes if change)


def is_possible(units: Labels, change: Change, position: int, classes: Sequence[ContextClass]) -> bool:
    if change.handshape is not None:
        previous = ContextClass(change.handshape, classes[units[position] - 1].location)
        if position == 0 or classes[units[position - 1] - 1] != previous:
            return False
    if change.location is None:
        return True
    return position + 1 < len(units) and classes[units[position + 1] - 1].location == change.location


def alignment_cost(labels: Labels, scores: np.ndarray, knowledge: KnowledgeSources) -> float:
    """The least cost of reading all frames as these labels, in order, within their shortest and longest durations."""
    durations = knowledge.durations
    shortest = knowledge.shortest or (1,) * len(durations)
    longest = [frames or math.inf for frames in knowledge.longest] or [math.inf] * len(durations)
    stay = [1 - 1 / max(1.01, mean - least + 1) for mean, least in zip(durations, shortest, strict=True)]

    def visit_cost(label: int, first: int, last: int) -> float:
        further = last - first - shortest[label - 1]
        if further < 0 or last - first > longest[label - 1]:
            return math.inf
        duration = -further * math.log(stay[label - 1]) - math.log(1 - stay[label - 1])
        return duration - scores[first:last, label - 1].sum()

    best = math.inf
    for cuts in itertools.combinations(range(1, len(scores)), len(labels) - 1):
        edges = (0, *cuts, len(scores))
        best = min(best, sum(visit_cost(*visit) for visit in zip(labels, edges, edges[1:], strict=False)))
    return best


# Tests ---------------------------------------------------------------------------------------------------------------
@settings(max_examples=500, deadline=None)
@given(knowledge_sources(), st.integers(1, MAX_LABELS), st.integers(0, 2**31))
def test_the_best_path_of_six_levels_is_the_best_of_all_paths(tmp_path_factory, knowledge, frames, seed):
    cascade = build_cascade(knowledge)
    folder = tmp_path_factory.mktemp("graph")
    cascade.write(folder)
    scores = np.random.default_rng(seed).normal(0, 3, (frames, len(knowledge.durations))).astype(np.float32)
    expected: dict[Labels, float] = {}
    for (labels, words), cost in enumerate_readings(knowledge, cascade.fsts["G"]).items():
        if 0 < len(labels) <= frames:
            cost += knowledge.penalty * len(words) + alignment_cost(labels, scores, knowledge)
            expected[words] = min(expected.get(words, math.inf), cost)
    best = Decoder(folder / file_name(FULL_CASCADE), WIDE).decode(scores)
    possible = min(expected.values(), default=math.inf) < math.inf
    assert best.complete == possible
    if possible:
        assert best.cost == pytest.approx(min(expected.values()), abs=1e-2)
        assert expected[best.words] == pytest.approx(best.cost, abs=1e-2)


@settings(max_examples=100, deadline=None)
@given(knowledge_sources())
def test_exactly_the_enumerated_readings_are_accepted(knowledge):
    """Soundness and completeness of the composition: its inputs, outputs and costs are those of the enumeration."""
    cascade = build_cascade(knowledge)
    by_labels: dict[Labels, dict[Labels, float]] = {}
    for (labels, words), cost in enumerate_readings(knowledge, cascade.fsts["G"]).items():
        by_labels.setdefault(labels, {})[words] = cost
    for size in range(MAX_LABELS):
        for labels in itertools.product(range(1, len(knowledge.durations) + 1), repeat=size):
            composed = linear_acceptor(labels)
            for name in ("C", "M", "D", LEXICON_GRAMMAR):
                composed = pynini.compose(composed.arcsort("olabel"), cascade.fsts[name])
            assert all_outputs(composed) == pytest.approx(by_labels.get(labels, {}), abs=1e-3)


@settings(max_examples=100, deadline=None)
@given(knowledge_sources(), st.data())
def test_the_costs_of_an_explanation_add_up(knowledge, data):
    cascade = build_cascade(knowledge)
    readings = enumerate_readings(knowledge, cascade.fsts["G"])
    labels, words = data.draw(st.sampled_from(sorted(reading for reading in readings if reading[0])))
    levels = explain_path(cascade.fsts, labels, words)
    assert sum(step.cost for steps in levels.values() for step in steps) == pytest.approx(readings[labels, words], abs=1e-2)
    read = tuple(labels)
    for steps in levels.values():
        assert tuple(label for step in steps for label in step.reads) == read
        assert [step.first for step in steps] == [0, *(step.last for step in steps[:-1])][: len(steps)]
        read = tuple(label for step in steps for label in step.writes)
    assert read == words


def knowledge_of(glosses, durations, classes, entries) -> KnowledgeSources:
    """Knowledge sources without references, with a bigram of one sentence."""
    references = ReferenceSymbols(len(classes), 0, {}, {})
    return KnowledgeSources(glosses, durations, classes, entries, train_ngram([glosses], 2, glosses), references)


def test_a_cascade_needs_pronunciations():
    with pytest.raises(ValueError, match="pronunciation"):
        build_cascade(knowledge_of(("A",), (2.0,), (ContextClass(0, 0),), ()))


def test_sizes_are_those_of_the_files(tmp_path):
    entries = (Pronunciation(1, (1, 2)), Pronunciation(2, (2, 1)))
    knowledge = knowledge_of(("A", "B"), (2.0, 3.0), (ContextClass(0, 0), ContextClass(1, 0)), entries)
    sizes = {size.name: size for size in build_cascade(knowledge).write(tmp_path)}
    assert set(sizes) == {"G", "L", LEXICON_GRAMMAR, "D", "M", "C", FULL_CASCADE}
    for name, size in sizes.items():
        assert size.bytes == (tmp_path / file_name(name)).stat().st_size
        assert size.states > 0
        assert size.out_degree == pytest.approx(size.arcs / size.states)
