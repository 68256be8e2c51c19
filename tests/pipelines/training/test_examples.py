"""Training clips of several annotation levels: every clip once per epoch, and its weight in the loss (SPEC §7)."""

import numpy as np
import pytest
import torch

from asl.models.features.feature_sets import PHON36, encoder_input
from asl.models.features.tiers import BOUNDARY
from asl.models.networks.encoders import EncoderSpec
from asl.models.networks.recogniser import RecogniserNetwork
from asl.pipelines.corpus.labels import Labels
from asl.pipelines.training.ctc_loop import CtcRun
from asl.pipelines.training.examples import Example, TrainingData, level_weights
from asl.pipelines.workspace.settings.training import TrainSettings

#: Labels of a clip of each level.
BY_LEVEL = {
    0: Labels({}, {"sign type": 1}),
    1: Labels({BOUNDARY: np.zeros(12, dtype=np.int64)}),
    2: Labels({"handshape": np.zeros(12, dtype=np.int64)}),
}


def ctc_run(levels, folder, **settings) -> CtcRun:
    rng = np.random.default_rng(0)
    examples = [
        Example(rng.normal(size=(12, PHON36.size)), (1 + i % 3,), f"clip {i}", BY_LEVEL[level]) for i, level in enumerate(levels)
    ]
    data = TrainingData(PHON36, examples, [], np.zeros(PHON36.expanded), np.ones(PHON36.expanded))
    torch.manual_seed(0)
    model = RecogniserNetwork(EncoderSpec("bilstm", PHON36.inputs, 8, 1), 3)
    return CtcRun(model, data, TrainSettings(batch_size=4, dropout=0.0, **settings), folder, torch.device("cpu"))


def test_an_epoch_shows_every_clip_once_whatever_its_level(tmp_path, monkeypatch):
    run, shown = ctc_run([0] * 3 + [2] * 40, tmp_path), []
    loss = CtcRun._loss

    def recording(self, examples, inputs, sources):
        shown.extend(example.name for example in examples)
        return loss(self, examples, inputs, sources)

    monkeypatch.setattr(CtcRun, "_loss", recording)
    run.epoch(0)
    assert sorted(shown) == sorted(f"clip {i}" for i in range(43))


def test_levels_weigh_the_loss_and_the_mean_weight_is_one():
    levels = [0] * 50 + [1] * 100 + [2] * 850
    weights = level_weights(levels)
    assert np.mean([weights[level] for level in levels]) == pytest.approx(1)
    assert weights[0] / weights[2] == pytest.approx(2.5)
    assert weights[1] / weights[2] == pytest.approx(1.5)
    assert level_weights([2, 2]) == {2: pytest.approx(1)}


def test_the_loss_of_a_batch_is_the_weighted_mean_of_its_clips(tmp_path):
    run = ctc_run([0, 2, 1, 2], tmp_path, label_smoothing=0.0)
    data, examples = run.data, run.data.train
    inputs = [encoder_input(example.features, data.mean, data.deviation, PHON36) for example in examples]
    run.model.eval()
    source = np.arange(12)
    of_clip = [float(run._loss([one], [values], [source])[0].detach()) for one, values in zip(examples, inputs, strict=True)]
    together = float(run._loss(examples, inputs, [source] * 4)[0].detach())
    assert together == pytest.approx(np.mean(of_clip), rel=1e-5)
    weights = [data.level_weights[example.labels.level] for example in examples]
    plain = [loss / weight for loss, weight in zip(of_clip, weights, strict=True)]
    assert together != pytest.approx(np.mean(plain), rel=1e-3)
