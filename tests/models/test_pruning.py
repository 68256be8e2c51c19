"""What is cut out of a recogniser, and what is kept."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.networks.encoders import EncoderSpec
from asl.models.networks.pruning import prune_recogniser
from asl.models.networks.recogniser import Recogniser

SPECS = (
    EncoderSpec("bilstm", 12, 16, 2),
    EncoderSpec("tcn", 12, 16, 3),
    EncoderSpec("conv-attention", 12, 16, 1),
    EncoderSpec("conv-attention", 12, 16, 1, causal=True),
)


def made(spec: EncoderSpec) -> Recogniser:
    torch.manual_seed(0)
    return Recogniser(spec, 5, 0.3, {"handshape": ("a", "b"), "boundary": ("boundary",)}).eval()


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(SPECS), st.sampled_from([0.25, 0.5, 0.75]))
def test_a_smaller_one_is_of_the_same_kind(spec, share):
    old = made(spec)
    small = prune_recogniser(old, share)
    assert small.encoder.spec.hidden == 16 * (1 - share)
    assert small.parameter_count() < (1 - share) * old.parameter_count() + 200
    scores, _ = small(torch.randn(2, 9, 12), torch.tensor([9, 7]))
    assert scores.shape == (2, 9, 6)
    assert small.phonology.tiers == old.phonology.tiers


@pytest.mark.parametrize("spec", SPECS)
def test_nothing_pruned_is_nothing_changed(spec):
    old, values = made(spec), torch.randn(2, 9, 12)
    same = prune_recogniser(old, 0.0)
    torch.testing.assert_close(same(values, torch.tensor([9, 7]))[0], old(values, torch.tensor([9, 7]))[0])
    with pytest.raises(ValueError, match="nothing to learn with"):
        prune_recogniser(old, 0.99)


@pytest.mark.parametrize("spec", SPECS)
def test_units_that_do_nothing_go_first(spec):
    """Half of the channels silenced: cutting them out changes nothing but what layer norms average over."""
    old = made(spec)
    with torch.no_grad():
        old.encoder.project[0].weight[::2] = 0
    kept = prune_recogniser(old, 0.5).encoder.project[0].weight
    assert (kept.abs().sum(dim=1) > 0).all()
