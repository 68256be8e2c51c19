import json
import weakref
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from asl.models.features.feature_sets import PHON36, clip_features, standardisation
from asl.models.features.tiers import BOUNDARY, GLOSS_TIER
from asl.models.networks.encoders import EncoderSpec
from asl.models.networks.recogniser import RecogniserNetwork
from asl.pipelines.corpus.labels import Labels
from asl.pipelines.recogniser.reading import (
    decode_labels,
    isolated_token,
    read_features,
    read_landmarks,
    sequence_score,
    sign_log_posteriors,
    tokens_of_labels,
)
from asl.pipelines.recogniser.torch_model import load_model, save_model
from asl.pipelines.training import ctc_loop
from asl.pipelines.training.ctc_loop import CtcRun
from asl.pipelines.training.examples import Example, TrainingData
from asl.pipelines.training.resumable import learning_rate_share, make_batches
from asl.pipelines.workspace.errors import AslError, BadInput
from asl.pipelines.workspace.progress import Silent
from asl.pipelines.workspace.settings.clips import FeatureSettings
from asl.pipelines.workspace.settings.reading import DecodeSettings
from asl.pipelines.workspace.settings.sections import RECIPES
from asl.pipelines.workspace.settings.training import TrainSettings
from asl.pipelines.workspace.tensor_files import load_tensors, save_tensors
from asl.transducers.alphabet import Alphabet
from tests.made_up_signing import signing

GLOSSES = 4


def examples(seeds) -> list[Example]:
    result = []
    for sign in range(GLOSSES):
        for seed in seeds:
            features, _ = clip_features(signing(sign, seed), PHON36, 25.0)
            result.append(Example(features, (sign + 1,)))
    return result


def sentences(seeds) -> list[Example]:
    result = []
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(GLOSSES)[:2]
        parts = [clip_features(signing(int(sign), seed), PHON36, 25.0)[0] for sign in order]
        result.append(Example(np.concatenate(parts), tuple(int(sign) + 1 for sign in order)))
    return result


@pytest.fixture(scope="module")
def data() -> TrainingData:
    train, validation = examples(range(5)), examples((50, 51))
    return TrainingData(PHON36, train, validation, *standardisation([example.features for example in train]))


def run(data: TrainingData, folder: Path, hidden: int = 24, **settings) -> ctc_loop.TrainingOutcome:
    train = TrainSettings(**({"epochs": 6, "batch_size": 8} | settings))
    torch.set_num_threads(1)
    torch.manual_seed(train.seed)
    model = RecogniserNetwork(EncoderSpec("bilstm", PHON36.inputs, hidden, 1, train.dropout), GLOSSES, train.label_prior)
    folder.mkdir(parents=True, exist_ok=True)
    return CtcRun(model, data, train, folder, torch.device("cpu")).run(Silent())


def weights(outcome: ctc_loop.TrainingOutcome) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in outcome.model.state_dict().values())


def test_a_small_model_recognises_unseen_recordings(data, tmp_path):
    outcome = run(data, tmp_path, epochs=25)
    assert outcome.history[outcome.best_epoch]["validation_score"] == 1
    assert outcome.history[-1]["loss"] < 0.5 * outcome.history[0]["loss"]


@pytest.fixture(scope="module")
def taught(data, tmp_path_factory) -> ctc_loop.TrainingOutcome:
    """A model trained on single signs and sentences."""
    mixed = TrainingData(PHON36, examples(range(5)) + sentences(range(16)), sentences((70, 71, 72)), data.mean, data.deviation)
    return run(mixed, tmp_path_factory.mktemp("taught"), epochs=60, hidden=32, discriminative=0.0, patience=0)


def test_a_model_learns_sentences(taught):
    assert taught.history[taught.best_epoch]["validation_score"] > 0.6
    # Plain CTC on this little data outputs only blanks; the label prior prevents that.
    assert taught.history[-1]["blank_share"] < 0.8


def test_a_run_resumed_after_any_epoch_gives_the_same_bits(data, tmp_path, monkeypatch):
    uninterrupted = run(data, tmp_path / "uninterrupted")
    epoch = CtcRun.epoch

    def killed_at(number):
        def stop(self, index):
            if index == number:
                raise KeyboardInterrupt
            return epoch(self, index)

        return stop

    for number in (1, 4):
        monkeypatch.setattr(CtcRun, "epoch", killed_at(number))
        with pytest.raises(KeyboardInterrupt):
            run(data, tmp_path / f"cut{number}")
        monkeypatch.setattr(CtcRun, "epoch", epoch)
        resumed = run(data, tmp_path / f"cut{number}")
        assert weights(resumed) == weights(uninterrupted)
        lines = [json.loads(line) for line in (tmp_path / f"cut{number}" / "metrics.jsonl").read_text().splitlines()]
        assert [line["loss"] for line in lines] == [figures["loss"] for figures in uninterrupted.history]


def test_the_seed_determines_the_weights(data, tmp_path):
    assert weights(run(data, tmp_path / "a", epochs=1)) == weights(run(data, tmp_path / "b", epochs=1))
    assert weights(run(data, tmp_path / "c", epochs=1, seed=1)) != weights(run(data, tmp_path / "d", epochs=1))


def test_accumulated_batches_equal_one_large_batch(data, tmp_path):
    plain = {
        "dropout": 0.0,
        "noise": 0.0,
        "mirror": 0.0,
        "speed": 0.0,
        "time_mask": 0.0,
        "epochs": 1,
        "label_prior": 0.0,
        "label_smoothing": 0.0,
    }
    same = TrainingData(PHON36, [data.train[0]] * 8, [], data.mean, data.deviation)
    large = run(same, tmp_path / "large", batch_size=8, **plain)
    small = run(same, tmp_path / "small", batch_size=2, accumulate=4, **plain)
    for a, b in zip(large.model.parameters(), small.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


def test_training_stops_when_validation_no_longer_improves(data, tmp_path):
    outcome = run(data, tmp_path, epochs=60, patience=3, learning_rate=0.0, label_prior=0.0)
    assert len(outcome.history) == 4
    assert outcome.best_epoch == 0


def test_blank_collapse_is_reported(data, tmp_path):
    history = [{"epoch": i, "loss": 1.0, "blank_share": 1.0} for i in range(12)]
    collapsed = CtcRun(
        RecogniserNetwork(EncoderSpec("bilstm", 38, 8, 1), GLOSSES), data, TrainSettings(), tmp_path, torch.device("cpu")
    )
    collapsed.history = history
    assert "blank collapse" in collapsed._warnings()[0]


def test_an_infinite_loss_ends_the_run_with_a_message(data, tmp_path):
    with pytest.raises(AslError, match="is not a number"):
        run(data, tmp_path, learning_rate=1e30, clip_gradient=0.0)


def test_batches_contain_every_clip_once_and_group_similar_lengths():
    lengths = list(np.random.default_rng(0).integers(5, 200, 300))
    batches = make_batches(lengths, 16, np.random.default_rng(1))
    assert sorted(i for batch in batches for i in batch) == list(range(300))
    spread = np.mean([np.ptp([lengths[i] for i in batch]) for batch in batches])
    assert spread < 60


def test_the_learning_rate_rises_and_falls():
    rates = [learning_rate_share(completed) for completed in np.linspace(0, 1, 101)]
    assert max(rates) == pytest.approx(1, abs=0.02)
    assert rates[0] < 0.1
    assert rates[-1] < 0.01
    assert int(np.argmax(rates)) == 15


def test_damaged_checkpoints_are_refused(tmp_path):
    file = tmp_path / "x.safetensors"
    save_tensors(file, {"a": torch.ones(3)}, {"b": 1})
    assert load_tensors(file)[1] == {"b": 1}
    for content in (b"", file.read_bytes()[:-5], b"\x80\x04pickle"):
        file.write_bytes(content)
        with pytest.raises(AslError, match="damaged"):
            load_tensors(file)


@pytest.fixture(scope="module")
def model(data, taught, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save_model(folder, [taught.model], Alphabet(tuple("ABCD")), FeatureSettings(), data.mean, data.deviation, {})
    return load_model(folder)


def test_a_saved_model_reads_unseen_clips(model):
    for sign in range(GLOSSES):
        reading = read_landmarks(model, signing(sign, 90), mirror=True)
        assert isolated_token(model, reading, 2).gloss == "ABCD"[sign]
        posterior = np.exp(sign_log_posteriors(reading))
        assert posterior.sum() == pytest.approx(1)
        assert len(reading.views) == 2


def test_tokens_have_ordered_times_and_confidences(model):
    parts = [clip_features(signing(sign, 91), PHON36, 25.0)[0] for sign in (0, 2)]
    reading = read_features(model, np.concatenate(parts), mirror=False)
    for decoder in ("greedy", "ctc-beam"):
        settings = DecodeSettings(decoder=decoder, insertion_penalty=0.0)
        tokens = tokens_of_labels(model, reading, decode_labels(reading, settings), 2)
        assert tokens
        for token in tokens:
            assert 0 <= token.start < token.end <= len(reading) / 25
            assert 0 <= token.confidence <= 1
            assert len(token.runners_up) == 2
            assert token.gloss not in dict(token.runners_up)
        assert all(a.end <= b.start + 1e-9 for a, b in pairwise(tokens))


def test_the_beam_is_never_less_likely_than_greedy(model):
    for seed in range(5):
        reading = read_landmarks(model, signing(seed % GLOSSES, 200 + seed), mirror=True)
        greedy, beam = (
            decode_labels(reading, DecodeSettings(decoder=name, insertion_penalty=0.0)) for name in ("greedy", "ctc-beam")
        )
        assert sequence_score(reading, beam) >= sequence_score(reading, greedy) - 1e-5


def test_mirror_averaging_gives_left_handed_signers_the_same_scores(model):
    features, _ = clip_features(signing(1, 92), PHON36, 25.0)
    scores, mirrored = (sign_log_posteriors(read_features(model, f, mirror=True)) for f in (features, PHON36.mirror(features)))
    np.testing.assert_allclose(scores, mirrored, atol=1e-5)


def test_a_damaged_or_newer_model_is_refused(model, tmp_path):
    card = json.loads((model.folder / "model.json").read_text())
    weights_ = (model.folder / "model.safetensors").read_bytes()
    cases = [
        (json.dumps(card | {"version": 99}), weights_, "version 99"),
        ("{", weights_, "damaged"),
        (json.dumps(card | {"glosses": ["A", "A"]}), weights_, "damaged"),
        (json.dumps(card | {"encoder": {"hidden": 10**9, "layers": 1, "dropout": 0}}), weights_, "damaged"),
        (json.dumps(card | {"glosses": ["A", "B"]}), weights_, "damaged"),
        (json.dumps(card), weights_[:100], "damaged"),
    ]
    for card_text, weight_bytes, message in cases:
        (tmp_path / "model.json").write_text(card_text)
        (tmp_path / "model.safetensors").write_bytes(weight_bytes)
        with pytest.raises(BadInput, match=message):
            load_model(tmp_path)


def test_the_final_weights_can_be_the_mean_of_the_last_epochs(data, tmp_path, monkeypatch):
    recorded = []
    average = CtcRun._average_weights

    def spy(self):
        average(self)
        recorded.append({name: tensor.clone() for name, tensor in self.model.state_dict().items()})

    monkeypatch.setattr(CtcRun, "_average_weights", spy)
    outcome = run(data, tmp_path / "whole", epochs=6, average=0.5, patience=0)
    assert len(recorded) == 3
    for name, tensor in outcome.model.state_dict().items():
        torch.testing.assert_close(tensor, sum(weights[name] for weights in recorded) / 3)
    assert outcome.best_epoch == 5


def test_averaged_weights_are_validated_themselves(data, tmp_path):
    outcome = run(data, tmp_path / "a", epochs=6, average=0.5, patience=0, learning_rate=0.05)
    saved = CtcRun(outcome.model, data, TrainSettings(batch_size=8), tmp_path, torch.device("cpu"))
    figures = outcome.history[outcome.best_epoch]
    assert saved._validate() == pytest.approx({key: figures[key] for key in ("validation_loss", "validation_score")})


def test_validation_keeps_the_scores_of_one_clip_at_a_time(data, tmp_path, monkeypatch):
    alive, most = weakref.WeakSet(), []
    plain = ctc_loop.normalised

    def counting(scores):
        log_probs = plain(scores)
        alive.add(log_probs)
        most.append(len(alive))
        return log_probs

    monkeypatch.setattr(ctc_loop, "normalised", counting)
    many = TrainingData(PHON36, data.train, data.train * 5, data.mean, data.deviation)
    model = RecogniserNetwork(EncoderSpec("bilstm", PHON36.inputs, 8, 1), GLOSSES)
    CtcRun(model, many, TrainSettings(batch_size=4), tmp_path, torch.device("cpu"))._validate()
    assert len(most) == 100
    assert max(most) <= 2


def test_adversarial_perturbation_is_undone_and_changes_the_step(data, tmp_path):
    same = {"dropout": 0.0, "epochs": 1, "late_from": 0.0}
    plain, adversarial = run(data, tmp_path / "a", **same), run(data, tmp_path / "b", adversarial=0.1, **same)
    assert weights(plain) != weights(adversarial)
    for a, b in zip(plain.model.parameters(), adversarial.model.parameters(), strict=True):
        assert (a - b).abs().max() < 0.1


def test_every_part_of_the_strong_recipe_learns_and_resumes(data, tmp_path, monkeypatch):
    """A short run with all parts: the loss falls, and an interruption changes no bit of the result."""
    recipe = RECIPES["strong"] | {"epochs": 8, "adversarial": 0.05, "late_dropout": 0.2}
    uninterrupted = run(data, tmp_path / "uninterrupted", **recipe)
    assert uninterrupted.history[-1]["loss"] < uninterrupted.history[0]["loss"]
    epoch = CtcRun.epoch

    def stop(self, index):
        if index == 7:
            raise KeyboardInterrupt
        return epoch(self, index)

    monkeypatch.setattr(CtcRun, "epoch", stop)
    with pytest.raises(KeyboardInterrupt):
        run(data, tmp_path / "cut", **recipe)
    monkeypatch.setattr(CtcRun, "epoch", epoch)
    assert weights(run(data, tmp_path / "cut", **recipe)) == weights(uninterrupted)


def test_a_clip_with_features_that_are_not_finite_is_named(data, tmp_path, monkeypatch):
    broken = Example(data.train[3].features, data.train[3].glosses, "signer/BOOK-7")
    with_broken = TrainingData(PHON36, [*data.train[:3], broken], [], data.mean, data.deviation)
    plain = ctc_loop.augmented_input

    def with_nan(features, *arguments):
        values, source = plain(features, *arguments)
        return (values * np.nan if features is broken.features else values), source

    monkeypatch.setattr(ctc_loop, "augmented_input", with_nan)
    with pytest.raises(AslError, match="signer/BOOK-7"):
        run(with_broken, tmp_path)


def test_phonology_and_boundaries_are_learned_with_the_glosses(tmp_path):
    """The labels are functions of the features, and the heads predict them on unseen clips."""

    def labelled(example: Example) -> Example:
        high = (np.nan_to_num(example.features[:, 14]) > 0).astype(np.int64)
        change = np.abs(np.diff(high, prepend=high[:1]))
        labels = Labels({"location": high, BOUNDARY: change}, {"sign type": example.glosses[0] % 2})
        return Example(example.features, example.glosses, labels=labels)

    train = [labelled(example) for example in examples(range(6))]
    validation = [labelled(example) for example in examples((60, 61))]
    mean, deviation = standardisation([example.features for example in train])
    settings = TrainSettings(epochs=30, batch_size=8, phonology=1.0, patience=0, mirror=0.0)
    torch.manual_seed(0)
    tiers = {"location": ("low", "high"), "sign type": ("even", "odd"), BOUNDARY: ("boundary",)}
    model = RecogniserNetwork(EncoderSpec("bilstm", PHON36.inputs, 24, 1, 0.2), GLOSSES, 0.3, tiers)
    data = TrainingData(PHON36, train, [], mean, deviation)
    outcome = CtcRun(model, data, settings, tmp_path, torch.device("cpu")).run(Silent())
    save_model(tmp_path, [outcome.model], Alphabet(tuple("ABCD")), FeatureSettings(), mean, deviation, {})
    saved = load_model(tmp_path)
    frames_correct, clips_correct = [], []
    for example in validation:
        reading = read_features(saved, example.features, mirror=False)
        frames_correct.append(reading.phonology["location"].argmax(axis=1) == example.labels.frames["location"])
        token = isolated_token(saved, reading, 1)
        phonology = {tier: value for tier, value, _ in token.phonology}
        clips_correct.append(phonology["sign type"] == ("even", "odd")[example.labels.clip["sign type"]])
        assert BOUNDARY not in phonology
    assert np.concatenate(frames_correct).mean() > 0.8
    assert np.mean(clips_correct) > 0.8


def test_frame_glosses_are_learned_from_marked_signs(data, tmp_path):
    """Two signs per clip without a gap. Plain CTC marks each sign briefly; with `frames` the model marks all its frames."""

    def marked(example: Example) -> Example:
        half = len(example.features) // 2
        frames = np.repeat(example.glosses, (half, len(example.features) - half)).astype(np.int64)
        return Example(example.features, example.glosses, labels=Labels({GLOSS_TIER: frames}))

    train = [marked(example) for example in sentences(range(16))]
    validation = [marked(example) for example in sentences((70, 71))]
    accuracy = {}
    for weight in (0.0, 1.0):
        marked_data = TrainingData(PHON36, train, [], data.mean, data.deviation)
        outcome = run(marked_data, tmp_path / str(weight), epochs=30, frames=weight, patience=0, mirror=0.0)
        save_model(tmp_path / "m", [outcome.model], Alphabet(tuple("ABCD")), FeatureSettings(), data.mean, data.deviation, {})
        model = load_model(tmp_path / "m")
        correct = [
            read_features(model, example.features, mirror=False).views[0].argmax(axis=1) == example.labels.frames[GLOSS_TIER]
            for example in validation
        ]
        accuracy[weight] = np.concatenate(correct).mean()
    assert accuracy[1.0] > 0.8
    assert accuracy[1.0] > accuracy[0.0]


def test_members_are_saved_and_averaged(data, taught, tmp_path):
    second = RecogniserNetwork(taught.model.encoder.spec, GLOSSES, 0.3)
    for name, members in (("one", [taught.model]), ("two", [taught.model, second])):
        save_model(tmp_path / name, members, Alphabet(tuple("ABCD")), FeatureSettings(), data.mean, data.deviation, {})
    one_member, two_members = load_model(tmp_path / "one"), load_model(tmp_path / "two")
    assert (len(one_member.recognisers), len(two_members.recognisers)) == (1, 2)
    features = data.validation[0].features
    single, joint = (read_features(model, features, mirror=True) for model in (one_member, two_members))
    assert (len(single.views), len(joint.views)) == (2, 4)
    np.testing.assert_allclose(joint.views[0], single.views[0], atol=1e-6)
    shares = [np.exp(list(joint.views[i : i + 2])).sum() for i in (0, 2)]
    np.testing.assert_allclose(shares, 2 * len(features), rtol=1e-4)
