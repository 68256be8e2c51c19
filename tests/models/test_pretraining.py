import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.features.tiers import BOUNDARY, UNKNOWN
from asl.models.networks.phonology_heads import PhonologyHeads
from asl.models.networks.probe import mean_and_deviation, probe_scores
from asl.models.networks.quantiser import ABSENT, CODEBOOK_SIZES, Codebook, ProductQuantiser, codebook_figures
from asl.models.objectives.contrast import LONGEST_STEP, pairs_in_time, time_contrast, view_contrast


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def quantiser_of(frames: int = 4000, seed: int = 0) -> tuple[ProductQuantiser, torch.Tensor, torch.Tensor]:
    values = torch.randn(frames, 36, generator=generator(seed))
    seen = torch.ones_like(values, dtype=torch.bool)
    quantiser = ProductQuantiser()
    quantiser.seed(values, seen, generator(seed))
    return quantiser, values, seen


# Quantiser -----------------------------------------------------------------------------------------------------------
@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 0.99))
def test_a_perturbation_smaller_than_the_margin_changes_no_code(seed, share):
    """The property of SPEC §4, in random directions and towards the second-nearest entry."""
    book = Codebook(16, 6)
    values = torch.randn(400, 6, generator=generator(seed), dtype=torch.float64)
    book.double().seed(values, generator(seed))
    codes, margin = book.nearest(values), book.margin(values)
    direction = torch.nn.functional.normalize(torch.randn(400, 6, generator=generator(seed + 1), dtype=torch.float64), dim=1)
    second = book.entries[torch.cdist(values, book.entries).topk(2, dim=1, largest=False).indices[:, 1]]
    towards = torch.nn.functional.normalize(second - values, dim=1)
    for step in (direction, towards):
        assert torch.equal(book.nearest(values + share * margin[:, None] * step), codes)


def test_a_perturbation_beyond_the_margin_may_change_a_code():
    book = Codebook(2, 1)
    book.entries.copy_(torch.tensor([[0.0], [1.0]]))
    value = torch.tensor([[0.4]])
    assert book.margin(value).item() == pytest.approx(0.1)
    assert book.nearest(value + 0.09).item() == 0
    assert book.nearest(value + 0.11).item() == 1


def test_codebooks_have_the_sizes_of_the_specification_and_are_used():
    quantiser, values, seen = quantiser_of()
    assert {part: len(book.entries) for part, book in quantiser.books.items()} == CODEBOOK_SIZES
    for part, figures in quantiser.figures(values, seen).items():
        assert figures.used == 1, part
        assert figures.perplexity > figures.size / 2
        assert figures.distortion < 1


def test_figures_are_those_of_the_definition():
    book = Codebook(4, 1)
    book.entries.copy_(torch.tensor([[0.0], [1.0], [2.0], [30.0]]))
    figures = codebook_figures(book, torch.tensor([[0.0], [0.5 - 1e-3], [1.0], [2.0]]))
    assert figures.used == 0.75
    assert figures.perplexity == pytest.approx(np.exp(0.5 * np.log(2) + 0.5 * np.log(4)))
    assert figures.distortion == pytest.approx(0.25 / 4, rel=0.01)
    assert codebook_figures(book, torch.zeros(0, 1)).frames == 0


def test_an_unseen_part_has_no_code():
    quantiser, values, seen = quantiser_of()
    seen[3, 0:10] = False
    tokens = quantiser(values, seen)
    assert tokens.shape == (4000, 5)
    assert tokens[3, 0] == ABSENT
    assert (tokens[3, 1:] >= 0).all()


def test_entries_follow_their_vectors_and_dead_ones_are_reseeded():
    book = Codebook(8, 2)
    near = torch.randn(500, 2, generator=generator())
    book.seed(near, generator())
    far = near + 50
    for step in range(800):
        book.update(far)
        if step % 20 == 19:
            book.reseed_dead(far, generator(step))
    assert torch.cdist(far, book.entries).min(dim=1).values.max() < 4
    assert len(book.nearest(far).unique()) == 8


def test_the_entry_of_a_rare_handshape_is_kept():
    """One vector of a thousand is rare; its entry stays where it is for as long as it is used."""
    common = torch.randn(1000, 2, generator=generator())
    rare = torch.tensor([[60.0, 60.0]])
    book = Codebook(8, 2)
    book.seed(torch.cat([common, rare]), generator())
    for step in range(300):
        book.update(torch.cat([common, rare]) if step % 20 == 0 else common)
        if step % 20 == 19:
            book.reseed_dead(common, generator(step))
    assert torch.cdist(rare, book.entries).min() < 0.5


def test_an_unused_entry_stays_until_it_is_reseeded():
    book = Codebook(4, 1)
    book.seed(torch.tensor([[0.0], [10.0], [20.0], [30.0]]), generator())
    for _ in range(4000):
        book.update(torch.tensor([[0.0], [10.0], [20.0]]))
    assert book.entries.max() == pytest.approx(30)
    book.reseed_dead(torch.tensor([[5.0]]), generator())
    assert sorted(book.entries.flatten().tolist()) == pytest.approx([0, 5, 10, 20])


def test_gradients_pass_straight_through_and_commitment_points_to_the_entry():
    book = Codebook(4, 3)
    book.seed(torch.randn(50, 3, generator=generator()), generator())
    values = torch.randn(10, 3, generator=generator(1), requires_grad=True)
    quantised, codes, commitment = book(values)
    torch.testing.assert_close(quantised, book.entries[codes])
    (gradient,) = torch.autograd.grad(quantised.sum(), values, retain_graph=True)
    torch.testing.assert_close(gradient, torch.ones_like(values))
    (gradient,) = torch.autograd.grad(commitment, values)
    torch.testing.assert_close(gradient, 0.25 * 2 * (values - book.entries[codes]) / values.numel())


# Contrast ------------------------------------------------------------------------------------------------------------
@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6), st.integers(0, 100))
def test_positives_are_one_to_five_frames_later_in_the_same_clip(lengths, seed):
    clips, first, later = pairs_in_time(torch.tensor(lengths), 8, generator(seed))
    frames = torch.tensor(lengths)[clips]
    assert len(clips) == 8 * len(lengths)
    assert (first >= 0).all()
    assert (later < frames).all()
    steps = later - first
    assert (steps <= LONGEST_STEP).all()
    assert (steps[frames > 1] >= 1).all()


def test_time_contrast_equals_its_definition():
    anchors, later = torch.randn(6, 4, generator=generator()), torch.randn(6, 4, generator=generator(1))
    clips = torch.tensor([0, 0, 1, 1, 2, 2])
    a, b = (torch.nn.functional.normalize(x, dim=1).double() for x in (anchors, later))
    losses = []
    for i in range(6):
        positive = float(a[i] @ b[i]) / 0.1
        negatives = [float(a[i] @ b[j]) / 0.1 for j in range(6) if clips[j] != clips[i]]
        losses.append(np.log(np.exp(positive) + np.exp(negatives).sum()) - positive)
    assert float(time_contrast(anchors, later, clips)) == pytest.approx(np.mean(losses), rel=1e-4)


def test_view_contrast_is_small_if_views_match_their_partners():
    views = torch.eye(8)
    assert view_contrast(views, views) < 0.01
    assert view_contrast(views, views.roll(1, 0)) > 5


# Phonology heads -----------------------------------------------------------------------------------------------------
def test_heads_learn_frames_clips_and_boundaries_and_ignore_unknown_labels():
    torch.manual_seed(0)
    heads = PhonologyHeads(4, {"handshape": ("A", "B"), "sign type": ("one", "two", "base"), BOUNDARY: ("boundary",)})
    encoded = torch.randn(8, 10, 4)
    lengths = torch.tensor([10, 10, 10, 10, 6, 6, 6, 6])
    frames = {"handshape": (encoded[..., 0] > 0).long(), BOUNDARY: (encoded[..., 1] > 0).long()}
    real = torch.arange(10) < lengths[:, None]
    clips = {"sign type": torch.tensor([0, 1, 2, 0, 1, 2, UNKNOWN, UNKNOWN])}
    for row in range(6):
        encoded[row, :, 2:] += 3 * torch.tensor([[1.0, 0], [0, 1], [-1, -1]])[row % 3]
    optimiser = torch.optim.Adam(heads.parameters(), 0.1)
    for _ in range(150):
        phonology, boundary = heads.losses(encoded, lengths, frames, clips)
        optimiser.zero_grad()
        (phonology + boundary).backward()
        optimiser.step()
    logits = heads(encoded)
    assert ((logits["handshape"].argmax(-1) == frames["handshape"]) | ~real).float().mean() > 0.95
    assert logits["sign type"].mean(dim=1).argmax(-1)[:6].tolist() == [0, 1, 2, 0, 1, 2]
    unknown = {name: torch.full_like(values, UNKNOWN) for name, values in frames.items()}
    assert heads.losses(encoded, lengths, unknown, {}) == (0, 0)
    beyond = {name: torch.where(real, values, 1 - values) for name, values in frames.items()}
    torch.testing.assert_close(heads.losses(encoded, lengths, beyond, {}), heads.losses(encoded, lengths, frames, {}))


# Probe ---------------------------------------------------------------------------------------------------------------
def test_a_probe_predicts_labels_from_values_that_depend_on_them_linearly():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 150)
    linear = rng.normal(0, 1, (150, 8)).astype(np.float32)
    linear[np.arange(150), labels] += 4
    noise = rng.normal(0, 1, (150, 8)).astype(np.float32)
    for values, low, high in ((linear, 0.9, 1.0), (noise, 0.0, 0.6)):
        scores = probe_scores(values[:100], labels[:100], values[100:], 3)
        assert low <= (scores.argmax(axis=1) == labels[100:]).mean() <= high
    assert mean_and_deviation(np.ones((5, 3))).tolist() == [1, 1, 1, 0, 0, 0]
