"""From clips to the cascade: segments, references, coarticulation, scores, language model, and spans of a path."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.features.feature_sets import PHON36, standardisation
from asl.models.features.tiers import Segment
from asl.models.units import learn_units
from asl.pipelines.cascade.graph_folder import encoder_scores, table_scores
from asl.pipelines.cascade.language import read_text, train_language
from asl.pipelines.cascade.units.alignments import Alignments, ClipSpan
from asl.pipelines.cascade.units.coarticulation import Coarticulation
from asl.pipelines.cascade.units.frame_labels import FrameLabels
from asl.pipelines.cascade.units.gaussian_emissions import emissions_from_arrays, fit_emissions
from asl.pipelines.cascade.units.inventory import SignVariant, learn_inventory, spelled_letters, unseen_fused_forms
from asl.pipelines.cascade.units.pronunciations import cascade_signs
from asl.pipelines.cascade.units.segments import SignSegment, fused_shares, letter_segments, rest_spans, sign_segments
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.reading import GraphSettings
from asl.transducers.ctc_search import beam_search
from asl.transducers.decoder import BestPath
from asl.transducers.glossing import join_letters, referents_of
from asl.transducers.levels.ngram import to_arpa, train_ngram
from asl.transducers.references import bound_reference_share, loci_of, nouns_of

SIZES = {"H": 3, "L": 3}
NONE = Coarticulation()


def clip(glosses, segments=()):
    return Clip("i", "p", "d", "n", "video", tuple(glosses), "", "", "train", 25.0, 20, (1, 1, 1, 1), tuple(segments))


def no_encoder():
    raise AssertionError("the encoder was used")


def test_segments_follow_the_annotation():
    annotated = clip(("GIVE", "CUP", "MOM"), [Segment("gloss", "GIVE", 0.0, 0.2), Segment("gloss", "CUP", 0.0, 0.2),
                                              Segment("gloss", "MOM", 0.4, 0.6), Segment("form", "plain", 0.0, 0.2)])  # fmt: skip
    segments = sign_segments(annotated, np.ones(20, dtype=bool), 25.0, no_encoder)
    assert segments == [SignSegment(("GIVE", "CUP"), 0, 5), SignSegment(("MOM",), 10, 15)]
    assert rest_spans(segments, 20) == [(5, 10), (15, 20)]


def test_a_single_sign_is_where_a_hand_is_visible_and_a_sentence_is_aligned_by_the_encoder():
    hands = np.zeros(20, dtype=bool)
    hands[4:9] = True
    assert sign_segments(clip(("MOM",)), hands, 25.0, no_encoder) == [SignSegment(("MOM",), 4, 9)]
    segments = sign_segments(clip(("MOM", "EAT")), hands, 25.0, lambda: [(2, 5), (7, 9)])
    assert segments == [SignSegment(("MOM",), 2, 5), SignSegment(("EAT",), 7, 9)]


def test_a_letter_lasts_until_the_next_one_of_its_word():
    tiers = [Segment("gloss", "fs-AB", 0.0, 0.4), Segment("letter", "A", 0.0, 0.12), Segment("letter", "B", 0.2, 0.36)]
    assert letter_segments(clip(("fs-AB",), tiers), 20, 25.0) == [("A", 0, 5), ("B", 5, 10)]


@pytest.mark.parametrize(("gloss", "letters"), [("fs-BAB", "BAB"), ("fs-ABC", ""), ("BAB", ""), ("fs-", "")])
def test_letters_of_a_fingerspelled_gloss(gloss, letters):
    assert spelled_letters(gloss, "AB") == letters


def small_inventory(**options):
    rng = np.random.default_rng(0)

    def segments(*states):
        return [np.repeat(np.array(states), rng.integers(2, 5), axis=0) for _ in range(6)]

    signs = {("JOHN",): segments((0, 0)), ("IX-a",): segments((1, 1)), ("CUP",): segments((0, 2))}
    signs |= {("a-GIVE-1",): segments((2, 1), (2, 2)), ("a-GIVE-1", "CUP"): segments((0, 1), (0, 2))}
    signs |= {("fs-AB",): segments((0, 0), (1, 2))}
    letters = {"A": segments((0, 0)), "B": segments((1, 2))}
    options = {"stays": 2, "tie": 0, "max_variants": 1, "names": ("fs-BA",)} | options
    return learn_inventory(signs, letters, segments((-1, -1)), SIZES, **options)


def signs_of(inventory, loci=("a",), labels_per_sign=True, coarticulation=NONE, every_frame=False, letter_cost=0.0):
    glosses = sorted({gloss for variant in inventory.variants for gloss in variant.glosses})
    encoder = {gloss: label for label, gloss in enumerate(glosses, 1) if gloss != "fs-BA"}
    options = {
        "labels_per_sign": labels_per_sign,
        "every_frame": every_frame,
        "nouns": {"JOHN"},
        "loci": loci,
        "margin": 1.0,
        "fused_shares": {("a-GIVE-1", "CUP"): 0.25},
        "letter_cost": letter_cost,
    }
    return cascade_signs(inventory, glosses, encoder, coarticulation=coarticulation, **options), glosses


def test_fingerspelled_glosses_and_listed_names_are_sequences_of_letters():
    inventory = small_inventory()
    units = {variant.glosses: variant.units for variant in inventory.variants}
    assert units["fs-AB",] == units["fs-BA",][::-1]
    signs, glosses = signs_of(inventory)
    entries = [entry for entry in signs.pronunciations if glosses[entry.gloss - 1] == "fs-BA"]
    assert [signs.labels.gloss[label - 1] for label in entries[0].units] == [0, 0]  # the encoder does not know it


def test_letters_that_may_be_read_freely_have_a_cost_and_can_be_introduced():
    signs, glosses = signs_of(small_inventory(names=("fs-A",)), letter_cost=2.5)
    plain, introducing = (entry for entry in signs.pronunciations if glosses[entry.gloss - 1] == "fs-A")
    assert plain.cost == introducing.cost == 2.5
    assert introducing.units == (*plain.units, signs.references.noun)
    assert all(entry.cost < 2.5 for entry in signs.pronunciations if glosses[entry.gloss - 1] == "fs-AB")


def test_adjacent_letters_are_joined_to_one_name():
    words = ["fs-A", "fs-B", "IX-a", "fs-C", "fs-DAN", "fs-E", "fs-F", "fs-G"]
    joined = join_letters(words)
    assert [word for word, _, _ in joined] == ["fs-AB", "IX-a", "fs-C", "fs-DAN", "fs-EFG"]
    assert [(first, last) for _, first, last in joined] == [(0, 2), (2, 3), (3, 4), (4, 5), (5, 8)]


def test_nouns_points_agreement_and_fused_forms():
    signs, glosses = signs_of(small_inventory())
    by_gloss: dict = {}
    for entry in signs.pronunciations:
        by_gloss.setdefault(glosses[entry.gloss - 1], []).append(entry.units)
    (plain, introducing) = by_gloss["JOHN"]
    assert introducing == (*plain, signs.references.noun)
    back, first = by_gloss["IX-a"]
    assert first == (signs.references.introduction(back[0]), *back[1:])
    assert signs.references.moves == {by_gloss["a-GIVE-1"][0][0]: (1,)}
    (form,) = signs.forms
    assert (form.verb, form.noun) == (by_gloss["a-GIVE-1"][0], by_gloss["CUP"][0])
    assert form.cost == pytest.approx(1 - math.log(0.25))
    assert signs.labels.names[signs.rest - 1] == "rest"
    without, _ = signs_of(small_inventory(), loci=())
    assert not without.references.points
    assert len(without.pronunciations) == len(signs.pronunciations) - 2


def test_unseen_fused_forms_are_derived_from_seen_ones():
    shown = [(("a-GIVE-b",), 5, (0, 1, 2)), (("b-GIVE-a",), 5, (3, 4)), (("HAVE",), 9, (5,)), (("CUP",), 3, (6,))]
    shown += [(("a-GIVE-b", "CUP"), 2, (7, 8))]
    ((form, source),) = unseen_fused_forms([SignVariant(*variant) for variant in shown])
    assert (form.glosses, source) == (("b-GIVE-a", "CUP"), ("a-GIVE-b", "CUP"))
    assert [form.table_rows(position, "HLOMN") for position in (0, 1)] == [(7, 3, 7, 3, 7), (8, 4, 8, 4, 8)]


def test_an_encoder_that_names_every_frame_is_scored_in_every_frame():
    once, _ = signs_of(small_inventory())
    always, _ = signs_of(small_inventory(), every_frame=True)
    has_gloss = np.array(always.labels.gloss) > 0
    assert np.array(always.labels.peak)[has_gloss].all()
    assert not np.array(once.labels.peak)[has_gloss].all()
    assert always.labels.unit == once.labels.unit


def test_frames_of_a_sign_are_aligned_to_its_units_in_order():
    """Signs of two units, without codes: the Gaussians alone find the boundary between the units."""
    rng = np.random.default_rng(0)
    centres = {("A",): (-3.0, 3.0), ("B",): (3.0, -3.0)}
    alignments, features, truth = Alignments(), [], []
    for clip_number in range(24):
        glosses = (("A",), ("B",))[clip_number % 2]
        lengths = rng.integers(4, 12, 2)
        frames = np.full((4 + lengths.sum(), PHON36.size), np.nan, dtype=np.float32)
        frames[4:, 13] = np.repeat(centres[glosses], lengths) + rng.normal(0, 0.5, lengths.sum())
        frames[:4, 13] = 30.0
        features.append(frames)
        truth.append((glosses, int(lengths[0])))
        alignments.sign_codes[glosses].append(np.zeros((lengths.sum(), 0), dtype=int))
        alignments.sign_spans[glosses].append(ClipSpan(clip_number, 4, len(frames)))
        alignments.rest_codes.append(np.zeros((4, 0), dtype=int))
        alignments.rest_spans.append(ClipSpan(clip_number, 0, 4))
    inventory = learn_inventory(alignments.sign_codes, {}, alignments.rest_codes, {}, stays=2, tie=0, max_variants=1)
    mean, deviation = standardisation(features)
    model = SimpleNamespace(feature_set=PHON36, mean=mean, deviation=deviation)
    emissions = fit_emissions(alignments, inventory, dict(enumerate(features)), model)
    units = {variant.glosses: variant.units for variant in inventory.variants}
    right = []
    for frames, (glosses, first) in zip(features, truth, strict=True):
        scores = emissions.scores(frames, PHON36)
        first_unit, second_unit = units[glosses]
        second = len(frames) - 4 - first
        expected = np.r_[np.full(4, inventory.rest), np.full(first, first_unit), np.full(second, second_unit)]
        right.append(scores.argmax(axis=1) == expected)
    assert np.concatenate(right).mean() > 0.75
    again = emissions_from_arrays(emissions.arrays())
    assert np.array_equal(again.scores(features[0], PHON36), emissions.scores(features[0], PHON36))


def test_shared_labels_are_one_per_unit_except_for_references():
    inventory = small_inventory(tie=3)
    shared, _ = signs_of(inventory, labels_per_sign=False)
    per_sign, _ = signs_of(inventory)
    assert len(shared.labels.rows) < len(per_sign.labels.rows)
    assert sum(name.startswith("IX-a") for name in shared.labels.names) >= 1


def test_forms_in_context_take_one_part_from_elsewhere():
    distance = np.abs(np.subtract.outer(np.arange(3), np.arange(3))).astype(float)
    coarticulation = Coarticulation(1.0, 0.0, 1.0, distances={"H": distance, "L": distance})
    plain, _ = signs_of(small_inventory())
    changed, _ = signs_of(small_inventory(), coarticulation=coarticulation)
    base = len(plain.labels.rows)
    assert len(changed.labels.rows) == base + len(changed.changes)
    assert changed.changes
    for change in changed.changes:
        new, old = changed.labels.rows[change.reads - 1], changed.labels.rows[change.writes - 1]
        assert sum(a != b for a, b in zip(new, old, strict=True)) <= 1
        if change.handshape is not None:
            assert changed.tables["H"][new[0], :-1].argmax() == change.handshape
            assert change.cost == abs(change.handshape - changed.context_classes[change.writes - 1].handshape)
    assert changed.rest not in {change.writes for change in changed.changes}


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 3), st.integers(1, 6), st.integers(0, 2**31))
def test_a_path_through_a_sign_scores_as_in_ctc(glosses, frames, seed):
    """rest* (before peak after)* with the encoder's scores alone is the best CTC path of a gloss string."""
    log_probs = np.log(np.random.default_rng(seed).dirichlet(np.ones(glosses + 1), frames))
    gloss = np.array([0, *np.repeat(np.arange(1, glosses + 1), 3)])
    peak = np.array([False, *[False, True, False] * glosses])
    scores = encoder_scores(log_probs, gloss, peak)
    assert scores[:, 0] == pytest.approx(log_probs[:, 0], abs=1e-5)
    for label in range(1, glosses + 1):
        assert scores[:, 3 * label - 1] == pytest.approx(log_probs[:, label], abs=1e-5)
        assert (scores[:, 3 * label - 2] >= np.maximum(log_probs[:, label], log_probs[:, 0]) - 1e-5).all()
    assert beam_search(log_probs, 4, 0.0)


def test_a_frame_is_scored_part_by_part():
    units = learn_units([[np.array([[0, 1], [0, 1]])], [np.array([[2, -1], [2, -1]])]], SIZES, max_states=1)
    rows = np.array([[0, 0], [1, 1], [0, 1]])
    codes = np.array([[0, -1]])
    scores = table_scores(codes, units.tables, rows)[0]
    h, location = units.tables["H"], units.tables["L"]
    assert scores == pytest.approx([h[0, 0] + location[0, 3], h[1, 0] + location[1, 3], h[0, 0] + location[1, 3]], abs=1e-5)


# References ----------------------------------------------------------------------------------------------------------
def test_referents_of_points_and_agreement_verbs():
    words = ["fs-JOHN", "IX-a", "fs-MARY", "IX-b", "a-GIVE-b", "IX-b", "HAPPY", "1-SHOW-a"]
    assert referents_of(words) == ["", "fs-JOHN", "", "fs-MARY", "fs-JOHN → fs-MARY", "fs-MARY", "", "signer → fs-JOHN"]
    assert referents_of(["IX-a", "MOM", "c-GIVE-a"]) == ["", "", ""]


def test_loci_nouns_and_rules():
    sentences = [["fs-JOHN", "IX-a", "a-GIVE-1"], ["DOG", "IX-a", "IX-a", "CAT", "IX-b"], ["MOM", "EAT"]]
    loci, nouns = loci_of(["IX-b", "IX-a", "IX-1", "MOM"]), nouns_of(sentences)
    assert loci == ["a", "b"]
    assert nouns == {"fs-JOHN", "DOG", "CAT"}
    assert bound_reference_share(sentences, loci, nouns) == 1.0
    assert bound_reference_share([*sentences, ["IX-a", "EAT"], ["DOG", "IX-b"]], loci, nouns) == 0.5
    assert bound_reference_share([["MOM"]], loci, nouns) == 1.0


def test_share_of_fused_pairs():
    fused, a, b = SignSegment(("GIVE", "CUP"), 0, 1), SignSegment(("GIVE",), 0, 1), SignSegment(("CUP",), 1, 2)
    assert fused_shares([[fused], [a, b], [a, b], [b, a]]) == {("GIVE", "CUP"): 1 / 3}


# G -------------------------------------------------------------------------------------------------------------------
def test_text_and_clips_are_mixed_and_unknown_words_counted(tmp_path):
    (tmp_path / "t.txt").write_text("mom eat\n\nmom eat zebra\n" * 30)
    settings_ = GraphSettings(text=[str(tmp_path / "t.txt")], order=2)
    trained = train_language(settings_, ["EAT", "MOM"], [["EAT", "MOM"]], [["MOM", "EAT"]])
    figures = trained.figures
    assert trained.missing == {"ZEBRA": 30}
    assert figures["text_share"] > 0.5
    assert figures["perplexity"] <= min(figures["perplexity_text_alone"], figures["perplexity_clips_alone"]) + 0.01
    assert trained.model.log_prob("EAT", ("MOM",)) > trained.model.log_prob("MOM", ("MOM",))
    held_out = train_language(settings_, ["EAT", "MOM"], [["EAT", "MOM"]], [])
    assert held_out.figures["measured_on"] == "held-out lines of the text"


@pytest.mark.parametrize("content", ["", "\n \n", "\xff\xfe"])
def test_empty_and_unreadable_texts_are_refused(tmp_path, content):
    (tmp_path / "t.txt").write_bytes(content.encode("latin-1"))
    with pytest.raises(BadInput):
        read_text(tmp_path / "t.txt")
    with pytest.raises(BadInput, match="cannot read"):
        read_text(tmp_path / "none.txt")


def test_an_arpa_file_must_know_every_gloss(tmp_path):
    (tmp_path / "g.arpa").write_text(to_arpa(train_ngram([["MOM"]], 1)))
    with pytest.raises(BadInput, match="no probability for 1 gloss, among them EAT"):
        train_language(GraphSettings(arpa=str(tmp_path / "g.arpa")), ["EAT", "MOM"], [["MOM"]], [])


# Paths ---------------------------------------------------------------------------------------------------------------
def test_words_end_where_the_rest_begins_and_fused_words_share_their_span():
    frames = (9, 9, 1, 2, 3, 9, 4, 4, 9)
    assert BestPath((1, 2), frames, (2, 6), 0.0, True).spans(9) == [(2, 5), (6, 8)]
    assert BestPath((1, 2, 3), frames, (2, 6, 6), 0.0, True).spans(9) == [(2, 5), (6, 8), (6, 8)]
    assert FrameLabels().add((0,), 0, False, 1.0, "x", 0) == 1
