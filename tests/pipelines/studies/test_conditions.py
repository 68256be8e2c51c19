import pytest

from asl.pipelines.studies.conditions import design, variant
from asl.pipelines.workspace.errors import BadInput


def names(made) -> list[str]:
    return [one.name for one in made.conditions]


def test_without_a_word_it_is_pre_training_that_is_compared():
    made = design([], [], grid=False)
    assert names(made) == ["baseline", "pre-trained"]
    assert variant(made.conditions[0], {}).stage_1 is None
    assert variant(made.conditions[1], {}).stage_1 == {}


def test_factors_one_after_the_other():
    made = design(["encoder=bilstm,tcn", "dropout=0.4,0.2,0.1"], [], grid=False)
    assert names(made) == ["baseline", "encoder=tcn", "dropout=0.2", "dropout=0.1"]
    assert [one.baselines for one in made.contrasts] == [("baseline",)] * 3
    assert variant(made.conditions[2], {"epochs": 3}).settings == {"epochs": 3, "encoder": "bilstm", "dropout": 0.2}


def test_a_grid_compares_each_factor_over_the_others():
    made = design(["encoder=bilstm,tcn", "mirror=0,0.5"], [], grid=True)
    assert len(made.conditions) == 4
    first = made.contrasts[0]
    assert first.conditions == ("encoder=tcn mirror=0", "encoder=tcn mirror=0.5")
    assert first.baselines == ("encoder=bilstm mirror=0", "encoder=bilstm mirror=0.5")


def test_named_conditions_stand_against_the_baseline():
    made = design([], ["wide: hidden=128", "deep: layers=2 hidden=32"], grid=False)
    assert names(made) == ["baseline", "wide", "deep"]
    assert variant(made.conditions[2], {}).settings == {"layers": 2, "hidden": 32}


def test_pretrained_may_be_a_model_and_the_quantiser_off():
    made = design(["pretrained=no,mine", "quantiser=on,off", "pretrain.epochs=5,10"], [], grid=False)
    by_name = {one.name: variant(one, {}) for one in made.conditions}
    assert by_name["pretrained=mine"].start == "mine"
    assert by_name["quantiser=off"].stage_1["phonology"] == 0.0
    assert by_name["pretrain.epochs=10"].stage_1["epochs"] == 10


@pytest.mark.parametrize(
    ("factors", "named", "grid", "said"),
    [
        (["encoder"], [], False, "not of the form"),
        (["encoder=tcn"], [], False, "not of the form"),
        (["encoder=tcn,tcn"], [], False, "stands there twice"),
        (["encoder=bilstm,tcn", "encoder=bilstm,tcn"], [], False, "named twice"),
        (["encoder=bilstm,tcn"], [], True, "two factors"),
        ([], ["wide hidden=128"], False, "not of the form"),
        ([], ["wide: hidden=128", "wide: hidden=64"], False, "two conditions"),
        ([], ["baseline: hidden=128"], False, "one condition only"),
    ],
)
def test_what_is_no_design(factors, named, grid, said):
    with pytest.raises(BadInput, match=said):
        design(factors, named, grid=grid)


@pytest.mark.parametrize(
    "factor", ["dropuot=0.1,0.2", "seed=1,2", "dropout=0.1,7", "dropout=a,b", "quantiser=on,perhaps", "pretrain.x=1,2"]
)
def test_factors_are_settings_with_values_that_they_can_have(factor):
    made = design([factor], [], grid=False)
    with pytest.raises(BadInput):
        [variant(one, {}) for one in made.conditions]
