"""The stages through the real executable on temporary workspaces."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from asl.pipelines.media.pose_files import write_pose
from asl.pipelines.workspace.code_versions import VERSIONS
from tests.made_up_signing import signing, write_corpus
from tests.running_asl import result
from tests.video_files import film


@pytest.fixture
def workspace(tmp_path, asl):
    asl("init", tmp_path / "ws", check=0)
    return tmp_path / "ws"


@pytest.fixture
def copy(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "ws")
    return tmp_path / "ws"


def test_the_whole_road(trained, asl, tmp_path):
    found = result(asl("evaluate", "-w", trained, "--format", "json", check=0))["results"]
    assert found["signs"] == 8
    assert found["top_1"]["value"] >= 0.8
    assert (trained / "reports" / "evaluate-test-ctc-beam.html").stat().st_size > 10_000
    (model, _) = result(asl("models", "-w", trained, "--format", "json", check=0))["models"]
    assert (model["scores"][0]["split"], model["scores"][0]["signs"]) == ("test", found["signs"])
    assert model["scores"][0]["figures"]["top_1"] == found["top_1"]
    write_pose(tmp_path / "unseen.pose", signing(2, seed=99))
    said = asl("translate", "-w", trained, tmp_path / "unseen.pose", "--isolated", check=0)
    assert "SIGN2" in said.stdout
    assert said.stderr == ""


def test_status_follows_the_work(workspace, asl, tmp_path):
    rows = result(asl("status", "-w", workspace, "--format", "json", check=0))
    assert {row["state"] for row in rows["stages"]} == {"missing"}
    assert rows["next"].startswith("asl extract")
    poses = write_corpus(tmp_path / "poses")
    asl("extract", "-w", workspace, "--poses", poses, "--test-groups", "signer2", check=0)
    asl("train-ctc", "-w", workspace, "--epochs", "2", check=0)
    rows = result(asl("status", "-w", workspace, "--format", "json", check=0))
    assert [row["name"] for row in rows["stages"] if row["state"] == "done"] == ["extract", "train-ctc"]
    assert rows["next"] == "asl evaluate"
    file = workspace / "asl.toml"
    file.write_text(file.read_text().replace("# epochs = 60", "epochs = 3", 1))
    rows = result(asl("status", "-w", workspace, "--format", "json", check=0))
    assert rows["stages"][2]["state"] == "stale"
    assert "epochs" in rows["stages"][2]["detail"]


def test_status_sees_a_setting_that_is_back_at_its_default(workspace, asl, tmp_path):
    def detail(stage: str) -> str:
        rows = result(asl("status", "-w", workspace, "--format", "json", check=0))["stages"]
        (row,) = (row for row in rows if row["name"] == stage)
        assert row["state"] == ("stale" if "→" in row["detail"] else "done"), row
        return row["detail"]

    poses, file = write_corpus(tmp_path / "poses"), workspace / "asl.toml"
    written = file.read_text()
    file.write_text(written.replace("# epochs = 60", "epochs = 2", 1).replace("# split_seed = 0", "split_seed = 4"))
    asl("extract", "-w", workspace, "--poses", poses, check=0)
    asl("train-ctc", "-w", workspace, "--dropout", "0.2", check=0)
    assert "→" not in detail("extract") + detail("train-ctc"), "flags are not compared"
    text = file.read_text().replace("\nepochs = 2", "\n# epochs = 2", 1)
    file.write_text(text.replace("\nsplit_seed = 4", "\n# split_seed = 4", 1))
    assert "epochs: 2 → 60" in detail("train-ctc")
    assert "split_seed: 4 → 0" in detail("extract")
    asl("extract", "-w", workspace, check=0)
    assert "→" not in detail("extract"), "the sources are those of the run before"


def test_settings_are_shown_with_their_origin(workspace, asl):
    file = workspace / "asl.toml"
    file.write_text(file.read_text().replace("# epochs = 60", "epochs = 3", 1))
    rows = result(asl("status", "-w", workspace, "--settings", "--format", "json", env={"ASL_DECODE_BEAM": "4"}, check=0))[
        "settings"
    ]
    origin = {(row["section"], row["key"]): (row["value"], row["origin"]) for row in rows}
    assert origin["train", "epochs"] == (3, "file")
    assert origin["decode", "beam"] == (4, "environment")
    assert origin["encoder", "hidden"] == (0, "default")


def test_a_stage_is_skipped_forced_and_dry_run(workspace, asl, tmp_path):
    poses = write_corpus(tmp_path / "poses", glosses=2, clips=3)
    extract = ("extract", "-w", workspace, "--poses", poses, "--format", "json")
    dry = result(asl(*extract, "--dry-run", check=0))
    assert dry["metrics"]["to_extract"] == 6
    assert not (workspace / "clips.jsonl").exists()
    assert result(asl(*extract, check=0))["ran"]
    before = (workspace / "clips.jsonl").read_bytes()
    again = result(asl(*extract, check=0))
    assert not again["ran"]
    assert "up to date" in again["why"]
    assert result(asl(*extract, "--force", check=0))["ran"]
    assert (workspace / "clips.jsonl").read_bytes() == before
    assert result(asl("extract", "-w", workspace, "--format", "json", check=0))["why"].startswith("up to date"), (
        "no source: the last run's"
    )
    next(workspace.glob("landmarks/*/*.pose")).unlink()
    assert "missing" in result(asl(*extract, check=0))["why"]
    assert (workspace / "clips.jsonl").read_bytes() == before


def test_few_clips_leave_none_to_test_and_no_evaluation_is_suggested(workspace, asl, tmp_path):
    poses = write_corpus(tmp_path / "poses", glosses=5, clips=1)
    done = asl("extract", "-w", workspace, "--poses", poses, check=0)
    assert "the test split is empty, because 15 % of 5 clips is less than one" in done.stderr
    done = asl("train-ctc", "-w", workspace, "--epochs", "1", check=0)
    assert "next: asl translate VIDEO" in done.stderr
    assert "asl evaluate" not in done.stderr
    assert result(asl("status", "-w", workspace, "--format", "json", check=0))["next"] == "asl translate VIDEO"


def test_sources_are_replaced_or_added(workspace, asl, tmp_path):
    first, second = (write_corpus(tmp_path / name, glosses=2, clips=clips) for name, clips in (("a", 3), ("b", 2)))
    asl("extract", "-w", workspace, "--poses", first, check=0)
    done = asl("extract", "-w", workspace, "--poses", second, "--add", "--allow-duplicates", "--format", "json", check=0)
    assert result(done)["metrics"]["clips"] == 6, "the four clips of both are the same files"
    assert result(asl("extract", "-w", workspace, "--poses", second, "--format", "json", check=0))["metrics"]["clips"] == 4


def test_copies_across_splits_are_refused_dropped_or_allowed(workspace, asl, tmp_path):
    poses = write_corpus(tmp_path / "poses", glosses=3, clips=6, groups=2)
    shutil.copy(poses / "signer0__sign1__2.pose", poses / "signer1__sign1__copy.pose")
    extract = ("extract", "-w", workspace, "--poses", poses, "--test-groups", "signer1", "--format", "json")
    refused = asl(*extract, check=2)
    assert "copy in another split" in refused.stderr
    assert "signer0__sign1__2.pose" in (workspace / "duplicates.csv").read_text()
    dropped = result(asl(*extract, "--drop-duplicates", check=0))["metrics"]
    assert (dropped["left_out_as_duplicates"], dropped["train"], dropped["test"]) == (1, 8, 10)
    assert result(asl(*extract, "--allow-duplicates", check=0))["metrics"]["duplicates_across_splits"] == 1


def test_earlier_stages_are_asked_for(workspace, asl, tmp_path):
    for words in (("train-ctc",), ("evaluate",), ("build-fst",), ("export",), ("ablate",), ("scale",)):
        done = asl(*words, "-w", workspace, check=4)
        assert "hint: asl " in done.stderr
    # Only reading needs no earlier stage: asl has a model of its own, and says that it is that one.
    write_pose(tmp_path / "a.pose", signing(0))
    words, fresh = ("translate", tmp_path / "a.pose", "-w", workspace), {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    notice = "using the model that comes with asl"
    assert notice not in asl(*words, "--quiet", env=fresh, check=0).stderr
    assert notice in asl(*words, env=fresh, check=0).stderr
    assert notice not in asl(*words, "--model", "shipped", env=fresh, check=0).stderr  # said once is enough


def test_pretraining_must_fit(copy, asl):
    name = next((copy / "models").iterdir()).name
    asl("train-ctc", "-w", copy, "--epochs", "1", "--pretrained", name, "--name", "warm", check=0)
    done = asl("train-ctc", "-w", copy, "--epochs", "1", "--hidden", "8", "--pretrained", name, check=2)
    assert "does not fit" in done.stderr
    assert "no model 'worm'" in asl("evaluate", "-w", copy, "--model", "worm", check=2).stderr


def test_cuda_is_refused_where_there_is_none(copy, asl):
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    assert "no CUDA" in asl("train-ctc", "-w", copy, "--device", "cuda", check=2).stderr


def test_a_damaged_workspace_is_said_to_be_damaged(copy, asl):
    pose = next(copy.glob("landmarks/*/*.pose"))
    pose.write_bytes(pose.read_bytes()[:-4] + b"\0\0\0\1")
    shutil.rmtree(copy / "features")
    assert "missing or damaged" in asl("train-ctc", "-w", copy, "--force", check=1).stderr
    (copy / "clips.jsonl").write_text("{]\n")
    assert "clips.jsonl is damaged" in asl("evaluate", "-w", copy, check=4).stderr


def test_output_goes_where_it_was_sent(trained, asl, tmp_path):
    for seed in range(2):
        write_pose(tmp_path / "in" / f"clip {seed} é.pose", signing(seed, seed))
    translate = ("translate", "-w", trained, tmp_path / "in")
    asl(*translate, "--format", "json", "--format", "srt", "--format", "eaf", "-o", tmp_path / "out", check=0)
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".json", ".srt", ".eaf"}
    assert len(list((tmp_path / "out").iterdir())) == 6
    asl(*translate, "--format", "tsv", "-o", tmp_path / "all.tsv", check=0)
    assert (tmp_path / "all.tsv").read_text().startswith("file\tstart")
    for words in (("--format", "srt"), ("--format", "json", "--format", "tsv"), ("--format", "eaf", "-o", tmp_path / "x.eaf")):
        assert "folder" in asl(*translate, *words, check=2).stderr
    asl(*translate, "--overlay", tmp_path / "films", check=0)
    assert len(list((tmp_path / "films").glob("*.mp4"))) == 2
    assert "one file" in asl(*translate, "--overlay", tmp_path / "x.mp4", check=2).stderr


def test_overlays_that_cannot_be_written_are_refused_before_anything_is_loaded(asl, tmp_path):
    clip = tmp_path / "clip.pose"
    write_pose(clip, signing(0))
    video = film(tmp_path / "clip.mp4")
    refused = asl("translate", clip, "--overlay", tmp_path / "x.gif", check=2).stderr
    assert "'.gif'" in refused
    assert ".mp4, .mov, .mkv, .webm" in refused
    for overlay in (video, tmp_path):
        assert f"the output {video} is an input" in asl("translate", video, "--overlay", overlay, check=2).stderr


def test_a_model_translates_outside_a_workspace(trained, asl, tmp_path):
    write_pose(tmp_path / "a.pose", signing(1, 5))
    model = next((trained / "models").iterdir())
    assert "SIGN" in asl("translate", tmp_path / "a.pose", "--isolated", "--model", model, cwd=tmp_path, check=0).stdout


def test_a_model_of_other_features_is_named_and_an_old_card_is_not(copy, asl, tmp_path):
    card = next(copy.glob("models/*/model.json"))
    known = json.loads(card.read_text())
    assert known["code"] == {"features": VERSIONS["features"]}
    write_pose(tmp_path / "a.pose", signing(1, 5))
    commands = [("translate", tmp_path / "a.pose", "--model", card.parent), ("evaluate", "--force"), ("export", "--force")]
    note = f"trained on features of version 1, and this asl computes version {VERSIONS['features']}"
    for code, count in ({"code": {"features": 1}}, 1), ({"code": None}, 0):
        card.write_text(json.dumps(known | code))
        for words in commands:
            assert asl(*words, "-w", copy, check=0).stderr.count(note) == count, words
    card.write_text(json.dumps(known | {"code": {"features": 1}}))
    bundle = copy / "exported"
    asl("export", "-w", copy, "-o", bundle, check=0)
    assert note in asl("translate", tmp_path / "a.pose", "--model", bundle, cwd=tmp_path, check=0).stderr


def test_quiet_says_nothing_on_stderr(trained, asl):
    assert asl("evaluate", "-w", trained, "-q", check=0).stderr == ""


def start(*words) -> subprocess.Popen:
    """A process that can be interrupted, also where the tests themselves run in the background and ignore Ctrl-C."""
    command = [sys.executable, "-m", "asl", *map(str, words)]
    listen = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=listen)


def wait_until(ready, seconds=60):
    end = time.monotonic() + seconds
    while not ready() and time.monotonic() < end:
        time.sleep(0.02)
    assert ready()


def test_a_stopped_training_goes_on_to_the_same_bits(copy, asl):
    train = ("train-ctc", "-w", copy, "--epochs", "20", "--threads", "1", "--seed", "7")
    asl(*train, "--name", "whole", check=0)
    for how in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        running = start(*train, "--name", how.name)
        wait_until((copy / "models" / how.name / "checkpoint.safetensors").is_file)
        running.send_signal(how)
        said = running.communicate(timeout=30)[1]
        if how != signal.SIGKILL:
            assert running.returncode == 130
            assert "interrupted" in said
        done = asl(*train, "--name", how.name, check=0)
        assert "resuming after epoch" in done.stderr
        whole, cut = ((copy / "models" / name / "model.safetensors").read_bytes() for name in ("whole", how.name))
        assert whole == cut, how.name


def test_two_at_once_are_kept_apart(copy, asl):
    running = start("train-ctc", "-w", copy, "--epochs", "2000", "--patience", "0")
    try:
        wait_until((copy / ".asl" / "owner.json").is_file)
        done = asl("extract", "-w", copy, check=1)
        assert "another asl is at work" in done.stderr
        assert str(running.pid) in done.stderr
    finally:
        running.kill()
        running.communicate()


def test_a_read_only_folder_is_said_so(asl, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (tmp_path / "ro").mkdir(mode=0o500)
    assert "permissions" in asl("init", tmp_path / "ro" / "ws", check=1).stderr


def test_videos_without_a_person_are_listed_and_good_neighbours_done(workspace, asl, tmp_path):
    film(tmp_path / "v" / "BOOK" / "gradient.mp4", frames=4)
    (tmp_path / "v" / "BOOK" / "broken.mp4").write_bytes(b"no video")
    done = asl(
        "extract",
        "-w",
        workspace,
        "--videos",
        tmp_path / "v",
        "--poses",
        write_corpus(tmp_path / "p", 2, 2),
        "--format",
        "json",
        check=3,
    )
    found = result(done)
    assert {failure["reason"] for failure in found["failures"]} == {"no-signer", "not-a-video"}
    assert found["metrics"]["clips"] == 4
    assert len((workspace / "failures.jsonl").read_text().splitlines()) == 2
    again = asl("extract", "-w", workspace, "--format", "json", check=3)
    assert not result(again)["ran"]
    assert asl("extract", "-w", workspace, "--force", "--fail-fast", check=3).stderr.startswith("error:")


def test_nothing_usable_is_an_error(workspace, asl, tmp_path):
    (tmp_path / "v" / "A").mkdir(parents=True)
    (tmp_path / "v" / "A" / "nothing.mp4").write_bytes(b"nothing")
    (tmp_path / "v" / "A" / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(10_000))
    done = asl("extract", "-w", workspace, "--videos", tmp_path / "v", check=2)
    assert "none of the clips could be used" in done.stderr
    assert not (workspace / "clips.jsonl").exists()


@pytest.mark.parametrize("option", ["--model", "--workspace", "--graph"])
def test_an_empty_name_is_refused_not_taken_for_the_default(workspace, asl, tmp_path, option):
    write_pose(tmp_path / "a.pose", signing(0))
    done = asl("translate", tmp_path / "a.pose", option, "", cwd=workspace, check=2)
    assert f"{option} is empty" in done.stderr
    assert "leave the option out" in done.stderr
    assert f"{option} is empty" in asl("evaluate", option, " ", cwd=workspace, check=2).stderr


def test_a_wrong_model_is_answered_with_the_models_that_there_are(copy, asl, tmp_path):
    name = next((copy / "models").iterdir()).name
    write_pose(tmp_path / "a.pose", signing(0))
    done = asl("translate", tmp_path / "a.pose", "-w", copy, "--model", "models/gone", check=2)
    assert "no model 'models/gone': there is no such name or path" in done.stderr
    assert f"there are: {name}, shipped" in done.stderr
    assert f"there is: {name}\n" in asl("build-fst", "-w", copy, "--model", "gone", check=2).stderr  # needs one with its weights
    assert "that folder holds no model" in asl("evaluate", "-w", copy, "--model", tmp_path, check=2).stderr
    assert "there is: shipped" in asl("translate", tmp_path / "a.pose", "--model", "gone", cwd=tmp_path, check=2).stderr


def test_aliases_name_the_same_glosses_in_labels_and_models(copy, asl, tmp_path):
    """Half of the test clips are labelled by another name, which the model does not know."""
    evaluate = ("evaluate", "-w", copy, "--format", "json")
    before = result(asl(*evaluate, check=0))["results"]
    clips = (copy / "clips.jsonl").read_text()
    (copy / "clips.jsonl").write_text(clips.replace('["SIGN0"]', '["FIRST"]'))
    assert result(asl(*evaluate, check=0))["results"]["outside_vocabulary"] == {"FIRST": 2}
    table = tmp_path / "aliases.csv"
    table.write_text("alias,gloss\nsign0,first\n")
    named = result(asl(*evaluate, "--aliases", table, check=0))
    assert "aliases changed" in named["why"]
    assert named["results"]["outside_vocabulary"] == {}
    assert named["results"]["top_1"] == before["top_1"]
    assert {row["gloss"] for row in named["results"]["by_gloss"]} == {"FIRST", "SIGN1", "SIGN2", "SIGN3"}
    table.write_text("alias,gloss\nsign0,sign1\n")
    merged = result(asl(*evaluate, "--aliases", table, check=0))["results"]
    assert merged["vocabulary"] == 3
    assert merged["outside_vocabulary"] == {"FIRST": 2}
    table.write_text("alias,gloss\na,b\nb,a\n")
    assert "in a circle" in asl(*evaluate, "--aliases", table, check=2).stderr


def test_aliases_of_the_extraction_count_in_the_evaluation(copy, asl, tmp_path):
    (tmp_path / "aliases.csv").write_text("alias,gloss\nsign0,first\nsign1,first\n")
    words = ("--test-groups", "signer2", "--format", "json")
    done = asl("extract", "-w", copy, "--aliases", "aliases.csv", *words, cwd=tmp_path, check=0)
    assert result(done)["metrics"]["glosses"] == 3
    assert (copy / ".asl" / "aliases.csv").read_text() == "alias,gloss\nSIGN0,FIRST\nSIGN1,FIRST\n"
    found = result(asl("evaluate", "-w", copy, "--format", "json", check=0))["results"]
    assert (found["vocabulary"], found["outside_vocabulary"]) == (3, {})
