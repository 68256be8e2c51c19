"""The JSON that commands write has the fields that its types name."""

import json
import types
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from asl.cli.json_schema import OUTPUTS, DrawOutput, SettingsOutput
from asl.pipelines.translation.json_schema import LiveWordOutput, TranslateOutput
from tests.docs.pages import generator
from tests.running_asl import result


def mismatches(value: Any, kind: Any, where: str = "$") -> list[str]:
    """Where a value is not of a type: a missing field, one too many, or another type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return []
    if is_typeddict(kind):
        return _fields(value, kind, where)
    if origin in (Annotated, NotRequired):
        return mismatches(value, arguments[0], where)
    if origin is list and isinstance(value, list):
        return [wrong for number, item in enumerate(value) for wrong in mismatches(item, arguments[0], f"{where}[{number}]")]
    if origin is dict and isinstance(value, dict):
        return [wrong for key, item in value.items() for wrong in mismatches(item, arguments[1], f"{where}.{key}")]
    if origin is Literal:
        return [] if value in arguments else [f"{where}: {value!r}"]
    if origin in (Union, types.UnionType):
        return min((mismatches(value, argument, where) for argument in arguments), key=len)
    accepted = {float: (int, float), type(None): (type(None),)}.get(kind, (kind,))
    right = isinstance(kind, type) and isinstance(value, accepted) and (kind is bool or not isinstance(value, bool))
    return [] if right else [f"{where}: {value!r} is no {kind}"]


def _fields(value: Any, kind: Any, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is no {kind.__name__}"]
    hints = get_type_hints(kind, include_extras=True)
    wrong = [f"{where}.{key} is missing" for key in kind.__required_keys__ - value.keys()]
    wrong += [f"{where}.{key} is not in {kind.__name__}" for key in value.keys() - hints.keys()]
    return wrong + [
        fault for key, item in value.items() if key in hints for fault in mismatches(item, hints[key], f"{where}.{key}")
    ]


def test_mismatches_are_seen():
    word = {"version": 2, "asl": "1", "model": {"name": "m", "weights": "w"}, "decoder": "greedy"}
    word |= {"gloss": "A", "start": 0, "end": 1.0, "confidence": 0.5, "delay_ms": -3.0, "runners_up": []}
    assert mismatches(word, LiveWordOutput) == []
    assert mismatches(word | {"start": "0", "more": 1}, LiveWordOutput) == [
        "$.more is not in LiveWordOutput",
        "$.start: '0' is no <class 'float'>",
    ]
    assert (
        mismatches({"gloss": "A"} | {"runners_up": [{"gloss": 3}]}, LiveWordOutput)[-1]
        == "$.runners_up[0].gloss: 3 is no <class 'str'>"
    )


def test_the_examples_of_the_reference_have_the_fields_of_their_types():
    reference = generator()
    assert mismatches(json.loads(reference.EXAMPLE), TranslateOutput) == []
    assert mismatches(json.loads(reference.LIVE_EXAMPLE), LiveWordOutput) == []


def test_translations_have_the_fields_of_their_type():
    from asl.pipelines.cascade.explanation import PathStep
    from asl.pipelines.recogniser.reading import Token
    from asl.pipelines.translation.json_documents import document, failed_clip
    from asl.pipelines.translation.reader import Provenance
    from asl.pipelines.translation.writers import Translation, render
    from asl.pipelines.workspace.errors import BadClip
    from tests.made_up_signing import signing

    tokens = (
        Token("IX-a", 0.1, 0.4, 0.8, (("BOOK", 0.1),), (("handshape", "1", 0.9),), "MARY", (1.0, 0.0, 0.0)),
        Token("READ", 0.5, 0.9, 0.7),
    )
    steps = (PathStep("H", 0, 5, ("IX-a/1",), (), 0.0), PathStep("L∘G", 0, 9, ("IX-a/1",), ("IX-a",), 1.25))
    written = json.loads(render([Translation(Path("a.mp4"), tokens, signing(0), steps, whole=False)], "json"))
    assert mismatches(written, TranslateOutput) == []
    (clip,) = written["clips"]
    assert set(clip) == set(get_type_hints(TranslateOutput)["clips"].__args__[0].__annotations__)
    assert set(clip["tokens"][0]) > set(clip["tokens"][1])
    failed = document(Provenance("everyday", "ab", "greedy"), (), [failed_clip(Path("b.mp4"), BadClip("no-video", "only audio"))])
    assert mismatches(failed, TranslateOutput) == []


def test_live_words_have_the_fields_of_their_type(capsys):
    from asl.cli.live_view import write_word
    from asl.pipelines.recogniser.reading import Token
    from asl.pipelines.translation.live_reading import LiveWord
    from asl.pipelines.translation.reader import Provenance

    write_word(
        LiveWord(Token("BOOK", 0.5, 1.0, 0.75, (("READ", 0.2),)), 1.25, final=True), Provenance("everyday", "ab", "greedy")
    )
    written = json.loads(capsys.readouterr().out)
    assert mismatches(written, LiveWordOutput) == []
    assert written["delay_ms"] == 250.0


@pytest.mark.slow
def test_commands_write_the_fields_of_their_types(asl, tmp_path):
    """Every command but demo and profile, in one small synthetic workspace."""
    small = ("--epochs", "1", "--threads", "1")
    calls = [
        ("init", ()),
        ("extract", ("--synthetic", "--signs", "4", "--clips", "6", "--sentences", "16", "--split-by", "group")),
        ("pretrain", small),
        ("train-ctc", small),
        ("build-fst", ()),
        ("evaluate", ("--decoder", "cascade")),
        ("train-stage3", (*small, "--workers", "1")),
        ("export", ()),
        ("ablate", (*small, "--seeds", "2", "--factor", "mirror=0.5,0", "--jobs", "1")),
        ("ablate", (*small, "--seeds", "3", "--factor", "mirror=0.5,0", "--dry-run")),
        ("scale", (*small, "--seeds", "1", "--no-pretrain", "--vocab", "2,3", "--jobs", "1")),
        ("status", ()),
        ("models", ()),
    ]
    for name, words in calls:
        written = result(asl(name, *words, "--format", "json", cwd=tmp_path, check=0))
        assert mismatches(written, OUTPUTS[name][0], name) == []
    settings = result(asl("status", "-w", tmp_path, "--settings", "--format", "json", check=0))
    assert mismatches(settings, SettingsOutput) == []
    drawn = result(asl("build-fst", "-w", tmp_path, "--draw", "L", "--format", "json", check=0))
    assert mismatches(drawn, DrawOutput) == []
