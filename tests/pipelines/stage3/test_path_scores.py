"""The path scores and the criterion of stage 3, with every part of the cascade's scores, against enumeration (SPEC §11)."""

import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import norm

from asl.models.features.feature_sets import PHON36
from asl.models.features.tiers import FORM, FORMS, FUSED, PLAIN, UNKNOWN
from asl.models.gaussians import OFFSETS, Gaussians, windows
from asl.models.networks.encoders import EncoderSpec
from asl.models.networks.recogniser import RecogniserNetwork
from asl.models.objectives.discriminative import CascadeWeights
from asl.pipelines.cascade.graph_folder import Graph
from asl.pipelines.cascade.units.gaussian_emissions import GaussianEmissions, emission_inputs
from asl.pipelines.jobs.processes import Workers
from asl.pipelines.stage3.batches import Stage3Model
from asl.pipelines.stage3.cases import Case
from asl.pipelines.stage3.competitor_search import search_workers
from asl.pipelines.stage3.loop import Stage3Data, Stage3Run
from asl.pipelines.training.examples import Example
from asl.pipelines.workspace.settings.training import Stage3Settings
from asl.transducers.alphabet import Alphabet
from asl.transducers.levels.lexicon import Pronunciation
from tests.small_cascades import REST, UNITS, WORDS, enumerate_costs, sentence_costs, write_graph

FRAMES, CODES, DIRECTIONS = 3, 5, 3
ENTRIES = [Pronunciation(1, (1, 2)), Pronunciation(2, (3,)), Pronunciation(3, (2, 3), 0.4)]
TEXT, LENGTHS = [["A", "B"], ["C"], ["B", "A"]], [2.0, 3.0, 1.5, 2.0]
GLOSS, PEAK, FUSED_LABEL = np.array([1, 2, 3, 0]), np.array([True, False, True, False]), 2
UNCHANGED = dict.fromkeys(
    ("mirror", "speed", "noise", "time_mask", "frame_mask", "part_mask", "crop", "rotate", "scale", "shift"), 0.0
)
#: The second of three epochs: the gate's temperature has fallen from 4 to 2.
SETTINGS = Stage3Settings(epochs=3, fusion_temperature=4.0, margin=0.7, sharpness=0.6, ctc=0.0, dropout=0.0, **UNCHANGED)
EPOCH, TEMPERATURE = 1, 2.0
ENCODER, CODE, DENSITY, GATE = 0.7, 0.4, 0.05, 0.9


def small_run(folder: Path, workers, rng: np.random.Generator) -> Stage3Run:
    """A run with a random recogniser, tables, densities and bias."""
    width = PHON36.inputs * len(OFFSETS)
    arrays = (rng.normal(0, 0.3, shape).astype(np.float32) for shape in (width, (width, DIRECTIONS), (UNITS, DIRECTIONS)))
    gaussians = Gaussians(*arrays, rng.uniform(0.5, 2, (UNITS, DIRECTIONS)).astype(np.float32))
    mean, deviation = np.zeros(PHON36.expanded, np.float32), np.ones(PHON36.expanded, np.float32)
    tables = {part: np.log(rng.dirichlet(np.ones(CODES), UNITS)) for part in ("H", "L")}
    tables = {part: np.hstack([table, np.zeros((UNITS, 1))]).astype(np.float32) for part, table in tables.items()}
    graph = Graph(
        folder, Alphabet(WORDS), None, tables, rng.integers(0, UNITS, (UNITS, 2)), GLOSS, PEAK, rng.permutation(UNITS), REST,
        ENCODER, CODE, DENSITY, {}, GaussianEmissions(gaussians, mean, deviation), fused=(FUSED_LABEL,),
    )  # fmt: skip
    torch.manual_seed(int(rng.integers(1000)))
    recogniser = RecogniserNetwork(EncoderSpec("bilstm", PHON36.inputs, 8, 1), len(WORDS), 0.0, {FORM: FORMS})
    bias = torch.from_numpy(rng.normal(0, 0.5, UNITS).astype(np.float32))
    model = Stage3Model([recogniser], CascadeWeights(ENCODER, CODE, DENSITY, UNITS, bias, GATE))
    data = Stage3Data(PHON36, mean, deviation, [], graph, None)
    run = Stage3Run(model, data, SETTINGS, folder, torch.device("cpu"), workers)
    run.level_weights = {0: 1.0}
    return run


def frame_scores(run: Stage3Run, case: Case, log_probs: np.ndarray, log_forms: np.ndarray) -> np.ndarray:
    """(T, N) the weighted score of each label in each frame, from the definitions of SPEC §10 and §9, one at a time."""
    graph, densities = run.data.graph, run.data.graph.densities.gaussians
    inputs = emission_inputs(case.example.features, PHON36, run.data.mean, run.data.deviation)
    points = (windows(inputs) - densities.middle) @ densities.projection
    scores = np.zeros((FRAMES, UNITS))
    for t in range(FRAMES):
        for label in range(UNITS):
            gloss, unit = GLOSS[label], graph.unit[label]
            beside = () if PEAK[label] or gloss == 0 else (log_probs[t, 0],)
            codes = sum(
                graph.tables[part][graph.rows[label, p], case.codes[t, p]]
                for p, part in enumerate(graph.tables)
                if case.codes[t, p] != UNKNOWN
            )
            density = norm.logpdf(points[t], densities.means[unit], np.sqrt(densities.variances[unit])).sum()
            form = FORMS.index(FUSED if label + 1 == FUSED_LABEL else PLAIN)
            scores[t, label] = (
                ENCODER * logsumexp([log_probs[t, gloss], *beside])
                + CODE * codes
                + DENSITY * (density + DIRECTIONS / 2 * math.log(2 * math.pi))
                + (0 if label + 1 == REST else GATE / TEMPERATURE * log_forms[t, form])
                + float(run.model.cascade.bias[label])
            )
    return scores


def edits(first: tuple, second: tuple) -> int:
    """Edit distance, by its recursion."""
    if not first or not second:
        return len(first) + len(second)
    return min(edits(first[1:], second) + 1, edits(first, second[1:]) + 1, edits(first[1:], second[1:]) + (first[0] != second[0]))


def test_path_scores_and_the_boosted_criterion_equal_enumeration(tmp_path):
    model, acceptor = write_graph(ENTRIES, TEXT, LENGTHS, tmp_path / "g.fst")
    with search_workers(tmp_path / "g.fst", 1e4, 1e4, 50, Workers(1)) as workers:
        for seed in range(6):
            rng, reference = np.random.default_rng(seed), ((2, 1), (1,), (3,))[seed % 3]
            run = small_run(tmp_path, workers, rng)
            features, codes = rng.normal(size=(FRAMES, PHON36.size)), rng.integers(UNKNOWN, CODES, (FRAMES, 2))
            case = Case(Example(features.astype(np.float32), reference), reference, codes)
            (augmented,) = run._submit([case], rng, EPOCH)
            encoded, competitors = run._encode([augmented.values]), augmented.search.result()
            hypotheses = [competitors.reference, *competitors.hypotheses]
            with torch.no_grad():
                scores = run._path_scores(augmented, competitors, encoded, 0, EPOCH).tolist()
                criterion = float(run._criterion([augmented], encoded, EPOCH, defaultdict(list))["criterion"])
                log_probs, log_forms = encoded.log_probs[0].numpy(), encoded.log_forms[0].numpy()
                expected_scores = frame_scores(run, case, log_probs, log_forms)
            costs = enumerate_costs(ENTRIES, sentence_costs(model, acceptor), LENGTHS, expected_scores)
            costs = {words: cost for words, cost in costs.items() if math.isfinite(cost)}
            assert {path.words for path in hypotheses} == set(costs)
            assert scores == pytest.approx([-costs[path.words] for path in hypotheses], abs=1e-2)
            boosted = {
                words: SETTINGS.sharpness * (SETTINGS.margin * edits(reference, words) - cost) for words, cost in costs.items()
            }
            assert criterion == pytest.approx(logsumexp(list(boosted.values())) - boosted[reference], abs=1e-2)
