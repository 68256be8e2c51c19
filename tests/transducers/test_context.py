import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.transducers.levels.context import Change, ContextClass, context
from tests.automata import outputs

CLASSES = st.lists(st.builds(ContextClass, st.integers(0, 1), st.integers(0, 1)), min_size=3, max_size=3)


def changes_of(classes, costs):
    """Every change that these units can undergo, each form with a label of its own; 4 is a rest."""
    changes, label = [], 5
    for unit, unit_class in enumerate(classes, 1):
        for kind, value in product(("handshape", "location"), (0, 1)):
            if value != getattr(unit_class, kind):
                changes.append(Change(label, unit, costs[len(changes) % len(costs)], **{kind: value}))
                label += 1
        changes.append(Change(label, unit, costs[len(changes) % len(costs)]))
        label += 1
    return changes


def expected_outputs(classes, changes, labels) -> dict[tuple[int, ...], float]:
    """Each label is a unit, the rest, or a form, which needs the neighbour that it is assimilated to or anticipates."""
    forms = {change.reads: change for change in changes}
    cost, written = 0.0, []
    for position, label in enumerate(labels):
        change = forms.get(label)
        unit = change.writes if change else label
        previous = written[-1] if written else None
        promised = forms[labels[position - 1]].location if position and labels[position - 1] in forms else None
        if promised is not None and (unit > len(classes) or classes[unit - 1].location != promised):
            return {}
        if change and change.handshape is not None:
            possible = previous is not None and previous <= len(classes)
            if not possible or classes[previous - 1] != ContextClass(change.handshape, classes[unit - 1].location):
                return {}
        cost += change.cost if change else 0.0
        written.append(unit)
    if labels and (last := forms.get(labels[-1])) and last.location is not None:
        return {}
    return {tuple(written): cost}


@settings(max_examples=300, deadline=None)
@given(CLASSES, st.lists(st.sampled_from([0.0, 0.5, 2.0]), min_size=1, max_size=4), st.data())
def test_a_form_is_read_only_beside_the_neighbour_that_it_depends_on(classes, costs, data):
    changes = changes_of(classes, costs)
    fst = context(classes, changes, passing=(4,))
    labels = data.draw(st.lists(st.integers(1, changes[-1].reads), max_size=5))
    assert outputs(fst, labels) == pytest.approx(expected_outputs(classes, changes, labels), abs=1e-4)
    for state in fst.states():
        input_labels = [arc.ilabel for arc in fst.arcs(state)]
        assert len(input_labels) == len(set(input_labels))
        assert 0 not in input_labels


def test_identity_is_always_possible():
    classes = [ContextClass(0, 0), ContextClass(1, 0), ContextClass(1, 1)]
    fst = context(classes, changes_of(classes, [1.0]))
    for labels in product((1, 2, 3), repeat=3):
        assert outputs(fst, labels)[labels] == 0.0


def test_a_label_for_forms_of_two_units_is_refused():
    with pytest.raises(ValueError, match="read as two units"):
        context([ContextClass(0, 0), ContextClass(1, 0)], [Change(3, 1, 0.0), Change(3, 2, 0.0)])


def test_without_changes_there_is_one_state():
    assert context([ContextClass(i, i) for i in range(50)], [], passing=(51,)).num_states() == 1
    assert math.isclose(outputs(context([ContextClass(0, 0)], []), (1, 1))[1, 1], 0.0)
