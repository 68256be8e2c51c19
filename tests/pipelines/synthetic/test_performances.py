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
from asl.pipelines.synthetic.lexicon import everyday_signs
from asl.pipelines.workspace.errors import BadClip, BadInput
from asl.pipelines.workspace.settings.clips import SyntheticSettings

RECIPE = performances.Recipe("everyday", 0, "", 0, 5, 0, 25.0, True)
TIERS = ("handshape", "location", "orientation", "movement", "face")


def tiers(performance) -> dict[str, list[Segment]]:
    by_tier: dict[str, list[Segment]] = {}
    for segment in performance.segments:
        by_tier.setdefault(segment.tier, []).append(segment)
    return by_tier


def test_a_recipe_gives_the_same_bytes_in_another_process():
    code = (
        "import hashlib, json, sys\n"
        "from asl.pipelines.synthetic import performances\n"
        "landmarks = performances.landmarks(performances.parse_recipe(sys.argv[1]))\n"
        "print(hashlib.sha256(landmarks.points.tobytes()).hexdigest())"
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
        performances.landmarks(recipe).points
        for recipe in (base, replace(base, take=1), replace(base, signer=6), replace(base, seed=1))
    ]
    for i, a in enumerate(points):
        for b in points[:i]:
            assert a.shape != b.shape or not np.array_equal(a, b, equal_nan=True)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"lexicon": 1}', json.dumps(vars(replace(RECIPE, version=99)))])
def test_a_damaged_recipe_is_refused(text):
    with pytest.raises(BadClip, match=r"synthetic clip|version"):
        performances.parse_recipe(text)


def test_sentences_introduce_every_locus_before_use():
    grammar = sentences.Grammar(everyday_signs())
    kinds = set()
    for seed in range(400):
        bound = set()
        for word in grammar.sentence(np.random.default_rng(seed)):
            kinds.add(word.kind)
            if word.introduces:
                assert word.goal not in bound
                bound.add(word.goal)
            for locus in (word.source, word.goal):
                assert locus in ("", "1") or locus in bound
    assert kinds == {"sign", "point", "spelled", "agree", "fused"}


@pytest.mark.parametrize("take", range(40))
def test_the_annotations_of_a_sentence_are_complete_and_ordered(take):
    performance = performances.perform(replace(RECIPE, take=take))
    by_tier, seconds = tiers(performance), len(performance.tracks) / RECIPE.fps
    assert tuple(segment.value for segment in by_tier["gloss"]) == performance.glosses
    starts = [segment.start for segment in by_tier["gloss"]]
    assert starts == sorted(starts)
    for tier in TIERS:
        runs = by_tier[tier]
        assert runs[0].start == 0
        assert runs[-1].end == pytest.approx(seconds, abs=1e-3)
        for before, after in pairwise(runs):
            assert before.end == pytest.approx(after.start, abs=1e-3)
            assert before.value != after.value
    fused = [segment for segment in by_tier.get("form", []) if segment.value.startswith("fused")]
    for segment in fused:
        _, verb, thing = segment.value.split()
        shared = [gloss.value for gloss in by_tier["gloss"] if (gloss.start, gloss.end) == (segment.start, segment.end)]
        assert len(shared) == 2
        assert verb in shared[0]
        assert shared[1] == thing


def test_annotated_loci_have_the_direction_of_the_pointing_hand():
    """The annotated direction of a locus is that from the neck to the wrist while the signer points at it (SPEC §8)."""
    from asl.pipelines.synthetic.skeleton import body_of, landmarks_of

    checked = 0
    for take in range(60):
        performance = performances.perform(replace(RECIPE, take=take))
        by_tier = tiers(performance)
        for locus in by_tier.get("locus", []):
            name, _, *coordinates = locus.value.split()
            pointing = next(s for s in by_tier["reference"] if s.value == f"introduce {name}")
            frame = round((pointing.start + pointing.end) / 2 * RECIPE.fps)
            points = landmarks_of(body_of(performance.tracks, performance.signer))[frame]
            wrist = points[16 if performance.signer.right_handed else 15]
            direction = np.array(coordinates, dtype=float)
            assert np.degrees(np.arccos(wrist @ direction / np.linalg.norm(wrist) / np.linalg.norm(direction))) < 10
            checked += 1
    assert checked > 10


def test_a_corpus_has_the_requested_clips(tmp_path):
    settings = SyntheticSettings(signs=5, clips=4, signers=2, sentences=3)
    clips = list(synthetic.clips(settings, tmp_path))
    assert len(clips) == 5 * 4 + 3
    assert len({clip.name for clip in clips}) == len(clips)
    assert {clip.group for clip in clips} == {"synthetic-0", "synthetic-1"}
    assert all(clip.segments for clip in clips)
    for gloss in {clip.glosses for clip in clips[:20]}:
        assert {clip.group for clip in clips if clip.glosses == gloss} == {"synthetic-0", "synthetic-1"}


def test_too_many_signs_and_missing_lexicons_are_refused(tmp_path):
    with pytest.raises(BadInput, match=r"--signs 500"):
        list(synthetic.clips(SyntheticSettings(signs=500), tmp_path))
    with pytest.raises(BadInput, match="no file"):
        list(synthetic.clips(SyntheticSettings(lexicon="nowhere.csv"), tmp_path))


def test_a_gloss_cannot_name_a_path_outside_the_folder(tmp_path):
    file = tmp_path / "mine.csv"
    file.write_text("gloss,handshape,location\n../../../EVIL,F,chin\n/etc/PASSWD,C,chin\n" + "X" * 3000 + ",C,mouth\n")
    settings = SyntheticSettings(lexicon=str(file), clips=1, video=True)
    for clip in synthetic.clips(settings, tmp_path / "videos"):
        assert clip.path.resolve().parent.parent == (tmp_path / "videos").resolve()
        assert len(clip.path.name) < 120


def test_ten_thousand_signs_can_be_invented(tmp_path):
    settings = SyntheticSettings(lexicon="invented", signs=10_000, clips=1)
    assert len(performances.vocabulary(settings.lexicon, settings.signs, 0)) == 10_000
    recipe = performances.Recipe("invented", 10_000, "SYN-09999", 0, 1, 0, 25.0, True)
    assert np.isfinite(performances.landmarks(recipe).points[:, 0]).all()
