"""asl scale"""

from typing import Annotated

import typer

from asl.cli.completion import splits
from asl.cli.options import TRAINING_PACKAGES, Call, command
from asl.cli.studies import PANEL, finish
from asl.cli.terminal import command_line, print_table
from asl.pipelines.workspace.errors import BadInput


@command(
    "train",
    "encoder",
    "features",
    "phonology",
    "decode",
    "graph",
    "study",
    "cluster",
    study=True,
    rare=("features", "phonology", "graph"),
    needs=TRAINING_PACKAGES,
)
def scale(
    call: Call,
    vocab: Annotated[
        str,
        typer.Option(
            "--vocab",
            help="Vocabulary sizes, e.g. 100,300,500. Default: 10, 20, 50, 100, … up to the glosses of the data.",
            rich_help_panel=PANEL,
        ),
    ] = "",
    min_samples_per_gloss: Annotated[
        int,
        typer.Option("--min-samples-per-gloss", help="Ignore glosses with fewer training clips.", rich_help_panel=PANEL),
    ] = 2,
    clips_per_gloss: Annotated[
        str,
        typer.Option("--clips-per-gloss", help="Also train with this many clips per gloss, e.g. 1,2,4,8.", rich_help_panel=PANEL),
    ] = "",
    seeds: Annotated[int, typer.Option("--seeds", help="Runs per size, with seeds from --seed on.", rich_help_panel=PANEL)] = 3,
    pretrain: Annotated[
        bool,
        typer.Option(
            "--pretrain/--no-pretrain", help="Start each run with its own pre-training (stage 1).", rich_help_panel=PANEL
        ),
    ] = True,
    split: Annotated[
        str, typer.Option("--split", autocompletion=splits, help="Split to test on.", rich_help_panel=PANEL)
    ] = "test",
    jobs: Annotated[int, typer.Option("--jobs", help="Runs in parallel; 0 uses one per core.", rich_help_panel=PANEL)] = 0,
) -> None:
    """Train and test with increasing vocabulary sizes, to measure how accuracy and cost grow.

        $ asl scale --seeds 5
        $ asl scale --clips-per-gloss 1,2 --dry-run

    Completed runs are reused: a further size or seed adds only the new runs, and an interrupted study resumes.
    """
    workspace = call.find_workspace()
    from asl.pipelines.studies.scale import run_scale

    with call.progress() as progress:
        study = run_scale(
            workspace, call.flags, progress, vocab=numbers("--vocab", vocab), min_samples=min_samples_per_gloss,
            clips_per_gloss=numbers("--clips-per-gloss", clips_per_gloss), seeds=seeds, pretrain=pretrain, split=split,
            jobs=jobs, command=command_line(), dry_run=call.dry_run,
        )  # fmt: skip
        finish("scale", call, progress, study, show)


def numbers(option: str, text: str) -> list[int]:
    """The numbers of a comma-separated list. Raises BadInput if it is not one."""
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise BadInput(f"{option} '{text}' is not a list of numbers", f"write for example {option} 10,20,50") from error


def show(results: dict) -> None:
    """Prints accuracy and cost by size, the fitted power laws and the recommendation."""
    columns = ["size", "training clips", "test clips", "top-1 %", "95 % interval", "top-5 %", "top-10 %", "parameters"]
    columns += ["parameters per clip", "training (s)", "decoder (µs per frame)", "memory (MB)"]
    rows = [
        [
            row["name"],
            row["train_clips"],
            row["test_clips"],
            f"{row['top_1']:.1f}",
            "[{:.1f}, {:.1f}]".format(*row["top_1_interval"]),
            f"{row['top_5']:.1f}",
            f"{row['top_10']:.1f}",
            row["parameters"],
            f"{row['parameters_per_clip']:.0f}",
            f"{row['train_seconds']:.1f}",
            f"{row['decoder_us_per_frame']:.1f}",
            f"{row['memory_mb']:.0f}",
        ]
        for row in [*results["vocabulary"], *results["data"]]
    ]
    print_table("", columns, rows)
    for note in dict.fromkeys(row["intervals"] for row in [*results["vocabulary"], *results["data"]]):
        print(f"95 % intervals over seeds, and {note}")
    if "graph_states" in results["vocabulary"][0]:
        print_table("", *cascade_table(results["vocabulary"]))
    for key, law in results["laws"].items():
        print(f"{key}: exponent {law['exponent']:.2f} [{law['low']:.2f}, {law['high']:.2f}], R² {law['r_squared']:.2f}")
    print(results["recommendation"])


def cascade_table(rows: list[dict]) -> tuple[list[str], list[list]]:
    """Columns and rows of the table of cascades."""
    columns = ["cascade", "read exactly %", "states", "arcs", "arcs per state", "file (MB)", "build (s)", "build memory (MB)"]
    return columns, [
        [
            row["name"],
            f"{row['read_exactly']:.1f}",
            f"{row['graph_states']:.0f}",
            f"{row['graph_arcs']:.0f}",
            f"{row['graph_arcs'] / row['graph_states']:.1f}",
            f"{row['graph_file_mb']:.2f}",
            f"{row['graph_seconds']:.1f}",
            f"{row['graph_memory_mb']:.0f}",
        ]
        for row in rows
    ]
