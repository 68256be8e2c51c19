from pathlib import Path

import pytest

from asl.pipelines.deployment.earlier_bundle import check_replaceable
from asl.pipelines.recogniser import bundle
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import file_hash, write_json


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with the files of a bundle, listed in its card."""
    made = tmp_path / "bundle"
    (made / bundle.GRAPH).mkdir(parents=True)
    for name in (bundle.ENCODER, bundle.README, f"{bundle.GRAPH}/HCLG.fst"):
        (made / name).write_text(name)
    hashes = {path.relative_to(made).as_posix(): file_hash(path) for path in made.rglob("*") if path.is_file()}
    write_json(made / bundle.CARD, {"version": bundle.FORMAT_VERSION, "files": hashes})
    return made


def test_a_bundle_as_asl_wrote_it_may_be_replaced_also_if_a_network_is_damaged(folder, tmp_path):
    check_replaceable(tmp_path / "new")
    check_replaceable(folder)
    (folder / bundle.ENCODER).write_text("damaged")
    check_replaceable(folder)


@pytest.mark.parametrize("name", ["notes.md", "graph/notes.md", "mine/deeper/clip.mp4", bundle.README])
def test_what_a_person_put_or_edited_there_is_not_deleted(folder, name):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("mine")
    with pytest.raises(BadInput, match=f"bundle/{name} would be deleted") as caught:
        check_replaceable(folder)
    assert "name a new folder" in caught.value.hint


def test_neither_is_a_link(folder, tmp_path):
    (folder / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(BadInput, match="bundle/link would be deleted"):
        check_replaceable(folder)


def test_if_the_card_is_damaged_only_networks_are_taken_for_files_of_asl(folder):
    (folder / bundle.CARD).write_text("{")
    with pytest.raises(BadInput, match=r"README\.md and 1 more would be deleted"):
        check_replaceable(folder)


def test_a_folder_that_is_no_bundle_stays(tmp_path):
    with pytest.raises(BadInput, match="exists and is not a bundle"):
        check_replaceable(tmp_path)
