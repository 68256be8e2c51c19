"""asl profile"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from asl.cli.options import Call, command
from asl.cli.terminal import print_json, print_pairs, print_table

OVER_BUDGET = 1


class Device(StrEnum):
    """Where the encoder runs."""

    cpu = "cpu"
    cuda = "cuda"


@command("decode", "landmarks")
def profile(
    call: Call,
    videos: Annotated[
        list[Path] | None, typer.Argument(help="Videos. Default: a synthetic signer is rendered.", show_default=False)
    ] = None,
    device: Annotated[Device, typer.Option("--device", help="Where the encoder runs.")] = Device.cpu,
    budget: Annotated[bool, typer.Option("--budget", help="Fail (exit 1) where p95 is over the budget.")] = False,
    compare: Annotated[Path | None, typer.Option("--compare", help="The .json of an earlier profile, to set beside.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The page. Default: reports/profile.html of the workspace, if any.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="A name below models/ or bundles/, or a folder. Default: the newest.")
    ] = None,
    graph: Annotated[
        str | None, typer.Option("--graph", help="With --decoder cascade: a name below graphs/, or a folder.")
    ] = None,
) -> None:
    """Measure what each step of a translation costs a frame, against the budget of 200 ms.

    Video, keypoints, features, encoder, decoder and what comes after; torch, ONNX, INT8; every decoder; frame by frame and whole.
    """
    from asl.cli.model_choice import optional_workspace, reader_and_landmarks
    from asl.pipelines.deployment.profiling import run_profile

    reader, landmarks = reader_and_landmarks(call, model, graph)
    workspace = optional_workspace(call)
    page = output or (workspace.reports / "profile.html" if workspace else None)
    with call.progress() as progress:
        made = run_profile(videos or [], reader, landmarks, progress, device=device.value, page=page, compare=compare)
    if call.as_json:
        print_json("profile", made)
    else:
        _show(made)
        if page:
            progress.say(f"look at: {page}")
    for line in made["over_budget"]:
        progress.warn(line)
    if budget and made["over_budget"]:
        raise typer.Exit(OVER_BUDGET)


def _show(made) -> None:
    marks = ("p50", "p95", "p99")
    print_table("ms a frame", ("", *marks), [(name, *(steps[mark] for mark in marks)) for name, steps in made["steps"].items()])
    rows = [
        (
            one["engine"],
            one["decoder"],
            one["mode"],
            *(one["steps"][name]["p95"] for name in ("encoder", "decoder", "post", "total")),
        )
        for one in made["variants"]
    ]
    print_table("\nvariants, ms a frame at p95", ("engine", "decoder", "mode", "encoder", "decoder", "post", "together"), rows)
    sizes = list(next(iter(made["throughput"].values())))
    own = [(name, *values.values()) for name, values in made["throughput"].items()]
    print_table("\nencoder alone, frames a second by clips at once", ("", *sizes), own)
    shown = ("frames_per_second", "peak_memory_mb", "cold_start_seconds")
    print_pairs({name: made[name] for name in shown if made[name] is not None})
