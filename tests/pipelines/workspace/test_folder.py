import os
import stat
from datetime import datetime

import pytest

from asl.pipelines.workspace.code_versions import VERSIONS
from asl.pipelines.workspace.errors import AslError, BadInput
from asl.pipelines.workspace.files import HashCache, file_hash, write_atomically
from asl.pipelines.workspace.folder import create_workspace, find_workspace, open_workspace
from asl.pipelines.workspace.plans import Plan


@pytest.fixture
def workspace(tmp_path):
    return create_workspace(tmp_path / "ws")


def plan(**settings) -> Plan:
    return Plan("extract", {"complexity": 1, **settings}, {"clips": "abc"})


def run(workspace, made: Plan, text="result"):
    output = workspace.folder / "clips.jsonl"
    write_atomically(output, text)
    workspace.record(made, datetime.now().astimezone(), {"clips.jsonl": file_hash(output)}, {"clips": 3})


def test_a_stage_runs_once_and_again_when_settings_inputs_code_or_outputs_change(workspace, monkeypatch):
    assert workspace.decide(plan()).reason == "it has not run yet"
    run(workspace, plan())
    again = open_workspace(workspace.folder)
    assert not again.decide(plan()).run
    assert again.decide(plan(), force=True).run
    assert "complexity: 1 → 2" in again.decide(plan(complexity=2)).reason
    assert "clips changed" in again.decide(Plan("extract", {"complexity": 1}, {"clips": "other"})).reason
    before = VERSIONS["tracker"]
    monkeypatch.setitem(VERSIONS, "tracker", 99)
    assert again.decide(plan()).reason == f"tracker: code version {before} → 99"
    monkeypatch.undo()
    (workspace.folder / "clips.jsonl").write_text("tampered")
    assert "clips.jsonl" in again.decide(plan()).reason


def test_records_keep_comments_and_concurrent_edits(workspace):
    workspace.file.write_text(workspace.file.read_text().replace("# epochs = 60", "epochs = 61  # mine"))
    run(workspace, plan())
    text = workspace.file.read_text()
    assert "epochs = 61  # mine" in text
    assert "# Number of passes over the training clips." in text
    assert open_workspace(workspace.folder).settings("train").epochs == 61
    assert workspace.state("extract")["metrics"]["clips"] == 3


def test_the_workspace_is_found_in_parent_folders_and_by_name(workspace, monkeypatch, tmp_path):
    deep = workspace.folder / "a" / "b"
    deep.mkdir(parents=True)
    monkeypatch.delenv("ASL_WORKSPACE", raising=False)
    assert find_workspace(None, deep).folder == workspace.folder.resolve()
    monkeypatch.setenv("ASL_WORKSPACE", str(workspace.folder))
    assert find_workspace(None, tmp_path).folder == workspace.folder
    monkeypatch.delenv("ASL_WORKSPACE")
    with pytest.raises(BadInput, match="no workspace"):
        find_workspace(None, tmp_path)
    with pytest.raises(BadInput, match="not a workspace"):
        find_workspace(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("text", ["[train\n", "version = 99\n", "[trian]\nepochs = 3\n", "train = 3\n", "\udcff"])
def test_broken_files_are_rejected_with_a_message(workspace, text):
    workspace.file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(BadInput):
        open_workspace(workspace.folder).settings("train")


def test_a_second_command_learns_who_holds_the_workspace(workspace):
    with workspace.locked("asl extract"), pytest.raises(AslError, match="'asl extract', process"):
        with open_workspace(workspace.folder).locked("asl train-ctc"):
            pass
    with workspace.locked("asl extract"):
        pass


def test_records_may_not_name_files_outside_the_workspace(workspace):
    with pytest.raises(BadInput, match="outside the workspace"):
        workspace.inside("../other")
    (workspace.folder / "link").symlink_to("/etc")
    with pytest.raises(BadInput, match="outside the workspace"):
        workspace.inside("link/passwd")


def test_an_interrupted_write_leaves_the_old_file(tmp_path, monkeypatch):
    file = tmp_path / "file"
    write_atomically(file, "old")
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        write_atomically(file, "new")
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("umask", [0o002, 0o027, 0o077])
def test_files_and_folders_have_the_permissions_of_the_person(tmp_path, umask):
    before = os.umask(umask)
    try:
        made = create_workspace(tmp_path / "ws")
        run(made, plan())
        write_atomically(made.reports / "new" / "page.html", "page")
    finally:
        os.umask(before)
    for path in [made.folder, *made.folder.rglob("*")]:
        expected = (0o777 if path.is_dir() else 0o666) & ~umask
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path):
    file = tmp_path / "file"
    write_atomically(file, "old")
    file.chmod(0o640)
    write_atomically(file, "new")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o640)


def test_the_hash_cache_follows_the_content(tmp_path):
    file = tmp_path / "clip"
    file.write_text("one")
    cache = HashCache(tmp_path / "hashes.json")
    first = cache(file)
    cache.save()
    assert HashCache(tmp_path / "hashes.json")(file) == first
    file.write_text("another")
    assert HashCache(tmp_path / "hashes.json")(file) != first
