import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.transducers.levels.context import Change, ContextClass, context
from tests.automata import outputs

PLACES = st.lists(st.builds(ContextClass, st.integers(0, 1), st.integers(0, 1)), min_size=3, max_size=3)


def changes_of(places, costs):
    """Every change that these units can undergo, each form with a label of its own; 4 is a rest."""
    found, label = [], 5
    for unit, place in enumerate(places, 1):
        for kind, value in product(("handshape", "location"), (0, 1)):
            if value != getattr(place, kind):
                found.append(Change(label, unit, costs[len(found) % len(costs)], **{kind: value}))
                label += 1
        found.append(Change(label, unit, costs[len(found) % len(costs)]))
        label += 1
    return found


def by_rule(places, changes, labels) -> dict[tuple[int, ...], float]:
    """Each label is a unit, the rest, or a form; a form needs the unit before or after it that it takes after."""
    forms = {one.reads: one for one in changes}
    cost, written = 0.0, []
    for at, label in enumerate(labels):
        change = forms.get(label)
        unit = change.writes if change else label
        before = written[-1] if written else None
        promised = forms[labels[at - 1]].location if at and labels[at - 1] in forms else None
        if promised is not None and (unit > len(places) or places[unit - 1].location != promised):
            return {}
        if change and change.handshape is not None:
            fits = before is not None and before <= len(places)
            if not fits or places[before - 1] != ContextClass(change.handshape, places[unit - 1].location):
                return {}
        cost += change.cost if change else 0.0
        written.append(unit)
    if labels and (last := forms.get(labels[-1])) and last.location is not None:
        return {}
    return {tuple(written): cost}


@settings(max_examples=300, deadline=None)
@given(PLACES, st.lists(st.sampled_from([0.0, 0.5, 2.0]), min_size=1, max_size=4), st.data())
def test_a_form_stands_only_beside_what_it_takes_after(places, costs, data):
    changes = changes_of(places, costs)
    fst = context(places, changes, passing=(4,))
    labels = data.draw(st.lists(st.integers(1, changes[-1].reads), max_size=5))
    assert outputs(fst, labels) == pytest.approx(by_rule(places, changes, labels), abs=1e-4)
    for state in fst.states():
        read = [arc.ilabel for arc in fst.arcs(state)]
        assert len(read) == len(set(read))
        assert 0 not in read


def test_identity_is_always_possible():
    places = [ContextClass(0, 0), ContextClass(1, 0), ContextClass(1, 1)]
    fst = context(places, changes_of(places, [1.0]))
    for labels in product((1, 2, 3), repeat=3):
        assert outputs(fst, labels)[labels] == 0.0


def test_one_form_of_two_units_is_refused():
    with pytest.raises(ValueError, match="read as two units"):
        context([ContextClass(0, 0), ContextClass(1, 0)], [Change(3, 1, 0.0), Change(3, 2, 0.0)])


def test_without_changes_nothing_is_remembered():
    assert context([ContextClass(i, i) for i in range(50)], [], passing=(51,)).num_states() == 1
    assert math.isclose(outputs(context([ContextClass(0, 0)], []), (1, 1))[1, 1], 0.0)
