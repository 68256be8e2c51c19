import json
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from asl.models.features.tiers import Segment
from asl.pipelines.corpus.sources import synthetic
from asl.pipelines.synthetic import performances, sentences
from asl.pipelines.synthetic.lexicon import everyday
from asl.pipelines.workspace.errors import BadClip, BadInput
from asl.pipelines.workspace.settings.clips import SyntheticSettings

RECIPE = performances.Recipe("everyday", 0, "", 0, 5, 0, 25.0, True)
TIERS = ("handshape", "location", "orientation", "movement", "face")


def tiers(done) -> dict[str, list[Segment]]:
    found: dict[str, list[Segment]] = {}
    for segment in done.segments:
        found.setdefault(segment.tier, []).append(segment)
    return found


def test_a_recipe_gives_the_same_bytes_in_another_process():
    code = (
        "import hashlib, json, sys\n"
        "from asl.pipelines.synthetic import performances as corpus\n"
        "found = corpus.landmarks(corpus.parse_recipe(sys.argv[1]))\n"
        "print(hashlib.sha256(found.points.tobytes()).hexdigest())"
    )
    for recipe in (RECIPE, replace(RECIPE, gloss="BOOK", signer=2)):
        text = json.dumps(vars(recipe))
        runs = [
            subprocess.run(
                [sys.executable, "-c", code, text], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": str(seed)}
            ).stdout
            for seed in (1, 2)
        ]
        assert runs[0] == runs[1]
        assert len(runs[0]) > 60


def test_takes_signers_and_seeds_differ():
    base = replace(RECIPE, gloss="BOOK")
    points = [
        performances.landmarks(one).points
        for one in (base, replace(base, take=1), replace(base, signer=6), replace(base, seed=1))
    ]
    for i, one in enumerate(points):
        for other in points[:i]:
            assert one.shape != other.shape or not np.array_equal(one, other, equal_nan=True)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"lexicon": 1}', json.dumps(vars(replace(RECIPE, version=99)))])
def test_a_damaged_recipe_is_refused(text):
    with pytest.raises(BadClip, match=r"synthetic clip|version"):
        performances.parse_recipe(text)


def test_sentences_bind_every_reference_before_they_use_it():
    grammar = sentences.Grammar(everyday())
    kinds = set()
    for seed in range(400):
        bound = set()
        for word in grammar.sentence(np.random.default_rng(seed)):
            kinds.add(word.kind)
            if word.introduces:
                assert word.goal not in bound
                bound.add(word.goal)
            for place in (word.source, word.goal):
                assert place in ("", "1") or place in bound
    assert kinds == {"sign", "point", "spelled", "agree", "fused"}


@pytest.mark.parametrize("take", range(40))
def test_the_truth_of_a_sentence_is_complete_and_in_order(take):
    done = performances.perform(replace(RECIPE, take=take))
    found, seconds = tiers(done), len(done.tracks) / RECIPE.fps
    assert tuple(segment.value for segment in found["gloss"]) == done.glosses
    starts = [segment.start for segment in found["gloss"]]
    assert starts == sorted(starts)
    for tier in TIERS:
        runs = found[tier]
        assert runs[0].start == 0
        assert runs[-1].end == pytest.approx(seconds, abs=1e-3)
        for before, after in pairwise(runs):
            assert before.end == pytest.approx(after.start, abs=1e-3)
            assert before.value != after.value
    fused = [segment for segment in found.get("form", []) if segment.value.startswith("fused")]
    for segment in fused:
        _, verb, thing = segment.value.split()
        shared = [other.value for other in found["gloss"] if (other.start, other.end) == (segment.start, segment.end)]
        assert len(shared) == 2
        assert verb in shared[0]
        assert shared[1] == thing


def test_loci_are_where_the_hand_points():
    """The truth's direction of a locus is the direction from the neck to the wrist while the signer points there (SPEC §8)."""
    from asl.pipelines.synthetic.skeleton import body_of, landmarks_of

    checked = 0
    for take in range(60):
        done = performances.perform(replace(RECIPE, take=take))
        found = tiers(done)
        for locus in found.get("locus", []):
            name, _, *place = locus.value.split()
            pointing = next(s for s in found["reference"] if s.value == f"introduce {name}")
            frame = round((pointing.start + pointing.end) / 2 * RECIPE.fps)
            points = landmarks_of(body_of(done.tracks, done.signer))[frame]
            wrist = points[16 if done.signer.right_handed else 15]
            where = np.array(place, dtype=float)
            assert np.degrees(np.arccos(wrist @ where / np.linalg.norm(wrist) / np.linalg.norm(where))) < 10
            checked += 1
    assert checked > 10


def test_a_corpus_is_what_was_asked_for(tmp_path):
    settings = SyntheticSettings(signs=5, clips=4, signers=2, sentences=3)
    clips = list(synthetic.clips(settings, tmp_path))
    assert len(clips) == 5 * 4 + 3
    assert len({clip.name for clip in clips}) == len(clips)
    assert {clip.group for clip in clips} == {"synthetic-0", "synthetic-1"}
    assert all(clip.segments for clip in clips)
    for gloss in {clip.glosses for clip in clips[:20]}:
        assert {clip.group for clip in clips if clip.glosses == gloss} == {"synthetic-0", "synthetic-1"}


def test_more_signs_than_there_are_is_an_error(tmp_path):
    with pytest.raises(BadInput, match=r"--signs 500"):
        list(synthetic.clips(SyntheticSettings(signs=500), tmp_path))
    with pytest.raises(BadInput, match="no file"):
        list(synthetic.clips(SyntheticSettings(lexicon="nowhere.csv"), tmp_path))


def test_a_gloss_cannot_lead_out_of_the_folder(tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("gloss,handshape,location\n../../../EVIL,F,chin\n/etc/PASSWD,C,chin\n" + "X" * 3000 + ",C,mouth\n")
    settings = SyntheticSettings(lexicon=str(file), clips=1, video=True)
    for clip in synthetic.clips(settings, tmp_path / "videos"):
        assert clip.path.resolve().parent.parent == (tmp_path / "videos").resolve()
        assert len(clip.path.name) < 120


def test_ten_thousand_signs_can_be_asked_for(tmp_path):
    settings = SyntheticSettings(lexicon="invented", signs=10_000, clips=1)
    assert len(performances.vocabulary(settings.lexicon, settings.signs, 0)) == 10_000
    recipe = performances.Recipe("invented", 10_000, "SYN-09999", 0, 1, 0, 25.0, True)
    assert np.isfinite(performances.landmarks(recipe).points[:, 0]).all()
