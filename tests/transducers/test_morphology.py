import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.transducers.levels.morphology import FusedForm, morphology
from tests.automata import outputs

UNITS = st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple)
FORMS = st.lists(st.builds(FusedForm, UNITS, UNITS, UNITS, st.sampled_from([0.0, 0.5, 2.0])), max_size=4)


def expected_outputs(forms, labels) -> dict[tuple[int, ...], float]:
    costs: dict[tuple[int, ...], float] = {}

    def read(remaining, written, cost):
        if not remaining:
            costs[written] = min(costs.get(written, math.inf), cost)
            return
        read(remaining[1:], (*written, remaining[0]), cost)
        for form in forms:
            if remaining[: len(form.units)] == form.units:
                read(remaining[len(form.units) :], (*written, *form.verb, *form.noun), cost + form.cost)

    read(tuple(labels), (), 0.0)
    return costs


@settings(max_examples=200, deadline=None)
@given(FORMS, st.lists(st.integers(1, 3), max_size=5))
def test_exactly_the_readings_with_and_without_fusion_are_accepted(forms, labels):
    assert outputs(morphology(forms, range(1, 4)), labels) == pytest.approx(expected_outputs(forms, labels), abs=1e-4)


def test_forms_with_the_same_remainder_share_states():
    many = [FusedForm((verb, 3, thing), (verb, 3), (thing, 3)) for verb in (1, 2) for thing in range(4, 104)]
    # The start, and for each object 5 states that both verbs share: before the second unit of the verb is written, before each of
    # the two of the object, and before each of the two units of the form is read.
    assert morphology(many, range(1, 104)).num_states() == 1 + 100 * 5


def test_a_form_needs_units():
    with pytest.raises(ValueError, match="fused form"):
        morphology([FusedForm((), (1,), (2,))], [1, 2])
