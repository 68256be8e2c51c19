from pathlib import Path

import pytest

from asl.pipelines.corpus.input_files import collect
from asl.pipelines.translation.elan_files import write_eaf
from asl.pipelines.translation.outputs import check_outputs_of, output_names, plan_outputs
from asl.pipelines.translation.reader import Provenance
from asl.pipelines.translation.result_writer import ResultWriter
from asl.pipelines.translation.writers import Translation
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.output_files import record_output
from asl.pipelines.workspace.progress import Silent
from tests.made_up_signing import signing


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def make(*names: str) -> list[Path]:
    paths = [Path(name) for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(path.name)
    return paths


def planned(*inputs: str, formats=(), output=None, overlay=None):
    paths = [Path(name) for name in inputs]
    return plan_outputs(paths, collect(paths), formats, output, overlay and Path(overlay))


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (["a/x.mp4"], ["x.srt"]),
        (["a/x.mp4", "a/y.mp4"], ["x.srt", "y.srt"]),
        (["a/x.mp4", "b/x.mp4"], ["a/x.srt", "b/x.srt"]),
        (["a"], ["x.srt", "y.srt"]),
        (["a", "b"], ["a/x.srt", "a/y.srt", "b/x.mov.srt", "b/x.mp4.srt"]),
        (["."], ["a/x.srt", "a/y.srt", "b/x.mov.srt", "b/x.mp4.srt"]),
        (["a/x.mp4", "./a/../a/x.mp4", "a"], ["x.srt", "y.srt"]),
    ],
)
def test_outputs_mirror_the_folders_of_the_inputs_and_are_distinct(here, inputs, expected):
    make("a/x.mp4", "a/y.mp4", "b/x.mp4", "b/x.mov")
    outputs = planned(*inputs, formats=["srt"], output="od")
    assert sorted(map(str, outputs.files())) == [f"od/{name}" for name in expected]


def test_overlays_mirror_them_too(here):
    make("a/x.mp4", "b/x.mp4")
    outputs = planned("a/x.mp4", "b/x.mp4", overlay="films")
    assert [str(path) for path in outputs.files()] == ["films/a/x.mp4", "films/b/x.mp4"]


def test_names_that_would_still_be_shared_are_refused(here):
    make("a/x.mp4", "a/x.mov", "a/x.mp4.avi")
    assert len(set(output_names([Path("a")], sorted(Path("a").iterdir())).values())) == 2
    with pytest.raises(BadInput, match=r"two outputs would be written to od/x\.mp4\.txt"):
        planned("a", output="od")


def test_overlays_of_an_earlier_run_are_no_clips_but_recordings_beside_them_are(here):
    make("rec/x.mp4", "rec/films/x.mp4", "rec/films/own.mp4")
    record_output(Path("rec/films/x.mp4"))
    for overlays in (Path("rec/films"), Path("rec")):
        Path("rec/x.mp4").write_text("recording")
        clips = collect([Path("rec")], overlays)
        assert [clip.path.as_posix() for clip in clips] == ["rec/films/own.mp4", "rec/x.mp4"]
    assert len(collect([Path("rec")])) == 3
    assert len(collect([Path("rec")], Path("nowhere"))) == 3
    with pytest.raises(BadInput, match=r"one\.mp4, two\.mp4 do not exist"):
        collect([Path("one.mp4"), Path("rec"), Path("two.mp4")])


@pytest.mark.parametrize(
    ("output", "formats"),
    [(f"x.{name}", (name,)) for name in ("json", "jsonl", "tsv", "srt", "vtt", "eaf")]
    + [("x.TXT", ("text",)), ("-", ("text",)), (None, ("text",)), ("od", ("text",)), ("od/", ("text",))],
)
def test_the_ending_of_the_output_stands_for_its_format(here, output, formats):
    make("a/x.mp4")
    assert planned("a/x.mp4", output=output).formats == formats
    assert planned("a/x.mp4", output=output, formats=["tsv"]).formats == ("tsv",)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"output": "x.docx"}, "no format has this ending"),
        ({"output": "y.mp4", "formats": ["srt"]}, "is the name of a video"),
        ({"overlay": "p.txt"}, "p.txt"),
        ({"overlay": "p.mp4", "inputs": ("a/x.mp4", "b/x.mp4")}, "is one file"),
        ({"output": "x.srt", "inputs": ("a/x.mp4", "b/x.mp4")}, "several must be written"),
        ({"formats": ["srt"], "inputs": ("a/x.mp4", "b/x.mp4")}, "cannot go to stdout"),
        ({"output": "od/f", "overlay": "od/x.mp4", "formats": ["text"], "inputs": ("a/x.mp4", "a/x.mp4.txt")}, "is one file"),
    ],
)
def test_outputs_that_cannot_be(here, words, message):
    make("a/x.mp4", "b/x.mp4", "a/x.mp4.txt")
    with pytest.raises(BadInput, match=message) as caught:
        planned(*words.pop("inputs", ("a/x.mp4",)), **words)
    assert caught.value.hint


def test_another_format_never_replaces_the_elan_file_of_a_person(here):
    """Neither one that asl has never seen, nor one to which it added its tiers."""
    make("a/x.mp4")
    clips, file = collect([Path("a/x.mp4")]), Path("x.eaf")
    write_eaf(file, Path("a/x.mp4"), ())
    as_text, as_elan = planned("a/x.mp4", output="x.eaf", formats=["text"]), planned("a/x.mp4", output="x.eaf")
    with pytest.raises(BadInput, match=r"x\.eaf exists"):
        check_outputs_of(clips, as_text, overwrite=False)
    with ResultWriter(as_elan, Provenance(), Silent()) as writer:
        writer.add(Path("a/x.mp4"), Translation(Path("a/x.mp4"), (), signing(0)))
    assert writer.files == [file]
    with pytest.raises(BadInput, match=r"x\.eaf exists"):
        check_outputs_of(clips, as_text, overwrite=False)
    check_outputs_of(clips, as_elan, overwrite=False)


@pytest.mark.parametrize("name", ["x.EAF", "x.xml"])
def test_an_elan_file_is_merged_whatever_its_ending(here, name):
    make("a/x.mp4")
    write_eaf(Path(name), Path("a/x.mp4"), ())
    clips, outputs = collect([Path("a/x.mp4")]), planned("a/x.mp4", output=name, formats=["eaf"])
    check_outputs_of(clips, outputs, overwrite=False)
    Path(name).write_text("no ELAN file")
    with pytest.raises(BadInput, match="is not an ELAN file"):
        check_outputs_of(clips, outputs, overwrite=False)


def test_an_elan_file_may_exist_but_not_be_an_input(here):
    make("a/x.mp4", "od/x.srt")
    write_eaf(Path("od/x.eaf"), Path("a/x.mp4"), ())
    clips = collect([Path("a/x.mp4")])
    check_outputs_of(clips, planned("a/x.mp4", output="od/x.eaf"), overwrite=False)
    with pytest.raises(BadInput, match=r"od/x.srt exists"):
        check_outputs_of(clips, planned("a/x.mp4", output="od", formats=["eaf", "srt"]), overwrite=False)
    make("od/x.eaf")
    with pytest.raises(BadInput, match="ELAN"):
        check_outputs_of(clips, planned("a/x.mp4", output="od/x.eaf"), overwrite=False)
    check_outputs_of(clips, planned("a/x.mp4", output="od/x.eaf"), overwrite=True)
    Path("a/y.eaf").hardlink_to("a/x.mp4")
    with pytest.raises(BadInput, match="is an input"):
        check_outputs_of(clips, planned("a/x.mp4", output="a/y.eaf"), overwrite=True)
