"""Stage 3: the objective against enumeration and finite differences, and the training cases of clips."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.features.tiers import FORM, FORMS, UNKNOWN, Segment
from asl.models.objectives.discriminative import encoder_path_scores, mmi_loss, path_columns
from asl.pipelines.cascade.graph_folder import encoder_scores
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.corpus.labels import form_frames
from asl.pipelines.stage3.cases import point_retrievals
from asl.pipelines.stage3.competitor_search import Competitors
from asl.pipelines.stage3.validation import MAX_CLIPS, halves
from asl.transducers.alphabet import Alphabet
from asl.transducers.hypotheses import NBestSearch
from asl.transducers.levels.lexicon import Pronunciation
from tests.small_cascades import DURATIONS, ENTRIES, TEXTS, enumerate_costs, sentence_costs, write_graph

#: For each unit the encoder's gloss (0 for the rest unit), and whether the encoder must output it there.
GLOSS, PEAK = np.array([1, 2, 3, 0]), np.array([True, False, True, False])
WEIGHT = 0.7


def competitors_of(search: NBestSearch, log_probs: np.ndarray, words) -> Competitors:
    scores = (WEIGHT * encoder_scores(log_probs, GLOSS, PEAK)).astype(np.float32)
    hypotheses = tuple(path for path in search.n_best(scores, 50) if path.words != words)
    return Competitors(search.align(scores, words), hypotheses)


def objective(log_probs: torch.Tensor, competitors: Competitors) -> torch.Tensor:
    hypotheses = [competitors.reference, *competitors.hypotheses]
    paths = path_columns([path.frames for path in hypotheses], torch.device("cpu"))
    scores = WEIGHT * encoder_path_scores(log_probs, torch.from_numpy(GLOSS)[paths], torch.from_numpy(PEAK)[paths])
    return mmi_loss(scores - torch.tensor([path.graph_cost for path in hypotheses], dtype=log_probs.dtype), 0)


@settings(max_examples=40, deadline=None)
@given(
    ENTRIES,
    TEXTS,
    DURATIONS,
    st.integers(0, 2**31),
)
def test_mmi_through_a_cascade_equals_mmi_over_all_readings(tmp_path_factory, entries, text, durations, seed):
    path = tmp_path_factory.mktemp("graph") / "g.fst"
    model, acceptor = write_graph(entries, text, durations, path)
    rng = np.random.default_rng(seed)
    log_probs = torch.log_softmax(torch.from_numpy(rng.normal(0, 2, (3, 4))), dim=-1)
    scores = WEIGHT * encoder_scores(log_probs.numpy(), GLOSS, PEAK)
    costs = {
        words: cost
        for words, cost in enumerate_costs(entries, sentence_costs(model, acceptor), durations, scores).items()
        if math.isfinite(cost)
    }
    words = sorted(costs)[int(rng.integers(len(costs)))]
    least = min(costs.values())
    expected = costs[words] - least + math.log(sum(math.exp(least - cost) for cost in costs.values()))
    loss = objective(log_probs, competitors_of(NBestSearch(path, 1e4, 1e4), log_probs.numpy(), words))
    assert float(loss) == pytest.approx(expected, abs=1e-2)


def test_the_gradient_through_a_cascade_agrees_with_finite_differences(tmp_path):
    entries = [Pronunciation(1, (1, 2)), Pronunciation(2, (3,)), Pronunciation(3, (2, 3), 0.4)]
    write_graph(entries, [["A", "B"], ["C"], ["B", "A"]], [2.0, 3.0, 1.5, 2.0], tmp_path / "g.fst")
    search = NBestSearch(tmp_path / "g.fst", 1e4, 1e4)
    rng = np.random.default_rng(4)
    features = torch.from_numpy(rng.normal(0, 1, (6, 5)))
    weights = torch.from_numpy(rng.normal(0, 1, (5, 4))).requires_grad_()

    def loss(values: torch.Tensor) -> torch.Tensor:
        log_probs = torch.log_softmax(features @ values, dim=-1)
        return objective(log_probs, competitors_of(search, log_probs.detach().numpy(), (1, 2)))

    loss(weights).backward()
    step, expected = 1e-5, torch.zeros_like(weights)
    with torch.no_grad():
        for i in range(5):
            for j in range(4):
                shift = torch.zeros_like(weights)
                shift[i, j] = step
                expected[i, j] = (loss(weights + shift) - loss(weights - shift)) / (2 * step)
    difference = (weights.grad - expected).norm() / expected.norm()
    assert expected.norm() > 0.1
    assert float(difference) < 1e-3


class Model:
    alphabet = Alphabet(("GIVE", "IX-a", "IX-b"))


def test_point_retrievals_choose_among_several_loci():
    signs = [("IX-a", 0.0), ("GIVE", 0.4), ("IX-a", 0.8), ("IX-b", 1.2), ("IX-b", 1.6), ("IX-a", 2.0)]
    segments = tuple(Segment("gloss", value, start, start + 0.4) for value, start in signs)
    points = point_retrievals(with_segments(segments), 10.0, Model)
    # At the second IX-a no other locus is bound, so there is no choice to make.
    assert [(point.first, point.last, point.columns, point.target) for point in points] == [
        (16, 20, (2, 3), 1),
        (20, 24, (2, 3), 0),
    ]


def test_the_gate_has_labels_only_where_the_forms_are_known():
    plain = (Segment("gloss", "IX-a", 0.0, 0.2), Segment("gloss", "GIVE", 0.4, 0.8), Segment("gloss", "CUP", 0.4, 0.8))
    assert (form_frames(with_segments(plain), 10, 10.0) == UNKNOWN).all()
    fused = (*plain, Segment(FORM, "fused GIVE CUP", 0.4, 0.8))
    labels = form_frames(with_segments(fused), 10, 10.0)
    names = ["-" if label == UNKNOWN else FORMS[label] for label in labels]
    assert names == ["plain", "plain", "-", "-", "fused", "fused", "fused", "fused", "-", "-"]


def with_segments(segments: tuple[Segment, ...]) -> Clip:
    return Clip("c", "c.pose", "", "c", "pose", (), "", "", "train", 10.0, 24, (1.0, 1.0, 1.0, 1.0), segments=segments)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 799, 5000])
def test_no_clip_both_tunes_and_measures(count):
    tuning, measuring = halves(range(100, 100 + count))
    assert not set(tuning) & set(measuring)
    assert len(tuning) - len(measuring) in (0, 1)
    assert min(count, 2 * MAX_CLIPS) / 2 <= len(tuning) + len(measuring) <= 2 * MAX_CLIPS
