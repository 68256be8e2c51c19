"""The outputs of each step on tiny inputs, as tests/golden_outputs.py compares them with those of tests/golden."""

import json
import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from asl.pipelines.workspace.code_versions import VERSIONS, versions_of
from tests.made_up_signing import signing
from tests.running_asl import run_asl

GOLDEN = Path(__file__).with_name("golden")
ONE_THREAD = ("--threads", "1", "--dropout", "0")

#: Of made-up outcomes of studies: the group of each clip, and milliseconds per modality.
GROUP_NAMES, COSTS = {f"clip{i}": f"signer{i % 5}" for i in range(30)}, {"hands": 9, "face": 3, "body": 5}

Outputs = dict[str, Any]


def make_workspace(folder: Path) -> None:
    """A workspace with a few synthetic clips in which every stage but the studies has run, in seconds."""
    run_asl("init", folder, check=0)
    clips = ("--synthetic", "--signs", "5", "--clips", "6", "--sentences", "12", "--signers", "6", "--first-signer", "1")
    groups = ("--test-groups", "synthetic-1", "--test-groups", "synthetic-2", "--validation-groups", "synthetic-3")
    run_asl("extract", "-w", folder, *clips, *groups, check=0)
    run_asl("pretrain", "-w", folder, "--epochs", "2", *ONE_THREAD, check=0)
    run_asl("train-ctc", "-w", folder, "--epochs", "4", *ONE_THREAD, check=0)
    run_asl("build-fst", "-w", folder, "--no-tune", check=0)
    run_asl("train-stage3", "-w", folder, "--epochs", "2", "--workers", "1", *ONE_THREAD, check=0)
    run_asl("evaluate", "-w", folder, "--decoder", "cascade", check=0)
    run_asl("export", "-w", folder, check=0)


def figures(array: np.ndarray) -> list[float]:
    """The number of values, that of absent ones, and four sums with fixed weights, in which every value counts."""
    flat = np.asarray(array, dtype=float).ravel()
    values = np.nan_to_num(flat)
    # Scattered over (−1, 1), so that the sums of smooth values do not cancel out.
    weights = 2 * np.modf(1e4 * np.sin(np.outer([1.1, 1.3, 1.7, 1.9], 1 + np.arange(len(flat)))))[0]
    return [len(flat), int(np.isnan(flat).sum()), *(weights @ values / math.sqrt(max(1, len(flat))))]


def tracker(_: Path) -> Outputs:
    """The tracker on a picture of a synthetic signer that moves to the side."""
    from PIL import Image

    from asl.pipelines.media.tracker.extraction import Extractor
    from asl.pipelines.media.video import Frame
    from asl.pipelines.workspace.settings.clips import LandmarkSettings

    picture = np.asarray(Image.open(GOLDEN / "signer.png").convert("RGB"))
    frames = [Frame(number / 25, np.roll(picture, 3 * number, axis=1)) for number in range(4)]
    extractor = Extractor(LandmarkSettings())
    try:
        points = extractor.extract(frames).landmarks.points
    finally:
        extractor.close()
    points_of = {
        "nose": 0,
        "left shoulder": 11,
        "right wrist": 16,
        "chin": 33 + 152,
        "left index tip": 509,
        "right index tip": 530,
    }
    return {name: points[-1, point, :2].tolist() for name, point in points_of.items()}


def synthetic(_: Path) -> Outputs:
    """The landmarks of a sign and of a sentence, with the signer's errors and without."""
    from asl.pipelines.synthetic import performances

    recipes = {
        "sign": performances.Recipe("everyday", 0, "HELLO", 0, 1, 0, 25.0, False),
        "invented sign": performances.Recipe("invented", 20, "SYN-00003", 1, 2, 0, 25.0, True),
        "sentence": performances.Recipe("everyday", 40, "", 3, 4, 0, 25.0, True),
    }
    return {name: figures(performances.landmarks(recipe).points) for name, recipe in recipes.items()} | {
        f"glosses of the {name}": performances.perform(recipe).glosses for name, recipe in recipes.items()
    }


def landmarks(workspace: Path) -> Outputs:
    """A stored `.pose` file, a part of it, and a landmark array."""
    from asl.pipelines.corpus.sources import arrays
    from asl.pipelines.media.pose_files import read_pose, write_pose

    with tempfile.TemporaryDirectory() as name:
        pose, array = Path(name) / "clip.pose", Path(name) / "clips.npz"
        write_pose(pose, signing(0, seed=2))
        np.savez(array, landmarks=np.random.default_rng(0).uniform(0.2, 0.8, (1, 9, 258)).astype(np.float32), gloss=["A"])
        stored, row = read_pose(pose), arrays.landmarks_of(array, 0, arrays.read(array, "")[0].layout)
    clips = {"pose": stored, "part": stored.between(0.3, 0.9), "array": row}
    return {name: [clip.fps, clip.aspect, *figures(clip.points)] for name, clip in clips.items()}


def extract(workspace: Path) -> Outputs:
    """The clips of the workspace, without their hashes."""
    kept = ("name", "kind", "glosses", "group", "signer", "split", "fps", "frames", "seen")
    clips = [json.loads(line) for line in (workspace / "clips.jsonl").read_text().splitlines()]
    return {clip["name"]: [clip[key] for key in kept] + [len(clip["segments"])] for clip in clips}


def features(_: Path) -> Outputs:
    """Every feature set of a made-up sign, offline and causal."""
    from asl.models.features.feature_sets import FEATURE_SETS
    from asl.pipelines.corpus.feature_store import compute_features
    from asl.pipelines.workspace.settings.clips import FeatureSettings

    landmarks = signing(2, seed=1, seconds=1.0, fps=30.0)
    landmarks.points[5:8, 522:543] = np.nan  # a gap of the right hand that is interpolated
    return {
        f"{name}{', causal' if causal else ''}": figures(
            compute_features(landmarks, replace(FeatureSettings(), features=name, causal_features=causal))[0]
        )
        for name in FEATURE_SETS
        for causal in (False, True)
    }


def pretrain(workspace: Path) -> Outputs:
    return _training(workspace, "pretrain-*")


def train_ctc(workspace: Path) -> Outputs:
    return _training(workspace, "ctc-*") | _log_probabilities(workspace, "ctc-*")


def train_stage3(workspace: Path) -> Outputs:
    return _training(workspace, "stage3-*") | _log_probabilities(workspace, "stage3-*")


def build_fst(workspace: Path) -> Outputs:
    """The card of the cascade, and its scores for a clip."""
    from asl.pipelines.cascade.graph_folder import load_graph
    from asl.pipelines.recogniser.torch_model import load_model

    (folder,) = (workspace / "graphs").glob("cascade-*")
    model = load_model(_only(workspace / "models", "ctc-*"))
    graph = load_graph(folder, model)
    scores = graph.scores(_reading(workspace, model))
    metrics = _record(workspace, "build-fst")["metrics"]
    counts = ("glosses", "labels", "pronunciations", "fused_forms", "loci", "sentences", "states", "arcs", "perplexity")
    return {"counts": [metrics.get(key) for key in counts], "scores": figures(scores)}


def decode(workspace: Path) -> Outputs:
    """What each decoder reads in made-up log-probabilities, with times and confidences, and the reading as one sign."""
    from asl.pipelines.recogniser.reading import isolated_token
    from asl.pipelines.recogniser.torch_model import load_model
    from asl.pipelines.translation.reader import reader_for
    from asl.pipelines.workspace.folder import open_workspace
    from asl.pipelines.workspace.settings.reading import DecodeSettings

    model = load_model(_only(workspace / "models", "stage3-*"))
    reading = _made_up_reading(workspace, model)
    outputs = {"isolated": _token(isolated_token(model, reading, 2))}
    for decoder in ("greedy", "ctc-beam", "cascade"):
        reader = reader_for(open_workspace(workspace), model, DecodeSettings(decoder=decoder))
        outputs |= {decoder: list(map(_token, reader.tokens(reading)))}
    return outputs


def evaluate(workspace: Path) -> Outputs:
    results = json.loads((workspace / "reports" / "evaluate-test-cascade.json").read_text())
    names = ("signs", "sentences", "words", "top_1", "wer_greedy", "wer_ctc_beam", "wer_cascade", "split_by")
    return {name: results.get(name) for name in names} | {"log loss": [row["log_loss"] for row in results["clips"]]}


def experiment(workspace: Path) -> Outputs:
    """A run of a study with a stage 1 and a part of the vocabulary."""
    from asl.pipelines.studies.experiment import Variant, run_experiment, set_up
    from asl.pipelines.workspace.folder import open_workspace

    glosses = tuple(sorted({row[2][0] for row in extract(workspace).values() if len(row[2]) == 1})[:3])
    settings = {"epochs": 2, "dropout": 0.0, "device": "cpu"}
    run = set_up(open_workspace(workspace), Variant(settings, {"epochs": 1, "dropout": 0.0}, "", glosses, 2), 0, "test")
    run_experiment(run)
    kept = ("loss", "validation_score")
    return {
        "history": [[epoch.get(key) for key in kept] for epoch in run.outcome["history"]],
        "clips": {name: values["log_loss"] for name, values in run.outcome["clips"].items() if "log_loss" in values},
    }


def ablate(_: Path) -> Outputs:
    """The analysis of made-up outcomes of two conditions."""
    from asl.pipelines.studies.ablate import analyse
    from asl.pipelines.studies.conditions import design

    study = design(["hidden=64,128"], [], grid=False)
    outcomes = {(condition.name, seed): _outcome(condition.name, seed) for condition in study.conditions for seed in range(4)}
    results = analyse(study, outcomes, GROUP_NAMES)
    return {key: results[key] for key in ("metric", "seeds", "test_clips", "comparisons")} | {
        condition["name"]: [condition["mean"], condition["sd"]] for condition in results["conditions"]
    }


def scale(_: Path) -> Outputs:
    """The analysis of made-up outcomes at three sizes of vocabulary."""
    from asl.pipelines.studies.scale import StudyPoint, summary, table_row

    points = [StudyPoint(tuple(f"G{i}" for i in range(size))) for size in (10, 20, 40)]
    return summary(
        [table_row(point, {(point.name, seed): _outcome(point.name, seed) for seed in range(3)}, GROUP_NAMES) for point in points]
    )


def modalities(_: Path) -> Outputs:
    """The analysis of made-up outcomes of the three sets of modalities."""
    from asl.pipelines.studies.modalities import CHAIN, analyse_modalities

    outcomes = {(parts, seed): _outcome(parts, seed) for parts in CHAIN for seed in range(3)}
    return analyse_modalities(outcomes, {f"clip{i}": "ABCD"[i % 4] for i in range(30)}, COSTS, 0.1, GROUP_NAMES)


def export(workspace: Path) -> Outputs:
    """The keys of the bundle's card, and what the bundle says of a clip."""
    from asl.pipelines.recogniser.bundle import CARD, load_bundle

    folder = _only(workspace / "bundles", "stage3-*")
    card = json.loads((folder / CARD).read_text())
    log_probs = _reading(workspace, load_bundle(folder)).views[0]
    return {"card": sorted(card), "files": sorted(card["files"]), "log-probabilities": figures(log_probs)}


#: Step → how its output is made, and the steps that this reads from. No clip was tracked, as all are synthetic.
OUTPUTS: Mapping[str, tuple[Callable[[Path], Outputs], tuple[str, ...]]] = {
    "tracker": (tracker, ()),
    "synthetic": (synthetic, ()),
    "landmarks": (landmarks, ()),
    "extract": (extract, ("synthetic",)),
    "features": (features, ()),
    "pretrain": (pretrain, ("features",)),
    "train-ctc": (train_ctc, ("features",)),
    "build-fst": (build_fst, ("train-ctc", "pretrain")),
    "train-stage3": (train_stage3, ("build-fst", "pretrain")),
    "decode": (decode, ("train-stage3", "pretrain")),
    "evaluate": (evaluate, ("train-stage3", "pretrain")),
    "experiment": (experiment, ("train-ctc", "pretrain", "evaluate")),
    "ablate": (ablate, ()),
    "scale": (scale, ()),
    "modalities": (modalities, ()),
    "export": (export, ("train-stage3", "pretrain")),
}


def versions_behind(step: str) -> dict[str, int]:
    """The code versions that a step's golden output depends on."""
    _, inputs = OUTPUTS[step]
    return {step: VERSIONS[step]} | {name: version for name, version in versions_of(*inputs).items() if name != "tracker"}


def _training(workspace: Path, pattern: str) -> Outputs:
    """The figures of every epoch, without times."""
    lines = (_only(workspace / "models", pattern) / "metrics.jsonl").read_text().splitlines()
    return {f"epoch {number}": _numbers(json.loads(line)) for number, line in enumerate(lines, 1)}


def _numbers(row: Mapping[str, Any]) -> Outputs:
    return {key: value for key, value in row.items() if isinstance(value, float) and "seconds" not in key}


def _log_probabilities(workspace: Path, pattern: str) -> Outputs:
    from asl.pipelines.recogniser.torch_model import load_model

    reading = _reading(workspace, load_model(_only(workspace / "models", pattern)))
    return {"log-probabilities": figures(reading.views[0]), "phonology": {k: figures(v) for k, v in reading.phonology.items()}}


def _reading(workspace: Path, model):
    from asl.models.features.holistic import Landmarks
    from asl.pipelines.recogniser.reading import read_landmarks

    made_up: Landmarks = signing(1, seed=3)
    return read_landmarks(model, made_up, mirror=False)


def _made_up_reading(workspace: Path, model):
    """Two views of 60 frames in which three glosses are likely, one after the other, each beside another that is less so."""
    rng, (frames, glosses) = np.random.default_rng(0), (60, len(model.alphabet))
    logits = rng.normal(0, 0.3, (2, frames, glosses + 1))
    logits[:, :, 0] += 2
    for gloss, (first, last) in enumerate(((6, 14), (24, 34), (42, 54)), 1):
        logits[:, first:last, gloss] += 5.0
        logits[:, first:last, gloss % glosses + 1] += 4.7
    views = logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    template = _reading(workspace, model)
    features = np.resize(template.features, (frames, template.features.shape[1]))
    return replace(template, views=tuple(views.astype(np.float32)), hands=np.ones(frames, bool), features=features, phonology={})


def _token(token) -> list[Any]:
    spread = [[gloss, posterior] for gloss, posterior in token.runners_up]
    return [token.gloss, token.start, token.end, token.confidence, spread, token.referent]


def _outcome(name: str, seed: int) -> dict[str, Any]:
    """A made-up outcome of a study's run."""
    rng = np.random.default_rng([seed, *name.encode()])
    clips = {
        f"clip{i}": {"top_1": float(rng.random() < 0.6), "top_5": 1.0, "log_loss": float(rng.random()), "read_exactly": 0.0}
        for i in range(30)
    }
    training = {"parameters": 1000 + 10 * len(name), "epochs": 2, "train_clips": 9, "glosses": 3, "seconds": 1.0 + len(name)}
    top_1 = {"value": float(np.mean([clip["top_1"] for clip in clips.values()]))}
    return {
        "clips": clips, "training": training | {"parameters_per_clip": 110.0}, "stage_1": {}, "memory_mb": 100.0 + len(name),
        "results": {"top_1": top_1, "decoder_us_per_frame": 2.0 + len(name)}, "settings": {"epochs": 2, "seed": seed},
        "history": [{"loss": 2.0}, {"loss": 1.0}],
    }  # fmt: skip


def _only(folder: Path, pattern: str) -> Path:
    (match,) = folder.glob(pattern)
    return match


def _record(workspace: Path, stage: str) -> Mapping[str, Any]:
    from asl.pipelines.workspace.folder import open_workspace

    return open_workspace(workspace).state(stage)
