import json

import numpy as np
import pytest
import torch

from asl.models.features.phon36 import PARTS
from asl.pipelines.media.pose_files import write_pose
from asl.pipelines.training.stage1_model import encoded_frames, load_stage_1, predicted_frames
from tests.made_up_signing import signing, write_corpus
from tests.running_asl import result, run_asl


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """A workspace of three made-up signers with a finished pre-training."""
    folder = tmp_path_factory.mktemp("pretrained") / "ws"
    poses = write_corpus(folder.parent / "poses", glosses=4, clips=6, groups=3)
    run_asl("init", folder, check=0)
    run_asl("extract", "-w", folder, "--poses", poses, "--test-groups", "signer2", "--validation-groups", "signer1", check=0)
    done = run_asl("pretrain", "-w", folder, "--epochs", "3", "--name", "one", "--threads", "1", "--format", "json", check=0)
    return folder, result(done)


def test_pretraining_learns_codes_and_says_how_it_went(pretrained):
    folder, said = pretrained
    figures = said["metrics"]
    assert figures["train_clips"] == 8
    assert all(0 <= figures[f"probe_{of}top_1"] <= 1 for of in ("", "of_encoder_", "of_phon36_"))
    assert figures["codes_used_H"] > 0.9
    history = [json.loads(line) for line in (folder / "models/one/metrics.jsonl").read_text().splitlines()]
    assert history[-1]["loss"] < history[0]["loss"]
    assert all("validation_loss" in epoch for epoch in history)
    page = (folder / "reports/pretrain.html").read_text()
    assert page.count("<svg") > 10
    assert 'd="M' in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_what_it_says_of_frames_can_be_read_again(pretrained):
    folder, _ = pretrained
    model, tensors = load_stage_1(folder / "models/one")
    values = np.random.default_rng(0).normal(size=(7, len(tensors["mean"]) + 2)).astype(np.float32)
    said = predicted_frames(model, values)
    assert said.shape == (7, 36)  # no tiers here: near what each part of phon36 lies, and nothing else
    encoded = torch.from_numpy(encoded_frames(model, values))
    expected = torch.cat([encoded @ tensors[f"parts.{part}.weight"].T + tensors[f"parts.{part}.bias"] for part in PARTS], dim=1)
    assert np.allclose(said, expected, atol=1e-5)


def test_it_is_done_once_and_can_be_taken_up(pretrained, asl):
    folder, _ = pretrained
    again = result(asl("pretrain", "-w", folder, "--epochs", "3", "--name", "one", "--threads", "1", "--format", "json", check=0))
    assert not again["ran"]
    assert "would run" in asl("pretrain", "-w", folder, "--epochs", "4", "--dry-run", check=0).stderr
    other = asl("pretrain", "-w", folder, "--epochs", "3", "--name", "two", "--threads", "1", "--dry-run", check=0)
    assert "the last run made one" in other.stderr


def test_training_starts_from_it_and_names_what_does_not_fit(pretrained, asl):
    folder, _ = pretrained
    train = ("train-ctc", "-w", folder, "--epochs", "2", "--threads", "1", "--pretrained", "one")
    asl(*train, "--name", "warm", check=0)
    refused = asl(*train, "--hidden", "8", check=2)
    assert "its hidden is" in refused.stderr
    assert "--hidden" in refused.stderr
    refused = asl(*train, "--features", "phon36+landmarks", check=2)
    assert "its inputs is" in refused.stderr
    assert "kind" in asl(*train, "--encoder", "tcn", check=2).stderr


def test_a_pretrained_encoder_is_no_translator(pretrained, asl, tmp_path):
    folder, _ = pretrained
    write_pose(tmp_path / "a.pose", signing(0))
    done = asl("translate", "-w", folder, tmp_path / "a.pose", "--model", "one", check=2)
    assert "without glosses" in done.stderr
    assert "train-ctc --pretrained one" in done.stderr


def test_features_without_phonology_are_refused(pretrained, asl):
    folder, _ = pretrained
    done = asl("pretrain", "-w", folder, "--features", "landmarks", "--epochs", "1", check=2)
    assert "codebooks" in done.stderr
    assert "phon36+landmarks" in done.stderr


def test_phonology_is_taught_by_asl_lex_and_shown(pretrained, asl, tmp_path):
    folder, _ = pretrained
    columns = "EntryID,Handshape.2.0,MajorLocation.2.0,MinorLocation.2.0,Movement.2.0,SignType.2.0"
    rows = [f"sign_{i},{'5' if i < 2 else 'a'},Neutral,Neutral,Straight,OneHanded".replace("sign_", "sign") for i in range(4)]
    (tmp_path / "lex.csv").write_text("\n".join([columns, *rows]) + "\n")
    write_pose(tmp_path / "a.pose", signing(0, seed=77))
    translate = ("translate", "-w", folder, tmp_path / "a.pose", "--isolated", "--phonology")
    asl("train-ctc", "-w", folder, "--epochs", "2", "--name", "plain", check=0)
    assert "trained without phonology" in asl(*translate, "--model", "plain", check=2).stderr
    asl("train-ctc", "-w", folder, "--epochs", "12", "--asl-lex", tmp_path / "lex.csv", "--name", "lex", check=0)
    (tmp_path / "lex.csv").write_text("\n".join([columns, *reversed(rows)]) + "\n")
    changed = asl(
        "train-ctc", "-w", folder, "--epochs", "12", "--asl-lex", tmp_path / "lex.csv", "--name", "lex", "--dry-run", check=0
    )
    assert "asl_lex changed" in changed.stderr, "the content counts, not the name"
    text = asl(*translate, "--model", "lex", check=0).stdout
    assert "sign handshape" in text
    (clip,) = json.loads(asl(*translate, "--model", "lex", "--format", "json", check=0).stdout)["clips"]
    classes = clip["tokens"][0]["phonology"]
    assert classes["sign handshape"]["class"] in ("5", "a")
    assert classes["sign major location"] == {"class": "Neutral", "confidence": 1.0}
    assert "sign type" in asl(*translate, "--model", "lex", "--format", "tsv", check=0).stdout.splitlines()[0]
    assert "sign type" in asl(*translate, "--model", "lex", "--format", "eaf", check=0).stdout


@pytest.mark.parametrize(
    ("text", "words"), [(None, "cannot read"), ("a,b\n1,2\n", "has no column"), ("", "has no column")]
)  # fmt: skip
def test_a_file_that_is_no_asl_lex_is_refused(pretrained, asl, tmp_path, text, words):
    folder, _ = pretrained
    if text is not None:
        (tmp_path / "lex.csv").write_text(text)
    done = asl("train-ctc", "-w", folder, "--epochs", "1", "--asl-lex", tmp_path / "lex.csv", check=2)
    assert words in done.stderr
