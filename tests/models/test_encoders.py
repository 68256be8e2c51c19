import pytest
import torch

from asl.models.networks.encoders import CAUSAL_REACH, KINDS, EncoderSpec, build_encoder
from asl.models.networks.recogniser import LateDropout, RecogniserNetwork

SPECS = [
    EncoderSpec("bilstm", 38, 16, 2),
    EncoderSpec("tcn", 38, 16, 3),
    EncoderSpec("conv-attention", 38, 16, 1),
    EncoderSpec("conv-attention", 38, 16, 1, causal=True),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.kind}-{spec.causal}")
def test_a_clip_has_the_same_scores_alone_and_in_a_batch(spec):
    torch.manual_seed(0)
    model = RecogniserNetwork(spec, 5).eval()
    clips = [torch.randn(length, 38) for length in (9, 4, 30)]
    padded = torch.nn.utils.rnn.pad_sequence(clips, batch_first=True)
    batch, lengths = model(padded, torch.tensor([9, 4, 30]))
    assert batch.shape == (3, 30, 6)
    assert lengths.tolist() == [9, 4, 30]
    for row, clip in enumerate(clips):
        alone, _ = model(clip[None], torch.tensor([len(clip)]))
        torch.testing.assert_close(batch[row, : len(clip)], alone[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.kind}-{spec.causal}")
def test_only_a_streaming_encoder_uses_no_later_frames(spec):
    torch.manual_seed(0)
    encoder = build_encoder(spec).eval()
    values = torch.randn(1, 40, 38)
    clip, _ = encoder(values, torch.tensor([40]))
    beginning, _ = encoder(values[:, :25], torch.tensor([25]))
    same = torch.allclose(clip[:, :25], beginning, atol=1e-5)
    assert same == spec.streaming


def test_a_causal_encoder_uses_no_frames_beyond_its_reach():
    torch.manual_seed(0)
    encoder = build_encoder(EncoderSpec("conv-attention", 38, 16, 1, causal=True)).eval()
    values = torch.randn(1, CAUSAL_REACH + 80, 38)
    changed = values.clone()
    changed[:, :5] += 1
    length = torch.tensor([values.shape[1]])
    assert torch.allclose(encoder(values, length)[0][:, -1], encoder(changed, length)[0][:, -1], atol=1e-5)
    assert not torch.allclose(encoder(values, length)[0][:, 20], encoder(changed, length)[0][:, 20], atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"kind": "gru"}, "no encoder"), ({"hidden": 0}, "out of range"), ({"layers": 99}, "out of range"),
     ({"kind": "conv-attention", "hidden": 18}, "multiple of 4"), ({"kind": "bilstm", "causal": True}, "both ends")],
)  # fmt: skip
def test_impossible_encoders_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        EncoderSpec(**({"kind": KINDS[0], "inputs": 38, "hidden": 16, "layers": 1} | changes))


def test_drop_path_and_late_dropout_act_only_in_training_and_keep_the_mean():
    torch.manual_seed(0)
    spec = EncoderSpec("conv-attention", 38, 16, 1, drop_path=0.5)
    encoder, values, lengths = build_encoder(spec), torch.randn(4, 10, 38), torch.full((4,), 10)
    assert not torch.allclose(encoder(values, lengths)[0], encoder(values, lengths)[0])
    encoder.eval()
    assert torch.equal(encoder(values, lengths)[0], encoder(values, lengths)[0])
    late = LateDropout()
    ones = torch.ones(64, 5, 64)
    assert torch.equal(late(ones), ones)
    late.share = 0.5
    dropped = late(ones)
    assert dropped.mean() == pytest.approx(1, abs=0.05)
    assert torch.equal(dropped[:, 0], dropped[:, 4]), "a channel is dropped over the whole clip"
    assert torch.equal(late.eval()(ones), ones)
