from dataclasses import fields
from pathlib import Path

import pytest
import tomli

from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.fields import default_of
from asl.pipelines.workspace.settings.sections import RECIPES, SECTIONS, environment_name, example_toml, origins, resolve


def test_precedence_is_flag_environment_file_default():
    variable = environment_name("train", "epochs")
    assert variable == "ASL_TRAIN_EPOCHS"
    cases = [
        ({}, {}, {}, 60, "default"),
        ({"epochs": 7}, {}, {}, 7, "file"),
        ({"epochs": 7}, {}, {variable: "8"}, 8, "environment"),
        ({"epochs": 7}, {"epochs": 9}, {variable: "8"}, 9, "flag"),
    ]
    for file, flags, environ, value, origin in cases:
        result = origins("train", file, flags, environ)["epochs"]
        assert (result.value, result.origin) == (value, origin)


@pytest.mark.parametrize(
    ("section", "file", "message", "hint"),
    [
        ("train", {"epoch": 3}, "no setting 'epoch'", "'epochs'"),
        ("train", {"epochs": 0}, "epochs is 0", "at least 1"),
        ("train", {"epochs": "many"}, "must be a whole number", "60"),
        ("train", {"epochs": True}, "must be a whole number", "60"),
        ("train", {"dropout": 2}, "dropout is 2", "between 0 and 0.95"),
        ("train", {"device": "gpu"}, "cannot be 'gpu'", "cpu"),
        ("features", {"features": "phon"}, "cannot be 'phon'", "phon36"),
        ("sources", {"videos": "one"}, "a list of strings", "[]"),
    ],
)
def test_wrong_settings_are_named_with_a_hint(section, file, message, hint):
    with pytest.raises(BadInput) as caught:
        resolve(section, file, {}, {})
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_environment_values_are_parsed_and_checked():
    assert resolve("features", {}, {}, {"ASL_FEATURES_DEPTH": "yes"}).depth is True
    assert resolve("sources", {}, {}, {"ASL_SOURCES_VIDEOS": "a:b"}).videos == ["a", "b"]
    for name, value in (("ASL_FEATURES_DEPTH", "maybe"), ("ASL_FEATURES_FPS", "fast")):
        with pytest.raises(BadInput, match=name):
            resolve("features", {}, {}, {name: value})


def test_the_example_file_holds_every_setting_at_its_default():
    text = example_toml()
    uncommented = "\n".join(line.removeprefix("# ") if " = " in line else line for line in text.splitlines())
    document = tomli.loads(uncommented)
    for section, kind in SECTIONS.items():
        assert {f.name: default_of(f) for f in fields(kind)} == {f.name: document[section][f.name] for f in fields(kind)}
    assert tomli.loads(text)["version"] == 1


def test_a_list_that_was_one_name_may_still_be_one():
    assert resolve("sources", {"gloss_tier": "Gloss RH"}, {}, {}).gloss_tier == ["Gloss RH"]


def test_asl_toml_in_the_repository_is_the_example_file():
    example = Path(__file__).parents[3] / "asl.toml"
    assert example.read_text() == example_toml(), (
        "regenerate it: python -c 'from asl.pipelines.workspace.settings.sections import *; "
        'print(example_toml(), end="")\' > asl.toml'
    )


def test_every_setting_has_a_help_text():
    for kind in SECTIONS.values():
        for spec in fields(kind):
            assert len(spec.metadata["help"]) > 10, spec.name


def test_a_recipe_overrides_only_the_defaults():
    strong = RECIPES["strong"]
    settings = origins("train", {"epochs": 3}, {"recipe": "strong", "speed": 0.1}, {"ASL_TRAIN_AVERAGE": "0.5"})
    assert (settings["epochs"].value, settings["epochs"].origin) == (3, "file")
    assert (settings["speed"].value, settings["speed"].origin) == (0.1, "flag")
    assert (settings["average"].value, settings["average"].origin) == (0.5, "environment")
    assert (settings["rotate"].value, settings["rotate"].origin) == (strong["rotate"], "recipe")
    assert settings["batch_size"].origin == "default"
    assert origins("train", {}, {}, {})["rotate"].origin == "default"


def test_recipes_hold_valid_settings():
    for name, values in RECIPES.items():
        resolve("train", values, {"recipe": name}, {})
