"""A stream that is read in chunks has the scores of the clip."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.networks.encoders import EncoderSpec
from asl.models.networks.recogniser import RecogniserNetwork
from asl.models.networks.streaming import StreamingRecogniser
from asl.models.objectives.ctc import normalised

SPECS = (EncoderSpec("tcn", 12, 8, 3), EncoderSpec("conv-attention", 12, 16, 2, causal=True))


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(SPECS), st.lists(st.integers(1, 90), min_size=1, max_size=5), st.integers(1, 2), st.integers(0, 1000))
def test_chunks_have_the_scores_of_the_clip(spec, chunks, members, seed):
    torch.manual_seed(seed)
    tiers = {"handshape": ("a", "b"), "boundary": ("boundary",)}
    ensemble = [RecogniserNetwork(spec, 5, 0.3, tiers).eval() for _ in range(members)]
    stream = StreamingRecogniser(ensemble)
    values = torch.randn(2, sum(chunks), 12)
    states = [torch.zeros(2, *shape) for _, shape in stream.state_shapes()]
    chunk_scores, chunk_classes = [], []
    with torch.inference_mode():
        for chunk in values.split(chunks, dim=1):
            scores, classes, *states = stream(chunk, *states)
            chunk_scores.append(scores)
            chunk_classes.append(classes)
        lengths = torch.full((2,), values.shape[1])
        clip_scores = torch.stack([normalised(member(values, lengths)[0]) for member in ensemble])
        encoded = [member.encoder(values, lengths)[0] for member in ensemble]
        logits = [member.phonology(frames)["handshape"] for member, frames in zip(ensemble, encoded, strict=True)]
        clip_classes = torch.softmax(torch.stack(logits), -1).mean(dim=0)
    np.testing.assert_allclose(torch.cat(chunk_scores, dim=2), clip_scores, atol=1e-4)
    np.testing.assert_allclose(torch.cat(chunk_classes, dim=1), clip_classes, atol=1e-5)


def test_a_bidirectional_encoder_cannot_read_a_stream():
    with pytest.raises(ValueError, match="cannot read a stream"):
        StreamingRecogniser([RecogniserNetwork(EncoderSpec("bilstm", 12, 8, 1), 5)])
