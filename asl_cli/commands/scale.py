"""asl scale"""

from typing import Annotated

import typer

from asl.cli.options import Call, command
from asl.cli.studies import PANEL, finish
from asl.cli.terminal import print_table, typed
from asl.pipelines.workspace.errors import BadInput


@command("train", "encoder", "features", "phonology", "decode", "graph", "study", "cluster", study=True)
def scale(
    call: Call,
    vocab: Annotated[
        str,
        typer.Option(
            "--vocab", help="Sizes of the vocabulary: 100,300,500. Default: what the data holds.", rich_help_panel=PANEL
        ),
    ] = "",
    min_samples_per_gloss: Annotated[
        int,
        typer.Option("--min-samples-per-gloss", help="Glosses with fewer training clips do not count.", rich_help_panel=PANEL),
    ] = 2,
    clips_per_gloss: Annotated[
        str,
        typer.Option("--clips-per-gloss", help="Also train with so many clips of each gloss: 1,2,4,8.", rich_help_panel=PANEL),
    ] = "",
    seeds: Annotated[int, typer.Option("--seeds", help="Runs of each size, from --seed on.", rich_help_panel=PANEL)] = 3,
    pretrain: Annotated[
        bool, typer.Option("--pretrain/--no-pretrain", help="Begin each run with a stage 1 of its own.", rich_help_panel=PANEL)
    ] = True,
    split: Annotated[str, typer.Option("--split", help="The split to test on.", rich_help_panel=PANEL)] = "test",
    jobs: Annotated[int, typer.Option("--jobs", help="Runs side by side; 0 is one a core.", rich_help_panel=PANEL)] = 0,
) -> None:
    """Train and test with ever larger vocabularies, and say what growing them costs and is worth.

    Runs are kept: another size or seed runs only what is new, and a killed study goes on.
    """
    workspace = call.find_workspace()
    from asl.pipelines.studies.scale import run_scale

    with call.progress() as progress:
        study = run_scale(
            workspace, call.flags, progress, vocab=numbers("--vocab", vocab), min_samples=min_samples_per_gloss,
            clips_per_gloss=numbers("--clips-per-gloss", clips_per_gloss), seeds=seeds, pretrain=pretrain, split=split,
            jobs=jobs, command=typed(), dry_run=call.dry_run,
        )  # fmt: skip
        finish("scale", call, progress, study, show)


def numbers(option: str, text: str) -> list[int]:
    """Raises BadInput: not whole numbers parted by commas."""
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise BadInput(f"{option} '{text}' is not a list of numbers", f"for example {option} 10,20,50") from error


def show(results: dict) -> None:
    columns = ["", "clips", "test", "top-1 %", "95 %", "top-5", "top-10", "parameters", "a clip", "train s", "decoder µs", "MB"]
    rows = [
        [
            one["name"],
            one["train_clips"],
            one["test_clips"],
            f"{one['top_1']:.1f}",
            "[{:.1f}, {:.1f}]".format(*one["top_1_interval"]),
            f"{one['top_5']:.1f}",
            f"{one['top_10']:.1f}",
            one["parameters"],
            f"{one['parameters_per_clip']:.0f}",
            f"{one['train_seconds']:.1f}",
            f"{one['decoder_us_per_frame']:.1f}",
            f"{one['memory_mb']:.0f}",
        ]
        for one in [*results["vocabulary"], *results["data"]]
    ]
    print_table("", columns, rows)
    if "graph_states" in results["vocabulary"][0]:
        print_table("", *cascades(results["vocabulary"]))
    for key, law in results["laws"].items():
        print(f"{key}: exponent {law['exponent']:.2f} [{law['low']:.2f}, {law['high']:.2f}], R² {law['r_squared']:.2f}")
    print(results["recommendation"])


def cascades(rows: list[dict]) -> tuple[list[str], list[list]]:
    """Columns and rows of the table of cascades."""
    columns = ["cascade", "read exactly %", "states", "arcs", "arcs a state", "file MB", "built in s", "building MB"]
    return columns, [
        [
            one["name"],
            f"{one['read_exactly']:.1f}",
            f"{one['graph_states']:.0f}",
            f"{one['graph_arcs']:.0f}",
            f"{one['graph_arcs'] / one['graph_states']:.1f}",
            f"{one['graph_file_mb']:.2f}",
            f"{one['graph_seconds']:.1f}",
            f"{one['graph_memory_mb']:.0f}",
        ]
        for one in rows
    ]
