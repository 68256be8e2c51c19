"""asl profile"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from asl.cli.completion import graphs, models
from asl.cli.options import Call, command, refuse_options
from asl.cli.terminal import print_json, print_pairs, print_table

OVER_BUDGET = 1


class Device(StrEnum):
    """Device of the encoder."""

    cpu = "cpu"
    cuda = "cuda"


@command("decode", "landmarks")
def profile(
    call: Call,
    videos: Annotated[
        list[Path] | None, typer.Argument(help="Videos. Default: a rendered synthetic signer.", show_default=False)
    ] = None,
    device: Annotated[Device, typer.Option("--device", help="Device of the encoder.")] = Device.cpu,
    budget: Annotated[bool, typer.Option("--budget", help="Fail (exit code 1) if a p95 exceeds its budget.")] = False,
    compare: Annotated[Path | None, typer.Option("--compare", help="JSON file of an earlier profile to compare with.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="HTML report. Default: reports/profile.html of the workspace, if there is one."),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="With --output: replace files that asl did not write, or that were changed since."),
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            autocompletion=models,
            help="Model: a name in models/ or bundles/, a folder, or shipped. Default: the one that asl models marks.",
        ),
    ] = None,
    graph: Annotated[
        str | None,
        typer.Option("--graph", autocompletion=graphs, help="With --decoder cascade: the graph, a name in graphs/ or a folder."),
    ] = None,
) -> None:
    """Measure the time per frame of each step of a translation, against the budget of 200 ms.

        $ asl profile
        $ asl profile clip.mp4 --output times.html

    The steps are video, keypoints, features, encoder, decoder and post-processing. They are timed with torch, ONNX and INT8, with
    every decoder, frame by frame and on whole clips.
    """
    from asl.cli.model_choice import optional_workspace, reader_and_landmarks
    from asl.pipelines.deployment.profiling import run_profile
    from asl.pipelines.reports.named_report import check_report, record_report

    if not output:
        refuse_options({"--overwrite": overwrite}, "applies to --output only", "name a report with --output, or leave it out")
    else:
        check_report(output, [*(videos or []), *([compare] if compare else [])], overwrite=overwrite)
    reader, landmarks = reader_and_landmarks(call, model, graph)
    workspace = optional_workspace(call)
    page = output or (workspace.reports / "profile.html" if workspace else None)
    with call.progress() as progress:
        profile = run_profile(videos or [], reader, landmarks, progress, device=device.value, page=page, compare=compare)
        if output:
            record_report(output)
    if call.as_json:
        print_json("profile", profile)
    else:
        _show(profile)
        if page:
            progress.say(f"report: {page}")
    for line in profile["over_budget"]:
        progress.warn(line)
    if budget and profile["over_budget"]:
        raise typer.Exit(OVER_BUDGET)


def _show(profile) -> None:
    marks = ("p50", "p95", "p99")
    rows = [(name, *(times[mark] for mark in marks)) for name, times in profile["steps"].items()]
    print_table("ms per frame", ("step", *marks), rows)
    rows = [
        (
            variant["engine"],
            variant["decoder"],
            variant["mode"],
            *(variant["steps"][name]["p95"] for name in ("encoder", "decoder", "post", "total")),
        )
        for variant in profile["variants"]
    ]
    print_table("\nvariants, p95 in ms per frame", ("engine", "decoder", "mode", "encoder", "decoder", "post", "total"), rows)
    batch_sizes = list(next(iter(profile["throughput"].values())))
    rows = [(engine, *rates.values()) for engine, rates in profile["throughput"].items()]
    print_table("\nencoder alone, frames per second by batch size in clips", ("engine", *batch_sizes), rows)
    figures = ("frames_per_second", "peak_memory_mb", "cold_start_seconds")
    print_pairs({name: profile[name] for name in figures if profile[name] is not None})
