"""Wrong command lines: one plain line, and one hint."""

import pytest


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        ("evaluate --format xml", "--format cannot be 'xml'", "choose from: table, json"),
        ("translate x.mp4 --format jsn", "--format cannot be 'jsn'", "did you mean 'json'?"),
        ("evaluate --split tset", "--split cannot be 'tset'", "did you mean 'test'?"),
        ("profile --device gpu", "--device cannot be 'gpu'", "choose from: cpu, cuda"),
        ("train-ctc --epochs many", "--epochs is 'many', not a whole number", "asl train-ctc --help"),
        ("train-ctc --epochs 1.5", "--epochs is '1.5', not a whole number", "asl train-ctc --help"),
        ("train-ctc --dropout x", "--dropout is 'x', not a number", "asl train-ctc --help"),
        ("train-ctc --epochs", "--epochs needs a value", "asl train-ctc --help"),
        ("extract --synthetic=yes", "--synthetic takes no value", "asl extract --help"),
        ("translate x --camera -1", "--camera is -1", "it must be at least 0"),
        ("translate --fromat json", "there is no option --fromat", "did you mean --format?"),
        ("translate -Z", "there is no option -Z", "asl translate --help"),
        ("extrct", "asl has no command 'extrct'", "did you mean extract?"),
        ("zzz", "asl has no command 'zzz'", "asl --help"),
        ("init a b", "there is no place for: b", "asl init --help"),
        ("--nope", "there is no option --nope", "asl --help"),
    ],
)
def test_a_wrong_word_is_named_plainly(asl, tmp_path, words, message, hint):
    done = asl(*words.split(), cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [f"error: {message}", f"hint: {hint}"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("build-fst -o x.svg", "--output applies to drawings only"),
        ("build-fst --overwrite", "--overwrite applies to drawings only"),
        ("build-fst --around HELLO", "--around applies to drawings only"),
        ("ablate --overwrite", "--overwrite applies to --import only"),
        ("ablate --modalities -o x.html", "--output applies to --import only"),
        ("ablate --baseline none", "--baseline applies to --import only"),
        ("ablate --unpaired", "--unpaired applies to --import only"),
        ("profile --overwrite", "--overwrite applies to --output only"),
        ("export --web-runtime .", "--web-runtime applies to --web only"),
    ],
)
def test_an_option_that_makes_no_sense_without_another_is_refused(asl, tmp_path, words, message):
    """Before a workspace is looked for: there is none."""
    said = asl(*words.split(), cwd=tmp_path, check=2).stderr.splitlines()
    assert said[0] == f"error: {message}"
    assert "leave it out" in said[1]


def test_a_wrong_decoder_is_named_plainly(asl, tmp_path):
    asl("init", tmp_path, check=0)
    done = asl("evaluate", "--decoder", "casade", cwd=tmp_path)
    assert done.stderr.splitlines() == ["error: --decoder cannot be 'casade'", "hint: did you mean 'cascade'?"]


@pytest.mark.parametrize("address", ["http://example.org/a.mp4", "https://example.org/a.mp4", "rtsp://10.0.0.1:554/live"])
def test_an_address_is_no_file(asl, tmp_path, address):
    asl("init", tmp_path, check=0)
    for option, words in (("", ("translate",)), ("", ("translate", "--live")), ("--videos: ", ("extract", "--videos"))):
        done = asl(*words, address, cwd=tmp_path)
        assert done.returncode == 2
        message, hint = done.stderr.splitlines()
        assert message == f"error: {option}{address} is an address, not a file"
        assert hint.startswith("hint: download it first")
