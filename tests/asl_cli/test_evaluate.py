"""`asl evaluate`: what its headline counts, what it is called, and what its intervals cover."""

import json
import shutil
from pathlib import Path

import pytest

from asl.pipelines.deployment.export import _evaluated
from asl.pipelines.recogniser.model import find_model
from asl.pipelines.recogniser.torch_model import load_model
from asl.pipelines.workspace.folder import open_workspace
from tests.running_asl import result


@pytest.fixture
def copy(trained, tmp_path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "ws"))


def change_test_clips(workspace: Path, change) -> None:
    """change: the test clips, as they stand in clips.jsonl, to be changed in place."""
    clips = [json.loads(line) for line in (workspace / "clips.jsonl").read_text().splitlines()]
    change([clip for clip in clips if clip["split"] == "test"])
    (workspace / "clips.jsonl").write_text("".join(json.dumps(clip) + "\n" for clip in clips))


def rename_two(clips: list[dict]) -> None:
    for clip in clips[:2]:
        clip["glosses"] = ["UNHEARD-OF"]


def evaluate(asl, workspace: Path, *words) -> dict:
    return result(asl("evaluate", "-w", workspace, *words, "--format", "json", check=0))


def test_clips_whose_gloss_the_model_lacks_count_as_errors(copy, asl):
    change_test_clips(copy, rename_two)
    results = evaluate(asl, copy)["results"]
    assert results["outside_vocabulary"] == {"UNHEARD-OF": 2}
    assert (results["signs"], results["in_vocabulary"]["signs"]) == (8, 6)
    for key in ("top_1", "read_exactly"):
        assert results[key]["value"] == pytest.approx(6 / 8 * results["in_vocabulary"][key]["value"])
    assert results["top_1"]["high"] < 1
    shown = asl("evaluate", "-w", copy, check=0).stdout
    assert "of those in the vocabulary  6 of 8 signs: top-1 " in shown
    assert "Clips of these glosses count as errors; the tables" in (copy / "reports" / "evaluate-test-ctc-beam.html").read_text()
    card = _evaluated(open_workspace(copy), load_model(find_model(open_workspace(copy), None)))[0]
    assert "of those in the vocabulary, 6 of 8 signs" in card
    assert "95 % intervals over clips" in card


def test_every_decoder_has_its_report(copy, asl):
    first = Path(evaluate(asl, copy)["report"])
    before = first.read_bytes()
    second = evaluate(asl, copy, "--decoder", "greedy")
    assert [first.name, Path(second["report"]).name] == ["evaluate-test-ctc-beam.html", "evaluate-test-greedy.html"]
    assert first.read_bytes() == before
    assert second["results"]["decoder"] == "greedy"
    assert "on the test split, decoder greedy</h1>" in Path(second["report"]).read_text()
    assert "decoder" in asl("evaluate", "-w", copy, "--decoder", "greedy", check=0).stdout


def test_intervals_are_over_groups_if_there_are_several(copy, asl):
    one_group = evaluate(asl, copy)["results"]
    assert "over clips, all of one group" in one_group["intervals"]

    def regroup(clips: list[dict]) -> None:
        for number, clip in enumerate(clips):
            clip["group"] = f"signer{number % 2 + 2}"

    change_test_clips(copy, regroup)
    page = evaluate(asl, copy)
    note = page["results"]["intervals"]
    assert note.startswith("over 2 groups (signers or sources), then the clips of each")
    assert "too narrow" in note
    assert note in Path(page["report"]).read_text()


def test_a_model_of_synthetic_signing_is_named_as_one(signed, asl):
    done = asl("evaluate", "-w", signed, check=0)
    assert "this model was trained on synthetic signing only" in done.stderr
    assert "synthetic signing only" in done.stdout
    assert "on no clip of a person" in (signed / "reports" / "evaluate-test-ctc-beam.html").read_text()
    assert evaluate(asl, signed)["results"]["only_synthetic_training"]
