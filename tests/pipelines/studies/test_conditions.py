import pytest

from asl.pipelines.studies.conditions import design, variant
from asl.pipelines.workspace.errors import BadInput


def names(study_design) -> list[str]:
    return [condition.name for condition in study_design.conditions]


def test_the_default_factor_is_pre_training():
    study_design = design([], [], grid=False)
    assert names(study_design) == ["baseline", "pre-trained"]
    assert variant(study_design.conditions[0], {}).stage_1 is None
    assert variant(study_design.conditions[1], {}).stage_1 == {}


def test_factors_are_varied_one_at_a_time():
    study_design = design(["encoder=bilstm,tcn", "dropout=0.4,0.2,0.1"], [], grid=False)
    assert names(study_design) == ["baseline", "encoder=tcn", "dropout=0.2", "dropout=0.1"]
    assert [contrast.baselines for contrast in study_design.contrasts] == [("baseline",)] * 3
    assert variant(study_design.conditions[2], {"epochs": 3}).settings == {"epochs": 3, "encoder": "bilstm", "dropout": 0.2}


def test_a_grid_compares_each_factor_over_all_others():
    study_design = design(["encoder=bilstm,tcn", "mirror=0,0.5"], [], grid=True)
    assert len(study_design.conditions) == 4
    first = study_design.contrasts[0]
    assert first.conditions == ("encoder=tcn mirror=0", "encoder=tcn mirror=0.5")
    assert first.baselines == ("encoder=bilstm mirror=0", "encoder=bilstm mirror=0.5")


def test_named_conditions_are_compared_with_the_baseline():
    study_design = design([], ["wide: hidden=128", "deep: layers=2 hidden=32"], grid=False)
    assert names(study_design) == ["baseline", "wide", "deep"]
    assert variant(study_design.conditions[2], {}).settings == {"layers": 2, "hidden": 32}


def test_pretrained_may_name_a_model_and_quantiser_may_be_off():
    study_design = design(["pretrained=no,mine", "quantiser=on,off", "pretrain.epochs=5,10"], [], grid=False)
    by_name = {condition.name: variant(condition, {}) for condition in study_design.conditions}
    assert by_name["pretrained=mine"].start == "mine"
    assert by_name["quantiser=off"].stage_1["phonology"] == 0.0
    assert by_name["pretrain.epochs=10"].stage_1["epochs"] == 10


@pytest.mark.parametrize(
    ("factors", "named", "grid", "message"),
    [
        (["encoder"], [], False, "does not have the form"),
        (["encoder=tcn"], [], False, "does not have the form"),
        (["encoder=tcn,tcn"], [], False, "lists a value twice"),
        (["encoder=bilstm,tcn", "encoder=bilstm,tcn"], [], False, "named twice"),
        (["encoder=bilstm,tcn"], [], True, "at least two factors"),
        ([], ["wide hidden=128"], False, "does not have the form"),
        ([], ["wide: hidden=128", "wide: hidden=64"], False, "two conditions"),
        ([], ["baseline: hidden=128"], False, "only one condition"),
    ],
)
def test_invalid_designs_are_refused(factors, named, grid, message):
    with pytest.raises(BadInput, match=message):
        design(factors, named, grid=grid)


@pytest.mark.parametrize(
    "factor", ["dropuot=0.1,0.2", "seed=1,2", "dropout=0.1,7", "dropout=a,b", "quantiser=on,perhaps", "pretrain.x=1,2"]
)
def test_factors_must_be_settings_with_allowed_values(factor):
    study_design = design([factor], [], grid=False)
    with pytest.raises(BadInput):
        [variant(condition, {}) for condition in study_design.conditions]
