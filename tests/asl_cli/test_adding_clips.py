"""`asl extract --add`: splits and copies over the clips of all runs."""

import json
import shutil

import pytest

from asl.pipelines.media.pose_files import write_pose
from asl.pipelines.workspace.folder import open_workspace
from tests.made_up_signing import signing, write_corpus
from tests.running_asl import result


@pytest.fixture
def workspace(tmp_path, asl):
    asl("init", tmp_path / "ws", check=0)
    return tmp_path / "ws"


def write_signers(folder, signers, clips=3, first=0):
    """Clips of these signers, none a copy of another; `first` numbers them."""
    for signer in signers:
        for i in range(first, first + clips):
            write_pose(folder / f"signer{signer}__sign{i % 2}__{i}.pose", signing(i % 2, seed=100 * signer + i))
    return folder


def listed(workspace):
    return [json.loads(line) for line in (workspace / "clips.jsonl").read_text().splitlines()]


def splits_of_groups(workspace):
    splits = {}
    for clip in listed(workspace):
        splits.setdefault(clip["group"], set()).add(clip["split"])
    return splits


def write_list(workspace, clips):
    (workspace / "clips.jsonl").write_text("".join(json.dumps(clip) + "\n" for clip in clips))


def as_an_older_version_wrote(clips):
    return [{key: value for key, value in clip.items() if key not in ("given_split", "tracker")} for clip in clips]


def write_manifest(folder, rows):
    lines = [f"{name},A,{signer},{split}" for name, signer, split in rows]
    (folder / "clips.csv").write_text("path,gloss,signer,split\n" + "\n".join(lines) + "\n")
    return folder / "clips.csv"


def given_clips(folder):
    """A manifest with a split of its own, whose two signers are in all three."""
    names = [path.name for path in sorted(write_signers(folder, (8, 9)).iterdir())]
    splits = ("train", "validation", "test")
    return write_manifest(folder, [(name, name[:7], splits[i % 3]) for i, name in enumerate(names)])


def test_no_group_is_in_two_splits_after_clips_are_added(workspace, asl, tmp_path):
    asl("extract", "-w", workspace, "--poses", write_signers(tmp_path / "a", range(8)), check=0)
    add = ("extract", "-w", workspace, "--poses", write_signers(tmp_path / "b", range(12), first=3), "--add")
    added = result(asl(*add, "--format", "json", check=0))["metrics"]
    assert added["split_by"] == "group"
    splits = splits_of_groups(workspace)
    assert all(len(of_group) == 1 for of_group in splits.values()), splits
    assert {name for of_group in splits.values() for name in of_group} == {"train", "validation", "test"}
    assert all(clip["given_split"] == "" for clip in listed(workspace))


def test_a_held_out_signer_stays_held_out(workspace, asl, tmp_path):
    first = ("--poses", write_signers(tmp_path / "a", range(3)), "--test-groups", "signer1")
    asl("extract", "-w", workspace, *first, check=0)
    more = write_signers(tmp_path / "b", range(3), first=3)
    added = result(asl("extract", "-w", workspace, "--poses", more, "--add", "--format", "json", check=0))["metrics"]
    assert (added["split_by"], added["clips"]) == ("group", 18)
    assert splits_of_groups(workspace) == {"signer0": {"train"}, "signer1": {"test"}, "signer2": {"train"}}
    asl("extract", "-w", workspace, "--poses", more, "--add", "--test-groups", "signer2", check=0)
    assert splits_of_groups(workspace)["signer1"] == {"train"}, "a flag counts more than the run before"


def test_added_clips_are_read_with_the_aliases_of_the_others(workspace, asl, tmp_path):
    (tmp_path / "aliases.csv").write_text("alias,gloss\nsign1,sign0\n")
    first = ("--poses", write_signers(tmp_path / "a", (1,)), "--aliases", tmp_path / "aliases.csv")
    asl("extract", "-w", workspace, *first, check=0)
    asl("extract", "-w", workspace, "--poses", write_signers(tmp_path / "b", (2,)), "--add", check=0)
    assert {tuple(clip["glosses"]) for clip in listed(workspace)} == {("SIGN0",)}
    assert (workspace / ".asl" / "aliases.csv").is_file(), "evaluations read it"
    asl("extract", "-w", workspace, "--poses", write_signers(tmp_path / "c", (3,)), check=0)
    assert {tuple(clip["glosses"]) for clip in listed(workspace)} == {("SIGN0",), ("SIGN1",)}


def test_clips_in_another_split_than_before_are_reported(workspace, asl, tmp_path):
    poses = write_signers(tmp_path / "a", range(3))
    asl("extract", "-w", workspace, "--poses", poses, "--test-groups", "signer1", check=0)
    more = ("--poses", write_signers(tmp_path / "b", range(3), first=3), "--test-groups", "signer2")
    assert "6 earlier clips are in another split now" in asl("extract", "-w", workspace, *more, "--add", check=0).stderr


def test_a_dropped_copy_does_not_come_back(workspace, asl, tmp_path):
    poses = write_corpus(tmp_path / "poses", glosses=3, clips=6, groups=2)
    shutil.copy(poses / "signer0__sign1__2.pose", poses / "signer1__sign1__copy.pose")
    first = ("--poses", poses, "--test-groups", "signer1", "--drop-duplicates")
    asl("extract", "-w", workspace, *first, check=0)
    more = write_signers(tmp_path / "b", (5,))
    added = result(asl("extract", "-w", workspace, "--poses", more, "--add", "--format", "json", check=0))["metrics"]
    assert added["left_out_as_duplicates"] == 1
    assert [clip["name"] for clip in listed(workspace) if not clip["split"]] == ["signer0__sign1__2.pose"]
    asl("extract", "-w", workspace, "--poses", poses, "--test-groups", "signer1", "--allow-duplicates", check=0)
    more = write_signers(tmp_path / "c", (6,))
    assert "copy in another split" in asl("extract", "-w", workspace, "--poses", more, "--add", check=2).stderr


def test_a_given_split_outlives_an_addition(workspace, asl, tmp_path):
    asl("extract", "-w", workspace, "--manifest", given_clips(tmp_path / "a"), check=0)
    before = {clip["id"]: clip["split"] for clip in listed(workspace)}
    added = asl("extract", "-w", workspace, "--poses", write_signers(tmp_path / "b", (1,)), "--add", check=0)
    assert "3 clips without a given split are used for training" in added.stderr
    after = {clip["id"]: clip["split"] for clip in listed(workspace)}
    assert {id: after[id] for id in before} == before
    assert sorted(after[id] for id in after.keys() - before) == ["train"] * 3


def test_a_list_of_an_older_version_is_read(workspace, asl, tmp_path):
    asl("extract", "-w", workspace, "--manifest", given_clips(tmp_path / "a"), check=0)
    old = as_an_older_version_wrote(listed(workspace))
    write_list(workspace, old)
    add = ("extract", "-w", workspace, "--poses", write_signers(tmp_path / "b", (1,)), "--add")
    asl(*add, check=0)
    given_splits = {clip["id"]: clip["given_split"] for clip in listed(workspace)}
    assert {clip["id"]: given_splits[clip["id"]] for clip in old} == {clip["id"]: clip["split"] for clip in old}


def test_splits_that_an_older_version_mixed_up_are_not_taken_as_given(workspace, asl, tmp_path):
    asl("extract", "-w", workspace, "--poses", write_signers(tmp_path / "a", range(6)), check=0)
    asl("extract", "-w", workspace, "--poses", write_signers(tmp_path / "b", range(6), first=3), "--add", check=0)
    mixed = [clip | {"split": "test" if i % 2 else "train"} for i, clip in enumerate(listed(workspace))]
    write_list(workspace, as_an_older_version_wrote(mixed))
    file = open_workspace(workspace).file
    file.write_text(file.read_text().replace('split_by = "group"', 'split_by = "given"'))
    add = ("extract", "-w", workspace, "--poses", write_signers(tmp_path / "c", range(6), first=6), "--add", "--format", "json")
    added = asl(*add, check=0)
    assert "did not store the given split" in added.stderr
    assert result(added)["metrics"]["split_by"] == "group"
    assert all(len(of_group) == 1 for of_group in splits_of_groups(workspace).values())
