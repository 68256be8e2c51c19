import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.transducers.levels.morphology import FusedForm, morphology
from tests.automata import outputs

UNITS = st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple)
FORMS = st.lists(st.builds(FusedForm, UNITS, UNITS, UNITS, st.sampled_from([0.0, 0.5, 2.0])), max_size=4)


def by_rule(forms, labels) -> dict[tuple[int, ...], float]:
    found: dict[tuple[int, ...], float] = {}

    def read(rest, said, cost):
        if not rest:
            found[said] = min(found.get(said, math.inf), cost)
            return
        read(rest[1:], (*said, rest[0]), cost)
        for one in forms:
            if rest[: len(one.units)] == one.units:
                read(rest[len(one.units) :], (*said, *one.verb, *one.noun), cost + one.cost)

    read(tuple(labels), (), 0.0)
    return found


@settings(max_examples=200, deadline=None)
@given(FORMS, st.lists(st.integers(1, 3), max_size=5))
def test_every_reading_is_there_and_no_other(forms, labels):
    assert outputs(morphology(forms, range(1, 4)), labels) == pytest.approx(by_rule(forms, labels), abs=1e-4)


def test_forms_that_go_on_alike_share_states():
    many = [FusedForm((verb, 3, thing), (verb, 3), (thing, 3)) for verb in (1, 2) for thing in range(4, 104)]
    # The start; of each object its unit being read; and before it the last unit, the object's two and the verb's second one
    # still to be written, which both verbs share.
    assert morphology(many, range(1, 104)).num_states() == 1 + 100 * 5


def test_a_form_needs_units():
    with pytest.raises(ValueError, match="fused form"):
        morphology([FusedForm((), (1,), (2,))], [1, 2])
