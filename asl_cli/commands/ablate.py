"""asl ablate"""

from pathlib import Path
from typing import Annotated

import typer

from asl.cli.options import Call, command
from asl.cli.studies import PANEL, finish
from asl.cli.terminal import print_table, typed
from asl.pipelines.workspace.errors import BadInput


@command("train", "encoder", "features", "phonology", "decode", "graph", "study", "cluster", study=True)
def ablate(
    call: Call,
    seeds: Annotated[int, typer.Option("--seeds", help="Runs of each condition, from --seed on.", rich_help_panel=PANEL)] = 5,
    factor: Annotated[
        list[str] | None,
        typer.Option(
            "--factor",
            help="NAME=a,b,…: what is compared, the first value being the baseline. A setting, or pretrained "
            "(no, yes: a stage 1 a seed, or a model's name), or quantiser (on, off). Default: pretrained=no,yes.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    condition: Annotated[
        list[str] | None,
        typer.Option("--condition", help="'NAME: setting=value …': a condition by its settings.", rich_help_panel=PANEL),
    ] = None,
    grid: Annotated[
        bool,
        typer.Option("--grid", help="Run every combination of the factors; compare each over the others.", rich_help_panel=PANEL),
    ] = False,
    metric: Annotated[
        str,
        typer.Option("--metric", help="top_1, top_5, read_exactly or wer. Default: by the clips.", rich_help_panel=PANEL),
    ] = "",
    split: Annotated[str, typer.Option("--split", help="The split to test on.", rich_help_panel=PANEL)] = "test",
    jobs: Annotated[int, typer.Option("--jobs", help="Runs side by side; 0 is one a core.", rich_help_panel=PANEL)] = 0,
    modalities: Annotated[
        bool,
        typer.Option(
            "--modalities", help="What hands, face and body tell, and cost, in place of conditions.", rich_help_panel=PANEL
        ),
    ] = False,
    worth: Annotated[
        float,
        typer.Option(
            "--worth", help="With --modalities: points of error a ms a frame has to save.", rich_help_panel=PANEL, min=0
        ),
    ] = 0.1,
    import_: Annotated[
        Path | None,
        typer.Option("--import", help="Analyse a CSV of condition, seed, score instead of running.", rich_help_panel=PANEL),
    ] = None,
    unpaired: Annotated[
        bool, typer.Option("--unpaired", help="With --import: equal seeds do not make pairs.", rich_help_panel=PANEL)
    ] = False,
    baseline: Annotated[
        str, typer.Option("--baseline", help="With --import: the baseline; else the first condition.", rich_help_panel=PANEL)
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="With --import: the page to write; its JSON lies beside it.", rich_help_panel=PANEL),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", help="Name of the report. Default: by what is compared.", rich_help_panel=PANEL)
    ] = "",
) -> None:
    """Compare conditions over several seeds, with the statistics that tell an effect from luck.

    'asl ablate --seeds 3' trains with and without pre-training in this workspace and says what may be concluded. Runs are
    kept: another seed runs one seed more, and a killed study goes on.
    """
    refuse_mixed(import_, modalities, call, factor, condition, grid)
    from asl.pipelines.studies.ablate import import_study, run_ablate

    with call.progress() as progress:
        if import_:
            page = output or Path(f"{import_.stem}-ablation.html")
            study = import_study(import_, page, unpaired=unpaired, baseline=baseline, command=typed())
        elif modalities:
            from asl.pipelines.studies.modalities import run_modalities

            study = run_modalities(
                call.find_workspace(), call.flags, progress, seeds=seeds, split=split, jobs=jobs, worth=worth, command=typed(),
                dry_run=call.dry_run,
            )  # fmt: skip
        else:
            study = run_ablate(
                call.find_workspace(), call.flags, progress, seeds=seeds, factors=factor or (), conditions=condition or (),
                grid=grid, metric=metric, split=split, jobs=jobs, name=name, command=typed(), dry_run=call.dry_run,
            )  # fmt: skip
        finish("ablate", call, progress, study, show_modalities if modalities else show)


def refuse_mixed(table: Path | None, modalities: bool, call: Call, *designed: object) -> None:
    """Raises BadInput: options of two kinds of study at once, of which one would go unheard."""
    kinds = {"--import": table is not None, "--modalities": modalities, "--factor, --condition or --grid": any(designed)}
    asked = [kind for kind, given in kinds.items() if given]
    if len(asked) > 1:
        raise BadInput(f"{asked[0]} does not go with {asked[1]}", "one study at a time")
    if table and call.dry_run:
        raise BadInput("--import runs nothing, so there is nothing to try --dry-run on", "leave one of them out")


def show(results: dict) -> None:
    """Scores of every seed, comparisons, and the verdicts."""
    seeds = [f"seed {seed}" for seed in results["seeds"]]
    rows = [
        [one["name"], *([f"{score:.2f}" for score in one["scores"]] if seeds else []), f"{one['mean']:.2f}", f"{one['sd']:.2f}"]
        for one in results["conditions"]
    ]
    print_table(results["metric"]["title"], ["condition", *seeds, "mean", "sd"], rows)
    rows = [
        [
            f"{one['condition']} − {one['baseline']}",
            f"{one['difference']:+.1f}",
            f"[{one['interval']['low']:+.1f}, {one['interval']['high']:+.1f}]",
            *(
                f"{one['tests'][test]['p']:.3f}" if test in one["tests"] else "–"
                for test in ("paired", "student", "welch", "permutation")
            ),
            f"{one['hedges_g']:+.2f}" if one["hedges_g"] is not None else "–",
            f"{one['p_holm']:.3f} {one['stars']}",
        ]
        for one in results["comparisons"]
    ]
    columns = ["comparison", "difference", "95 %", "paired t", "Student", "Welch", "exact", "g", "p (Holm)"]
    print_table("", columns, rows)
    for one in results["comparisons"]:
        print(one["verdict"])


def show_modalities(results: dict) -> None:
    """What each modality tells, given those before it."""

    def span(one: dict | None, digits: int) -> str:
        return "–" if one is None else f"{one['value']:.{digits}f} [{one['low']:.{digits}f}, {one['high']:.{digits}f}]"

    rows = [
        [
            one["modality"],
            span(one["information"], 2),
            span(one["error"], 1),
            span(one["saved"], 1),
            one["milliseconds"],
            one["worth"],
        ]
        for one in results["steps"]
    ]
    title = f"{results['entropy']:.2f} bits of entropy, {results['glosses']} glosses, {results['test_clips']} test clips"
    print_table(title, ["modality", "information, bits", "error with it, %", "error saved, points", "ms a frame", "rule"], rows)
