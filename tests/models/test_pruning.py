"""Structured pruning of recognisers."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.networks.encoders import EncoderSpec
from asl.models.networks.pruning import prune_recogniser
from asl.models.networks.recogniser import RecogniserNetwork

SPECS = (
    EncoderSpec("bilstm", 12, 16, 2),
    EncoderSpec("tcn", 12, 16, 3),
    EncoderSpec("conv-attention", 12, 16, 1),
    EncoderSpec("conv-attention", 12, 16, 1, causal=True),
)


def recogniser(spec: EncoderSpec) -> RecogniserNetwork:
    torch.manual_seed(0)
    return RecogniserNetwork(spec, 5, 0.3, {"handshape": ("a", "b"), "boundary": ("boundary",)}).eval()


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(SPECS), st.sampled_from([0.25, 0.5, 0.75]))
def test_a_pruned_recogniser_has_the_same_kind_and_outputs(spec, share):
    old = recogniser(spec)
    small = prune_recogniser(old, share)
    assert small.encoder.spec.hidden == 16 * (1 - share)
    assert small.parameter_count() < (1 - share) * old.parameter_count() + 200
    scores, _ = small(torch.randn(2, 9, 12), torch.tensor([9, 7]))
    assert scores.shape == (2, 9, 6)
    assert small.phonology.tiers == old.phonology.tiers


@pytest.mark.parametrize("spec", SPECS)
def test_pruning_no_units_changes_nothing_and_pruning_all_is_refused(spec):
    old, values = recogniser(spec), torch.randn(2, 9, 12)
    same = prune_recogniser(old, 0.0)
    torch.testing.assert_close(same(values, torch.tensor([9, 7]))[0], old(values, torch.tensor([9, 7]))[0])
    with pytest.raises(ValueError, match="leaves none"):
        prune_recogniser(old, 0.99)


@pytest.mark.parametrize("spec", SPECS)
def test_units_without_weights_are_pruned_first(spec):
    """Half of the channels have no weights in the first layer."""
    old = recogniser(spec)
    with torch.no_grad():
        old.encoder.project[0].weight[::2] = 0
    weight = prune_recogniser(old, 0.5).encoder.project[0].weight
    assert (weight.abs().sum(dim=1) > 0).all()
