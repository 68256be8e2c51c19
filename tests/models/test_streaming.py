"""A stream read in chunks gets the scores of the whole."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.networks.encoders import EncoderSpec
from asl.models.networks.recogniser import Recogniser
from asl.models.networks.streaming import StreamingRecogniser
from asl.models.objectives.ctc import normalised

SPECS = (EncoderSpec("tcn", 12, 8, 3), EncoderSpec("conv-attention", 12, 16, 2, causal=True))


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(SPECS), st.lists(st.integers(1, 90), min_size=1, max_size=5), st.integers(1, 2), st.integers(0, 1000))
def test_chunks_say_what_the_whole_says(spec, chunks, members, seed):
    torch.manual_seed(seed)
    made = [Recogniser(spec, 5, 0.3, {"handshape": ("a", "b"), "boundary": ("boundary",)}).eval() for _ in range(members)]
    stream = StreamingRecogniser(made)
    values = torch.randn(2, sum(chunks), 12)
    states = [torch.zeros(2, *shape) for _, shape in stream.state_shapes()]
    found, classes = [], []
    with torch.inference_mode():
        for part in values.split(chunks, dim=1):
            scores, tier, *states = stream(part, *states)
            found.append(scores)
            classes.append(tier)
        lengths = torch.full((2,), values.shape[1])
        whole = torch.stack([normalised(one(values, lengths)[0]) for one in made])
        tiers = [torch.softmax(one.phonology(one.encoder(values, lengths)[0])["handshape"], -1) for one in made]
    np.testing.assert_allclose(torch.cat(found, dim=2), whole, atol=1e-4)
    np.testing.assert_allclose(torch.cat(classes, dim=1), torch.stack(tiers).mean(dim=0), atol=1e-5)


def test_what_reads_from_both_ends_is_no_stream():
    with pytest.raises(ValueError, match="cannot read a stream"):
        StreamingRecogniser([Recogniser(EncoderSpec("bilstm", 12, 8, 1), 5)])
