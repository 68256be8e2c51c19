"""`asl ablate` through the real executable."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.running_asl import result, run_asl

QUICK = ("--epochs", "3")


@pytest.fixture
def workspace(trained, tmp_path) -> Path:
    folder = Path(shutil.copytree(trained, tmp_path / "ws"))
    text = (folder / "asl.toml").read_text()
    (folder / "asl.toml").write_text(text.replace("[pretrain]", "[pretrain]\nepochs = 2", 1))
    return folder


def ablate(workspace: Path, *words, check: int = 0):
    return run_asl("ablate", "-w", workspace, *QUICK, *words, "--format", "json", check=check)


def test_as_written_it_compares_with_pre_training(workspace):
    first = result(ablate(workspace, "--seeds", "2"))
    assert first["results"]["settings"]["patience"] == 0
    assert (first["ran"], first["kept"]) == (4, 0)
    conditions = first["results"]["conditions"]
    assert [one["name"] for one in conditions] == ["baseline", "pre-trained"]
    assert len({one["parameters"] for one in conditions}) == len({one["epochs"] for one in conditions}) == 1
    assert conditions[1]["stage_1_seconds"] > 0 == conditions[0]["stage_1_seconds"]
    comparison = first["results"]["comparisons"][0]
    assert (comparison["primary"], comparison["stars"]) == ("permutation", "n.s.")
    assert comparison["verdict"].startswith("Too few seeds to show an effect: pre-trained vs baseline ")
    assert comparison["verdict"].endswith("cannot give less than 0.5, however large the effect. Use at least six seeds.")
    assert comparison["resolution"] == pytest.approx(100 / first["results"]["test_clips"])
    assert "all of one group" in first["results"]["intervals"]
    page = Path(first["report"]).read_text()
    assert page.count("<img") == 3
    assert "http" not in page.split("<body>")[1].replace("http://www.w3.org", "")
    # Again: nothing runs and nothing changes; one seed more: one run a condition.
    again = result(ablate(workspace, "--seeds", "2"))
    assert (again["ran"], again["kept"], again["results"]) == (0, 4, first["results"])
    more = result(ablate(workspace, "--seeds", "3"))
    assert (more["ran"], more["kept"]) == (2, 4)
    assert [one["scores"][:2] for one in more["results"]["conditions"]] == [one["scores"] for one in conditions]
    assert "ablate" in run_asl("status", "-w", workspace, check=0).stdout


def test_decoders_are_compared_on_the_same_models(workspace):
    found = result(ablate(workspace, "--factor", "decoder=ctc-beam,greedy,cascade", "--seeds", "2"))
    assert found["results"]["metric"]["name"] == "read_exactly"
    assert found["ran"] == 6
    runs = [path for path in (workspace / "experiments").iterdir() if (path / "model.json").is_file()]
    assert len(runs) == 2  # one training a seed, tested in three ways
    assert all(len(list(path.glob("outcome-*.json"))) == 3 for path in runs)
    assert all(len(list(path.glob("graph-*/graph.json"))) == 1 for path in runs)


def test_conditions_with_the_same_settings_share_their_runs(workspace):
    same = ("--condition", "x: dropout=0.1", "--condition", "y: dropout=0.1")
    done = ablate(workspace, *same, "--seeds", "2", "--jobs", "1")
    assert "runs to carry out: 4" in done.stderr
    _, x, y = result(done)["results"]["conditions"]
    assert x["scores"] == y["scores"]
    assert result(done)["ran"] == 4


def test_killed_it_goes_on_and_finds_the_same(workspace, tmp_path):
    words = ("--factor", "dropout=0.4,0.2,0.1", "--seeds", "2", "--jobs", "1")
    whole = result(ablate(workspace, *words))
    other = Path(shutil.copytree(workspace, tmp_path / "other", ignore=shutil.ignore_patterns("experiments")))
    command = [sys.executable, "-m", "asl", "ablate", "-w", str(other), *QUICK, *words]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list((other / "experiments").glob("*/outcome-*.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    done = len(list((other / "experiments").glob("*/outcome-*.json")))
    after = result(ablate(other, *words))
    assert after["kept"] >= done >= 2
    assert after["kept"] + after["ran"] == 6
    assert without_times(after["results"]) == without_times(whole["results"])


def without_times(results: dict) -> str:
    for one in results["conditions"]:
        one.pop("seconds")
    return json.dumps(results)


def test_too_few_seeds_are_warned_of_and_the_default_is_enough(workspace):
    def dry_run(*words):
        return run_asl("ablate", "-w", workspace, "--dry-run", *words, check=0).stderr

    assert "3 seeds can show no effect, however large it is; --seeds 6 is the least that can" in dry_run("--seeds", "3")
    assert "can show no effect" not in dry_run()
    assert "pre-trained, seed 5" in dry_run()
    assert "pre-trained, seed 6" not in dry_run()
    assert "hidden=128, seed 6" in dry_run("--factor", "hidden=32,64,128")


def test_a_dry_run_says_what_would_run(workspace):
    said = run_asl("ablate", "-w", workspace, "--seeds", "2", "--dry-run", check=0).stderr
    assert "pre-trained, seed 1" in said
    assert "0 runs are complete" in said
    assert "how long they take is said after the first" in said, "no pre-training of this workspace was measured"
    assert not (workspace / "experiments").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--seeds", "1"), "one seed is not enough"),
        (("--condition", "big: hidden=32 dropout=0.1"), "is not a matched comparison"),
        (("--factor", "recipe=light,strong"), "is not a matched comparison"),
        (("--condition", "more: epochs=9 dropout=0.1"), "epochs 3 → 9"),
        (("--factor", "pretrained=no,nothing"), "no model 'nothing'"),
        (("--metric", "speed"), "no metric"),
        (("--metric", "wer", "--seeds", "2"), "no test clip with a word error rate in common"),
        (("--factor", "min_clips=1,1000"), "gloss"),
    ],
)
def test_what_cannot_be_compared_is_said(workspace, words, said):
    done = ablate(workspace, *words, check=2)
    assert said in done.stderr
    assert "hint:" in done.stderr


def test_figures_from_elsewhere(tmp_path):
    table = tmp_path / "published.csv"
    rows = [
        "baseline,0,56.52",
        "baseline,1,69.57",
        "baseline,2,58.70",
        "pre-trained,0,58.70",
        "pre-trained,1,54.35",
        "pre-trained,2,58.70",
    ]
    table.write_text("condition,seed,score\n" + "\n".join(rows) + "\n")
    found = result(run_asl("ablate", "--import", table, "--unpaired", "--format", "json", cwd=tmp_path, check=0))
    one = found["results"]["comparisons"][0]
    assert abs(one["tests"]["student"]["statistic"]) == pytest.approx(1.01, abs=0.005)
    assert one["tests"]["student"]["p"] == pytest.approx(0.37, abs=0.005)
    assert one["verdict"].startswith("Too few seeds to show an effect: pre-trained vs baseline −4.35 points [")
    assert "Too few seeds to show an effect" in (tmp_path / "published-ablation.html").read_text()


def test_scores_that_differ_by_one_clip_in_every_seed_show_nothing_in_three(tmp_path):
    right = {"a": (24, 27, 22), "b": (25, 28, 23)}
    rows = [f"{name},{seed},{clips / 46:.16f}" for name, counts in right.items() for seed, clips in enumerate(counts)]
    (tmp_path / "t.csv").write_text("condition,seed,score\n" + "\n".join(rows) + "\n")
    study = result(run_asl("ablate", "--import", "t.csv", "--format", "json", cwd=tmp_path, check=0))["results"]
    comparison = study["comparisons"][0]
    assert comparison["resolution"] == pytest.approx(1 / 46)
    assert (comparison["primary"], comparison["why_exact"], comparison["p_holm"]) == ("permutation", "small spread", 0.25)
    assert comparison["interval"] is comparison["detectable"] is None
    assert "paired" not in comparison["tests"]
    done = run_asl("ablate", "--import", "t.csv", cwd=tmp_path, env={"COLUMNS": "200"}, check=0)
    assert "0.250 n.s." in done.stdout
    assert "*" not in done.stdout
    assert done.stderr == "report: t-ablation.html\n"
    page = (tmp_path / "t-ablation.html").read_text()
    assert "t tests are left out where the spread is below one step" in page
    assert "paired t</td>" not in page


@pytest.mark.parametrize(
    ("scores", "shown"),
    [
        (("0.5", "0.52", "0.61", "0.63"), ("0.50  ", "0.510", "+0.110, p = 0.5 ")),
        (("50", "52", "61", "66"), ("50  ", "51.0", "+12.5 points [")),
        (("40.20", "36.27", "39.22", "40.2"), ("40.20  ", "38.23", "+1.48 points [")),
    ],
)
def test_imported_scores_keep_their_digits(tmp_path, scores, shown):
    runs = (("a", 0), ("a", 1), ("b", 0), ("b", 1))
    rows = [f"{name},{seed},{score}" for (name, seed), score in zip(runs, scores, strict=True)]
    (tmp_path / "t.csv").write_text("condition,seed,score\n" + "\n".join(rows) + "\n")
    printed = run_asl("ablate", "--import", "t.csv", cwd=tmp_path, check=0).stdout
    assert all(text in printed for text in shown)
    assert ("points" in printed) == ("points" in shown[-1])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("condition,score\na,1\n", "no column 'seed'"),
        ("condition,seed,score\n", "no rows"),
        ("condition,seed,score\na,0,x\n", "line 2"),
        ("condition,seed,score\na,0,1\na,0,2\n", "twice"),
        ("condition,seed,score\na,0,1\na,1,2\n", "one condition"),
        ("condition,seed,score\na,0,1\nb,0,2\n", "1 seed"),
    ],
)
def test_a_table_that_is_none(tmp_path, text, said):
    (tmp_path / "t.csv").write_text(text)
    assert said in run_asl("ablate", "--import", "t.csv", cwd=tmp_path, check=2).stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--modalities", "--factor", "dropout=0.1,0.2"),
        ("--import", "x.csv", "--modalities"),
        ("--import", "x.csv", "--grid"),
        ("--import", "x.csv", "--dry-run"),
    ],
)
def test_one_study_at_a_time(tmp_path, words):
    assert "hint: " in run_asl("ablate", *words, cwd=tmp_path, check=2).stderr


def test_modalities_are_weighed(workspace):
    dry = run_asl("ablate", "-w", workspace, *QUICK, "--modalities", "--seeds", "2", "--dry-run", check=0)
    assert "hands+face, seed 1" in dry.stderr
    assert not (workspace / "reports" / "modalities.html").exists()
    found = result(ablate(workspace, "--modalities", "--seeds", "2"))
    assert [one["modality"] for one in found["results"]["steps"]] == ["hands", "face", "body"]
    assert all(one["milliseconds"] > 0 for one in found["results"]["steps"])
    assert found["results"]["features"] == "phon36+landmarks"
    assert "<table>" in Path(found["report"]).read_text()


@pytest.mark.parametrize(
    ("table", "page"), [("t.csv", "t.csv"), ("t.json", "t.html"), ("t.csv", "mine.html"), ("t.csv", "r.json")]
)
def test_an_analysis_of_scores_replaces_neither_the_table_nor_what_somebody_wrote(tmp_path, table, page):
    scores = "condition,seed,score\na,0,50\na,1,52\nb,0,51\nb,1,53\n"
    (tmp_path / table).write_text(scores)
    (tmp_path / "mine.html").write_text("mine")
    before = sorted(tmp_path.iterdir())
    done = run_asl("ablate", "--import", table, "-o", page, cwd=tmp_path, check=2)
    assert "hint: name " in done.stderr
    assert ((tmp_path / table).read_text(), (tmp_path / "mine.html").read_text()) == (scores, "mine")
    assert sorted(tmp_path.iterdir()) == before


def test_an_analysis_of_scores_can_be_repeated_and_replaces_files_on_request(tmp_path):
    (tmp_path / "t.csv").write_text("condition,seed,score\na,0,50\na,1,52\nb,0,51\nb,1,53\n")
    for _ in range(2):
        run_asl("ablate", "--import", "t.csv", cwd=tmp_path, check=0)
    (tmp_path / "t-ablation.html").write_text("notes")
    assert "asl did not write it" in run_asl("ablate", "--import", "t.csv", cwd=tmp_path, check=2).stderr
    run_asl("ablate", "--import", "t.csv", "--overwrite", cwd=tmp_path, check=0)
