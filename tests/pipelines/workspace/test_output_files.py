import os

import pytest

from asl.pipelines.workspace import output_files
from asl.pipelines.workspace.cache_folder import cache_folder
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.output_files import GrowingOutput, check_outputs, record_output


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "asl"


@pytest.mark.parametrize("link", [os.symlink, os.link, None])
def test_an_output_is_never_an_input_not_even_through_a_link(tmp_path, link):
    source, output = tmp_path / "clip.mp4", tmp_path / "other.mp4"
    source.write_text("video")
    if link:
        link(source, output)
    for overwrite in (False, True):
        with pytest.raises(BadInput, match="is an input of this command") as caught:
            check_outputs([output if link else source], [source], overwrite=overwrite)
        assert caught.value.hint


def test_what_asl_wrote_may_be_written_again_until_it_is_changed(tmp_path):
    output = tmp_path / "clip.srt"
    check_outputs([output], [])
    output.write_text("by asl")
    record_output(output)
    check_outputs([output], [])
    output.write_text("corrected by a person")
    with pytest.raises(BadInput, match="asl did not write it, or it was changed since"):
        check_outputs([output], [])
    check_outputs([output], [], overwrite=True)


def test_an_output_that_grows_is_known_wherever_the_process_is_killed(tmp_path, cache):
    output, growing = tmp_path / "all.tsv", GrowingOutput(tmp_path / "all.tsv")
    held = ""
    for text in ("header\n", "row\n", "größer\n"):
        growing.add(text)
        for left in (held, held + text):
            output.write_text(left, encoding="utf-8")
            check_outputs([output], [])
        held += text
    output.write_text(held + "by hand")
    with pytest.raises(BadInput, match="asl did not write it"):
        check_outputs([output], [])
    output.write_text(held, encoding="utf-8")
    growing.finish()
    check_outputs([output], [])
    assert not list((cache / output_files.GROWING).iterdir())


def test_what_is_no_file_is_no_output(tmp_path):
    for path in (tmp_path, "/dev/null"):
        with pytest.raises(BadInput, match="a folder or a device"):
            check_outputs([tmp_path.joinpath(path)], [], overwrite=True)


def test_an_output_must_lie_where_a_file_can_be_made(tmp_path):
    (tmp_path / "file").write_text("no folder")
    for folder in ("file", "file/deeper"):
        with pytest.raises(BadInput, match=r"cannot be made: .*/file is a file"):
            check_outputs([tmp_path / folder / "x.json"], [])
    check_outputs([tmp_path / "new" / "folders" / "x.json"], [])
    assert not (tmp_path / "new").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_output_must_not_lie_in_a_folder_that_may_not_be_written_to(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    with pytest.raises(BadInput, match=r"no file can be made in .*/locked/new: .*/locked may not be written to"):
        check_outputs([tmp_path / "locked" / "new" / "x.json"], [])


def test_the_record_is_bounded_and_may_be_damaged_or_missing(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(output_files, "MAX_HASHES", 3)
    files = [tmp_path / f"{number}.txt" for number in range(8)]
    for file in files:
        file.write_text(file.name)
        record_output(file)
    assert len((cache / output_files.RECORD).read_text().splitlines()) <= 6
    check_outputs(files[-3:], [])
    with pytest.raises(BadInput, match=r"0\.txt and 3 more exist"):
        check_outputs(files, [])
    (cache / output_files.RECORD).write_bytes(b"\xff\x00 no hashes")
    with pytest.raises(BadInput, match=r"6\.txt and 1 more exist"):
        check_outputs(files[-2:], [])


def test_a_cache_that_cannot_be_written_to_is_no_failure(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    record_output(tmp_path / "file")
    growing = GrowingOutput(tmp_path / "all.tsv")
    growing.add("row")
    growing.finish()


def test_where_the_cache_is(monkeypatch, tmp_path):
    assert cache_folder() == tmp_path / "cache" / "asl"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder() == tmp_path / "Library" / "Caches" / "asl"
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == tmp_path / ".cache" / "asl"
