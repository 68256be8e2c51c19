"""asl models"""

from typing import Annotated, Any

import typer

from asl.cli import completion
from asl.cli.model_choice import optional_workspace
from asl.cli.options import Call, command
from asl.cli.terminal import print_json, print_table


@command()
def models(
    call: Call,
    use: Annotated[
        str | None,
        typer.Option(
            "--use",
            autocompletion=completion.models,
            help="Make this model the default of the workspace: a name in models/ or bundles/, or shipped.",
        ),
    ] = None,
) -> None:
    """List the models with their glosses, dates and scores, and choose the default.

        $ asl models
        $ asl models --use shipped

    The default, marked with *, is the model that asl translate, evaluate, export and profile use unless --model names another
    one. Until one is chosen it is the newest model of the workspace, or shipped, which comes with asl. Scores are those of asl
    evaluate in this workspace, with 95 % intervals.
    """
    from asl.pipelines.recogniser.model_list import list_models, use_model

    workspace = call.find_workspace() if use else optional_workspace(call)
    if use:
        use_model(workspace, use)
    listed = list_models(workspace)
    default = next((model.name for model in listed if model.is_default), None)
    if call.as_json:
        return print_json("models", {"default": default, "models": [_as_json(model) for model in listed]})
    rows = [_row(model) for model in listed]
    print_table("", ("", "model", "kind", "glosses", "date", "scores"), rows)
    with call.progress() as progress:
        if use:
            progress.say(f"{use} is the default now, as [model] in {workspace.file} says")
        elif default is None:
            progress.warn("the default model no longer exists; choose another one with asl models --use NAME")


def _row(model) -> tuple[str, ...]:
    mark = "*" if model.is_default else ""
    kind = f"{model.kind}, synthetic" if model.synthetic else model.kind
    scores = [_score(score) for score in model.scores] or [line.split(". ")[0] for line in model.accuracy[:1]]
    return mark, model.name, kind, str(model.glosses), model.date[:10] or "–", "\n".join(scores) or "–"


def _score(score) -> str:
    """The main figures of a model on a split, on one line."""
    wer = "wer_" + score.decoder.replace("-", "_")
    parts = [
        f"{name} {_percent(score.figures[key])} of {count} {clips}"
        for name, key, count, clips in (("top-1", "top_1", score.signs, "signs"), ("WER", wer, score.sentences, "sentences"))
        if key in score.figures
    ]
    return f"{score.split}: {', '.join(parts)}" + (f" ({score.synthetic} synthetic)" if score.synthetic else "")


def _percent(interval: dict[str, float]) -> str:
    value, low, high = (100 * interval[part] for part in ("value", "low", "high"))
    return f"{value:.1f} % [{low:.1f}, {high:.1f}]"


def _as_json(model) -> dict[str, Any]:
    scores = [{key: value for key, value in vars(score).items() if key not in ("model", "weights")} for score in model.scores]
    values = {key: getattr(model, key) for key in ("name", "kind", "date", "glosses", "synthetic", "is_default")}
    return values | {"folder": str(model.folder), "accuracy": list(model.accuracy), "scores": scores}
