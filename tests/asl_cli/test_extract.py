"""What `asl extract` says of lists that do not fit their files."""

import pytest

from asl.pipelines.media.pose_files import write_pose
from tests.made_up_signing import signing, write_corpus
from tests.running_asl import result


@pytest.fixture
def workspace(tmp_path, asl):
    asl("init", tmp_path / "ws", check=0)
    for name in ("a", "b"):
        write_pose(tmp_path / f"{name}.pose", signing(0, seconds=2.0))
    return tmp_path / "ws"


def table(workspace, *rows: str):
    file = workspace.parent / "m.csv"
    file.write_text("\n".join(("path,gloss,start,end", *rows)) + "\n")
    return ("extract", "-w", workspace, "--manifest", file, "--format", "json")


def test_clips_that_do_not_exist_are_lost(workspace, asl):
    words = table(workspace, "a.pose,BOOK,,", "gone.pose,MILK,,", "gone too.pose,MILK,,")
    done = asl(*words, check=3)
    assert "warning: 2 clips have no file, of 3 in" in done.stderr
    assert ", such as gone.pose" in done.stderr
    found = result(done)
    assert found["missing"] == ["gone.pose", "gone too.pose"]
    assert found["metrics"]["failed_by_reason"] == {"missing": 2}
    assert [failure["reason"] for failure in found["failures"]] == ["missing", "missing"]
    assert (workspace / "missing.txt").read_text() == "gone.pose\ngone too.pose\n"
    assert not result(asl(*words, check=3))["ran"], "they are still lost when nothing has changed"
    assert "the file does not exist" in asl(*words, "--force", "--fail-fast", check=3).stderr


def test_clips_without_gloss_are_counted(workspace, asl):
    assert result(asl(*table(workspace, "a.pose,BOOK,0,1", "b.pose,,1,2"), check=0))["metrics"]["without_gloss"] == 1
    assert "without_gloss" not in result(asl(*table(workspace, "a.pose,BOOK,0,1"), check=0))["metrics"]


def test_a_file_with_two_glosses_is_a_warning(workspace, asl):
    done = asl(
        *table(workspace, "a.pose,BOOK,,", "./a.pose,MILK,,", "b.pose,BOOK,,", "b.pose,BOOK,0,1"),
        "--split-by",
        "random",
        "--allow-duplicates",
        check=0,
    )
    assert "warning: 1 file is listed with different glosses, such as" in done.stderr
    assert "as 'BOOK' and as 'MILK'" in done.stderr
    assert result(done)["metrics"]["contradictory"] == 1
    assert result(done)["metrics"]["clips"] == 4


def test_a_range_that_reaches_beyond_its_file_is_a_warning(workspace, asl):
    done = asl(*table(workspace, "a.pose,BOOK,1,5", "b.pose,MILK,0.5,1.5"), "--allow-duplicates", check=0)
    assert "warning: 1 clip ends before its range does, because the file is shorter: a.pose@1 has 1.0 s of 4.0 s" in done.stderr
    assert result(done)["metrics"]["cut_short"] == 1
    lost = asl(*table(workspace, "a.pose,BOOK,3,5", "b.pose,MILK,0.5,1.5"), check=3)
    assert result(lost)["failures"][0]["reason"] == "empty-range"


def test_replacing_the_list_of_clips_is_said(workspace, asl, tmp_path):
    first, second = (write_corpus(tmp_path / name, glosses=2, clips=clips) for name, clips in (("p", 3), ("q", 2)))
    assert "replaced" not in asl("extract", "-w", workspace, "--poses", first, check=0).stderr
    assert "replaced" not in asl("extract", "-w", workspace, "--poses", first, "--force", check=0).stderr
    words = ("extract", "-w", workspace, "--poses", second, "--pattern", "{signer}__{gloss}__{clip}")
    (second / "signer0__sign0__0.pose").rename(second / "signer7__sign0__0.pose")
    for more in (("--dry-run",), ()):
        done = asl(*words, *more, check=0)
        assert "warning: 3 clips are replaced, of 6 in the workspace; to keep earlier clips, use --add" in done.stderr
    assert "replaced" not in asl("extract", "-w", workspace, "--poses", first, "--add", "--allow-duplicates", check=0).stderr


def test_leaving_out_clips_that_were_added_is_said(workspace, asl, tmp_path):
    first, second = write_corpus(tmp_path / "p", glosses=2, clips=3), write_corpus(tmp_path / "q", glosses=3, clips=1)
    asl("extract", "-w", workspace, "--poses", first, check=0)
    asl("extract", "-w", workspace, "--poses", second, "--add", "--allow-duplicates", check=0)
    done = asl("extract", "-w", workspace, "--poses", second, "--dry-run", check=0)
    assert "warning: 4 clips are replaced, of 7 in the workspace; to keep earlier clips, use --add" in done.stderr


def test_without_sources_all_that_were_added_up_are_read(workspace, asl, tmp_path):
    extract = ("extract", "-w", workspace)
    for signer in range(3):
        write_pose(tmp_path / f"s{signer}" / f"signer{signer}__book__0.pose", signing(signer, seed=signer))
        add = ("--add",) if signer else ()
        words = (*extract, "--poses", tmp_path / f"s{signer}", *add)
        asl(*words, check=0)
        assert "nothing to do" in asl(*words, check=0).stderr
    write_pose(tmp_path / "s0" / "signer0__book__1.pose", signing(0, seed=9))
    done = asl(*extract, "--format", "json", check=0)
    assert "replaced" not in done.stderr
    assert result(done)["metrics"]["clips"] == 4
    assert "nothing to do" in asl(*extract, check=0).stderr


def test_sources_that_were_read_in_different_ways_are_not_read_together(workspace, asl, tmp_path):
    for name in ("a", "b"):
        write_pose(tmp_path / f"p{name}" / f"{name}__book.pose", signing(0, seed=len(name)))
    asl("extract", "-w", workspace, "--poses", tmp_path / "pa", "--pattern", "{signer}__{gloss}", check=0)
    asl("extract", "-w", workspace, "--poses", tmp_path / "pb", "--pattern", "{group}__{gloss}", "--add", "--allow-duplicates")
    assert "warning: 1 clip is replaced, of 2 in the workspace" in asl("extract", "-w", workspace, "--dry-run", check=0).stderr


def test_a_longer_table_of_aliases_is_kept_even_if_no_clip_has_them(workspace, asl, tmp_path):
    """They may be spellings of a model, which evaluations read from the table that is kept."""
    table, poses = tmp_path / "aliases.csv", write_corpus(tmp_path / "p", glosses=2, clips=3)
    for text in ("sign1,sign0\n", "sign1,sign0\nhi,hello\n"):
        table.write_text("alias,gloss\n" + text)
        asl("extract", "-w", workspace, "--poses", poses, "--aliases", table, check=0)
    assert (workspace / ".asl" / "aliases.csv").read_text() == "alias,gloss\nSIGN1,SIGN0\nHI,HELLO\n"


def test_hints_with_blanks_in_them_can_be_pasted(asl, tmp_path):
    folder = tmp_path / "my workspace"
    assert f"next: asl extract -w '{folder}' --videos DIR" in asl("init", folder, check=0).stderr
    assert f"asl status -w '{folder}'" in asl("init", folder, check=2).stderr
    assert f"asl init '{tmp_path / 'no workspace'}'" in asl("extract", "-w", tmp_path / "no workspace", check=2).stderr
