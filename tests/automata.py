"""What tests of automata share."""

from collections.abc import Sequence

import pynini


def line(labels: Sequence[int]) -> pynini.Fst:
    """The acceptor of one string."""
    fst = pynini.Fst()
    fst.add_states(len(labels) + 1)
    fst.set_start(0)
    for at, label in enumerate(labels):
        fst.add_arc(at, pynini.Arc(label, label, 0.0, at + 1))
    fst.set_final(len(labels))
    return fst
