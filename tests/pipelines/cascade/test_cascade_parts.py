"""What lies between clips and the cascade: where signs are, references, neighbours, scores, and what a path says."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asl.models.features.feature_sets import PHON36, standardisation
from asl.models.features.tiers import Segment
from asl.models.units import learn
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
from asl.pipelines.translation.reader import spans
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.reading import GraphSettings
from asl.transducers.ctc_search import beam_search
from asl.transducers.decoder import BestPath
from asl.transducers.glossing import referent, spelled_together
from asl.transducers.levels.ngram import to_arpa, train
from asl.transducers.references import keeps_references, loci_of, nouns_of

SIZES = {"H": 3, "L": 3}
NONE = Coarticulation()


def clip(glosses, segments=()):
    return Clip("i", "p", "d", "n", "video", tuple(glosses), "", "", "train", 25.0, 20, (1, 1, 1, 1), tuple(segments))


def never():
    raise AssertionError("the encoder was asked")


def test_signs_are_where_the_annotation_says():
    one = clip(("GIVE", "CUP", "MOM"), [Segment("gloss", "GIVE", 0.0, 0.2), Segment("gloss", "CUP", 0.0, 0.2),
                                        Segment("gloss", "MOM", 0.4, 0.6), Segment("form", "plain", 0.0, 0.2)])  # fmt: skip
    found = sign_segments(one, np.ones(20, dtype=bool), 25.0, never)
    assert found == [SignSegment(("GIVE", "CUP"), 0, 5), SignSegment(("MOM",), 10, 15)]
    assert rest_spans(found, 20) == [(5, 10), (15, 20)]


def test_a_sign_alone_is_where_a_hand_is_seen_and_a_sentence_where_the_encoder_says():
    hands = np.zeros(20, dtype=bool)
    hands[4:9] = True
    assert sign_segments(clip(("MOM",)), hands, 25.0, never) == [SignSegment(("MOM",), 4, 9)]
    found = sign_segments(clip(("MOM", "EAT")), hands, 25.0, lambda: [(2, 5), (7, 9)])
    assert found == [SignSegment(("MOM",), 2, 5), SignSegment(("EAT",), 7, 9)]


def test_a_letter_lasts_until_the_next_one_of_its_word():
    tiers = [Segment("gloss", "fs-AB", 0.0, 0.4), Segment("letter", "A", 0.0, 0.12), Segment("letter", "B", 0.2, 0.36)]
    assert letter_segments(clip(("fs-AB",), tiers), 20, 25.0) == [("A", 0, 5), ("B", 5, 10)]


@pytest.mark.parametrize(("gloss", "found"), [("fs-BAB", "BAB"), ("fs-ABC", ""), ("BAB", ""), ("fs-", "")])
def test_letters_of_what_is_spelled(gloss, found):
    assert spelled_letters(gloss, "AB") == found


def built(**how):
    rng = np.random.default_rng(0)

    def some(*states):
        return [np.repeat(np.array(states), rng.integers(2, 5), axis=0) for _ in range(6)]

    segments = {("JOHN",): some((0, 0)), ("IX-a",): some((1, 1)), ("a-GIVE-1",): some((2, 1), (2, 2)), ("CUP",): some((0, 2))}
    segments |= {("a-GIVE-1", "CUP"): some((0, 1), (0, 2)), ("fs-AB",): some((0, 0), (1, 2))}
    own = {"stays": 2, "tie": 0, "most_variants": 1, "names": ("fs-BA",)} | how
    return learn_inventory(segments, {"A": some((0, 0)), "B": some((1, 2))}, some((-1, -1)), SIZES, **own)


def signs(found, loci=("a",), own_columns=True, neighbours=NONE, throughout=False, letter_cost=0.0):
    glosses = sorted({gloss for way in found.ways for gloss in way.said})
    encoder = {gloss: label for label, gloss in enumerate(glosses, 1) if gloss != "fs-BA"}
    shares = {("a-GIVE-1", "CUP"): 0.25}
    how = {
        "own_columns": own_columns,
        "throughout": throughout,
        "nouns": {"JOHN"},
        "loci": loci,
        "margin": 1.0,
        "fused_shares": shares,
        "letter_cost": letter_cost,
    }
    return cascade_signs(found, glosses, encoder, neighbours=neighbours, **how), glosses


def test_what_is_spelled_is_a_row_of_letters_also_names_that_nobody_spelled():
    found = built()
    ways = {way.said: way.units for way in found.ways}
    assert ways["fs-AB",] == ways["fs-BA",][::-1]
    made, glosses = signs(found)
    own = [one for one in made.pronunciations if glosses[one.gloss - 1] == "fs-BA"]
    assert [made.columns.gloss[label - 1] for label in own[0].units] == [0, 0]  # the encoder knows nothing of it


def test_letters_that_may_be_read_freely_have_a_cost_and_can_be_introduced():
    made, glosses = signs(built(names=("fs-A",)), letter_cost=2.5)
    plain, introducing = (one for one in made.pronunciations if glosses[one.gloss - 1] == "fs-A")
    assert plain.cost == introducing.cost == 2.5
    assert introducing.units == (*plain.units, made.references.noun)
    assert all(one.cost < 2.5 for one in made.pronunciations if glosses[one.gloss - 1] == "fs-AB")


def test_letters_side_by_side_are_one_name():
    words = ["fs-A", "fs-B", "IX-a", "fs-C", "fs-DAN", "fs-E", "fs-F", "fs-G"]
    found = spelled_together(words)
    assert [word for word, _, _ in found] == ["fs-AB", "IX-a", "fs-C", "fs-DAN", "fs-EFG"]
    assert [(first, last) for _, first, last in found] == [(0, 2), (2, 3), (3, 4), (4, 5), (5, 8)]


def test_nouns_points_agreement_and_fused_forms():
    made, glosses = signs(built())
    by_gloss: dict = {}
    for one in made.pronunciations:
        by_gloss.setdefault(glosses[one.gloss - 1], []).append(one.units)
    (plain, introducing) = by_gloss["JOHN"]
    assert introducing == (*plain, made.references.noun)
    back, first = by_gloss["IX-a"]
    assert first == (made.references.introduction(back[0]), *back[1:])
    assert made.references.moves == {by_gloss["a-GIVE-1"][0][0]: (1,)}
    (form,) = made.forms
    assert (form.verb, form.thing) == (by_gloss["a-GIVE-1"][0], by_gloss["CUP"][0])
    assert form.cost == pytest.approx(1 - math.log(0.25))
    assert made.columns.names[made.rest - 1] == "rest"
    without, _ = signs(built(), loci=())
    assert not without.references.points
    assert len(without.pronunciations) == len(made.pronunciations) - 2


def test_fused_forms_that_nobody_showed_are_made_like_those_that_were():
    ways = [
        SignVariant(("a-GIVE-b",), 5, (0, 1, 2)),
        SignVariant(("b-GIVE-a",), 5, (3, 4)),
        SignVariant(("HAVE",), 9, (5,)),
        SignVariant(("CUP",), 3, (6,)),
    ]
    ways += [SignVariant(("a-GIVE-b", "CUP"), 2, (7, 8))]
    ((made, like),) = unseen_fused_forms(ways)
    assert (made.said, like) == (("b-GIVE-a", "CUP"), ("a-GIVE-b", "CUP"))
    assert [made.row(place, "HLOMN") for place in (0, 1)] == [(7, 3, 7, 3, 7), (8, 4, 8, 4, 8)]


def test_an_encoder_that_names_every_frame_is_asked_in_every_frame():
    once, _ = signs(built())
    always, _ = signs(built(), throughout=True)
    heard = np.array(always.columns.gloss) > 0
    assert np.array(always.columns.peak)[heard].all()
    assert not np.array(once.columns.peak)[heard].all()
    assert always.columns.unit == once.columns.unit


def test_frames_of_a_sign_are_given_to_its_units_in_order():
    """Signs of two stays whose codes say nothing: the Gaussians find where one stay ends."""
    rng = np.random.default_rng(0)
    centres = {("A",): (-3.0, 3.0), ("B",): (3.0, -3.0)}
    material, features, truth = Alignments(), [], []
    for clip_number in range(24):
        said = (("A",), ("B",))[clip_number % 2]
        lengths = rng.integers(4, 12, 2)
        own = np.full((4 + lengths.sum(), PHON36.size), np.nan, dtype=np.float32)
        own[4:, 13] = np.repeat(centres[said], lengths) + rng.normal(0, 0.5, lengths.sum())
        own[:4, 13] = 30.0
        features.append(own)
        truth.append((said, int(lengths[0])))
        material.segments[said].append(np.zeros((lengths.sum(), 0), dtype=int))
        material.spots[said].append(ClipSpan(clip_number, 4, len(own)))
        material.rests.append(np.zeros((4, 0), dtype=int))
        material.rest_spots.append(ClipSpan(clip_number, 0, 4))
    found = learn_inventory(material.segments, {}, material.rests, {}, stays=2, tie=0, most_variants=1)
    mean, deviation = standardisation(features)
    made = fit_emissions(
        material, found, dict(enumerate(features)), SimpleNamespace(feature_set=PHON36, mean=mean, deviation=deviation)
    )
    ways = {way.said: way.units for way in found.ways}
    right = []
    for own, (said, first) in zip(features, truth, strict=True):
        scores = made.scores(own, PHON36)
        expected = np.r_[np.full(4, found.rest), np.full(first, ways[said][0]), np.full(len(own) - 4 - first, ways[said][1])]
        right.append(scores.argmax(axis=1) == expected)
    assert np.concatenate(right).mean() > 0.75
    again = emissions_from_arrays(made.arrays())
    assert np.array_equal(again.scores(features[0], PHON36), made.scores(features[0], PHON36))


def test_shared_columns_are_one_a_unit_but_for_references():
    found = built(tie=3)
    shared, _ = signs(found, own_columns=False)
    own, _ = signs(found)
    assert len(shared.columns.rows) < len(own.columns.rows)
    assert sum(name.startswith("IX-a") for name in shared.columns.names) >= 1


def test_forms_in_context_take_one_part_from_elsewhere():
    distance = np.abs(np.subtract.outer(np.arange(3), np.arange(3))).astype(float)
    how = Coarticulation(1.0, 0.0, 1.0, distances={"H": distance, "L": distance})
    plain, _ = signs(built())
    made, _ = signs(built(), neighbours=how)
    base = len(plain.columns.rows)
    assert len(made.columns.rows) == base + len(made.changes)
    assert made.changes
    for one in made.changes:
        new, old = made.columns.rows[one.reads - 1], made.columns.rows[one.writes - 1]
        assert sum(a != b for a, b in zip(new, old, strict=True)) <= 1
        if one.handshape is not None:
            assert made.tables["H"][new[0], :-1].argmax() == one.handshape
            assert one.cost == abs(one.handshape - made.places[one.writes - 1].handshape)
    assert made.rest not in {one.writes for one in made.changes}


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 3), st.integers(1, 6), st.integers(0, 2**31))
def test_a_path_through_a_sign_says_what_ctc_says(glosses, frames, seed):
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
    units = learn([[np.array([[0, 1], [0, 1]])], [np.array([[2, -1], [2, -1]])]], SIZES, stays=1)
    rows = np.array([[0, 0], [1, 1], [0, 1]])
    codes = np.array([[0, -1]])
    found = table_scores(codes, units.tables, rows)[0]
    h, place = units.tables["H"], units.tables["L"]
    assert found == pytest.approx([h[0, 0] + place[0, 3], h[1, 0] + place[1, 3], h[0, 0] + place[1, 3]], abs=1e-5)


# References ----------------------------------------------------------------------------------------------------------
def test_who_is_meant():
    words = ["fs-JOHN", "IX-a", "fs-MARY", "IX-b", "a-GIVE-b", "IX-b", "HAPPY", "1-SHOW-a"]
    assert referent(words) == ["", "fs-JOHN", "", "fs-MARY", "fs-JOHN → fs-MARY", "fs-MARY", "", "signer → fs-JOHN"]
    assert referent(["IX-a", "MOM", "c-GIVE-a"]) == ["", "", ""]


def test_loci_nouns_and_rules():
    sentences = [["fs-JOHN", "IX-a", "a-GIVE-1"], ["DOG", "IX-a", "IX-a", "CAT", "IX-b"], ["MOM", "EAT"]]
    loci, nouns = loci_of(["IX-b", "IX-a", "IX-1", "MOM"]), nouns_of(sentences)
    assert loci == ["a", "b"]
    assert nouns == {"fs-JOHN", "DOG", "CAT"}
    assert keeps_references(sentences, loci, nouns) == 1.0
    assert keeps_references([*sentences, ["IX-a", "EAT"], ["DOG", "IX-b"]], loci, nouns) == 0.5
    assert keeps_references([["MOM"]], loci, nouns) == 1.0


def test_how_often_two_signs_are_one():
    fused, a, b = SignSegment(("GIVE", "CUP"), 0, 1), SignSegment(("GIVE",), 0, 1), SignSegment(("CUP",), 1, 2)
    assert fused_shares([[fused], [a, b], [a, b], [b, a]]) == {("GIVE", "CUP"): 1 / 3}


# G -------------------------------------------------------------------------------------------------------------------
def test_text_and_clips_are_mixed_and_unknown_words_counted(tmp_path):
    (tmp_path / "t.txt").write_text("mom eat\n\nmom eat zebra\n" * 30)
    settings_ = GraphSettings(text=[str(tmp_path / "t.txt")], order=2)
    made = train_language(settings_, ["EAT", "MOM"], [["EAT", "MOM"]], [["MOM", "EAT"]])
    assert made.missing == {"ZEBRA": 30}
    assert made.figures["text_share"] > 0.5
    assert made.figures["perplexity"] <= min(made.figures["perplexity_text_alone"], made.figures["perplexity_clips_alone"]) + 0.01
    assert made.model.log_prob("EAT", ("MOM",)) > made.model.log_prob("MOM", ("MOM",))
    held_out = train_language(settings_, ["EAT", "MOM"], [["EAT", "MOM"]], [])
    assert held_out.figures["measured_on"] == "held-out lines of the text"


@pytest.mark.parametrize("content", ["", "\n \n", "\xff\xfe"])
def test_texts_that_are_none(tmp_path, content):
    (tmp_path / "t.txt").write_bytes(content.encode("latin-1"))
    with pytest.raises(BadInput):
        read_text(tmp_path / "t.txt")
    with pytest.raises(BadInput, match="cannot read"):
        read_text(tmp_path / "none.txt")


def test_an_arpa_file_must_know_every_gloss(tmp_path):
    (tmp_path / "g.arpa").write_text(to_arpa(train([["MOM"]], 1)))
    with pytest.raises(BadInput, match="no probability for 1 glosses, among them EAT"):
        train_language(GraphSettings(arpa=str(tmp_path / "g.arpa")), ["EAT", "MOM"], [["MOM"]], [])


# Paths ---------------------------------------------------------------------------------------------------------------
def test_words_end_where_the_rest_begins_and_fused_ones_share_their_time():
    frames = (9, 9, 1, 2, 3, 9, 4, 4, 9)
    assert spans(BestPath((1, 2), frames, (2, 6), 0.0, True), 9) == [(2, 5), (6, 8)]
    assert spans(BestPath((1, 2, 3), frames, (2, 6, 6), 0.0, True), 9) == [(2, 5), (6, 8), (6, 8)]
    assert FrameLabels().add((0,), 0, False, 1.0, "x", 0) == 1
