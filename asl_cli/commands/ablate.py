"""asl ablate"""

from pathlib import Path
from typing import Annotated

import typer

from asl.cli.completion import splits
from asl.cli.options import RARE, TRAINING_PACKAGES, Call, command, name_option, refuse_options
from asl.cli.studies import PANEL, finish
from asl.cli.terminal import command_line, print_table
from asl.pipelines.workspace.counts import counted
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
def ablate(
    call: Call,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds",
            help="Runs per condition, with seeds from --seed on. Default: the fewest that can show an effect, 6 for one "
            "comparison, 7 for two or three, 8 for up to six; with --modalities 5.",
            show_default=False,
            rich_help_panel=PANEL,
        ),
    ] = None,
    factor: Annotated[
        list[str] | None,
        typer.Option(
            "--factor",
            help="Factor to compare, as NAME=a,b,…; the first value is the baseline. NAME is a setting, pretrained (no, yes: one "
            "pre-training per seed, or the name of a model) or quantiser (on, off). Default: pretrained=no,yes.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    condition: Annotated[
        list[str] | None,
        typer.Option("--condition", help="Condition given by its settings, as 'NAME: setting=value …'.", rich_help_panel=PANEL),
    ] = None,
    grid: Annotated[
        bool,
        typer.Option(
            "--grid", help="Run every combination of the factors, and compare each factor over the others.", rich_help_panel=PANEL
        ),
    ] = False,
    metric: Annotated[
        str,
        typer.Option(
            "--metric", help="Metric: top_1, top_5, read_exactly or wer. Default: depends on the clips.", rich_help_panel=PANEL
        ),
    ] = "",
    split: Annotated[
        str, typer.Option("--split", autocompletion=splits, help="Split to test on.", rich_help_panel=PANEL)
    ] = "test",
    jobs: Annotated[int, typer.Option("--jobs", help="Runs in parallel; 0 uses one per core.", rich_help_panel=PANEL)] = 0,
    modalities: Annotated[
        bool,
        typer.Option(
            "--modalities",
            help="Measure the information and the cost of hands, face and body instead of comparing conditions.",
            rich_help_panel=PANEL,
        ),
    ] = False,
    worth: Annotated[
        float,
        typer.Option(
            "--worth",
            help="With --modalities: points of error that a modality must save for each ms that it takes per frame.",
            rich_help_panel=RARE,
            min=0,
        ),
    ] = 0.1,
    import_: Annotated[
        Path | None,
        typer.Option(
            "--import",
            help="Analyse a CSV file with the columns condition, seed, score instead of running anything.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    unpaired: Annotated[
        bool, typer.Option("--unpaired", help="With --import: do not pair scores of equal seeds.", rich_help_panel=RARE)
    ] = False,
    baseline: Annotated[
        str,
        typer.Option(
            "--baseline", help="With --import: name of the baseline. Default: the first condition.", rich_help_panel=RARE
        ),
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="With --import: report to write, with a JSON file beside it.", rich_help_panel=RARE),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="With --import: replace files that asl did not write, or that were changed since.",
            rich_help_panel=RARE,
        ),
    ] = False,
    name: Annotated[
        str | None, name_option("Name of the report. Default: derived from what is compared.", rich_help_panel=RARE)
    ] = None,
) -> None:
    """Compare conditions over several seeds, with statistical tests.

        $ asl ablate --seeds 10
        $ asl ablate --factor encoder=bilstm,tcn --epochs 20

    Without --factor and --condition, training with pre-training is compared with training without it. Completed runs are reused:
    one more seed adds only its own runs, and an interrupted study resumes.
    """
    check_options(import_, modalities, call, factor, condition, grid)
    if not import_:
        of_imports = {"--unpaired": unpaired, "--baseline": baseline, "--output": output, "--overwrite": overwrite}
        refuse_options(of_imports, "applies to --import only", "leave it out: the report of a study is written to reports/")
    with call.progress() as progress:
        if import_:
            from asl.pipelines.studies.imported_scores import import_study

            page = output or Path(f"{import_.stem}-ablation.html")
            study = import_study(
                import_, page, unpaired=unpaired, baseline=baseline, command=command_line(), overwrite=overwrite
            )  # fmt: skip
        elif modalities:
            from asl.pipelines.studies.modalities import run_modalities

            study = run_modalities(
                call.find_workspace(), call.flags, progress, split=split, jobs=jobs, worth=worth,
                command=command_line(), dry_run=call.dry_run, **({} if seeds is None else {"seeds": seeds}),
            )  # fmt: skip
        else:
            from asl.pipelines.studies.ablate import run_ablate

            study = run_ablate(
                call.find_workspace(), call.flags, progress, seeds=seeds, factors=factor or (), conditions=condition or (),
                grid=grid, metric=metric, split=split, jobs=jobs, name=name, command=command_line(), dry_run=call.dry_run,
            )  # fmt: skip
        finish("ablate", call, progress, study, show_modalities if modalities else show)


def check_options(table: Path | None, modalities: bool, call: Call, *designed: object) -> None:
    """Raises BadInput for options of two kinds of study, one of which would be ignored."""
    kinds = {"--import": table is not None, "--modalities": modalities, "--factor, --condition or --grid": any(designed)}
    chosen = [kind for kind, given in kinds.items() if given]
    if len(chosen) > 1:
        raise BadInput(f"{chosen[0]} cannot be combined with {chosen[1]}", "run one study at a time")
    if table and call.dry_run:
        raise BadInput("--import cannot be combined with --dry-run, since it runs nothing", "leave out --dry-run")


def show(results: dict) -> None:
    """Prints the scores of every seed, the comparisons and their verdicts."""
    metric, seeds = results["metric"], [f"seed {seed}" for seed in results["seeds"]]
    digits, difference_digits = metric["digits"], metric["difference_digits"]
    rows = [
        [
            condition["name"],
            *([f"{score:.{digits}f}" for score in condition["scores"]] if seeds else []),
            f"{condition['mean']:.{max(digits, difference_digits)}f}",
            f"{condition['sd']:.{max(digits, difference_digits)}f}",
        ]
        for condition in results["conditions"]
    ]
    print_table(metric["title"], ["condition", *seeds, "mean", "sd"], rows)
    columns = ["comparison", "difference", "95 % interval", "paired t", "Student", "Welch", "exact", "Hedges' g", "p (Holm)"]
    print_table("", columns, [comparison_row(comparison, difference_digits) for comparison in results["comparisons"]])
    for comparison in results["comparisons"]:
        print(comparison["verdict"])


def comparison_row(comparison: dict, digits: int) -> list[str]:
    """The columns of a comparison; "–" for a test that does not apply."""
    interval = comparison["interval"]
    return [
        f"{comparison['condition']} − {comparison['baseline']}",
        f"{comparison['difference']:+.{digits}f}",
        f"[{interval['low']:+.{digits}f}, {interval['high']:+.{digits}f}]" if interval else "–",
        *(
            f"{comparison['tests'][test]['p']:.3f}" if test in comparison["tests"] else "–"
            for test in ("paired", "student", "welch", "permutation")
        ),
        f"{comparison['hedges_g']:+.2f}" if comparison["hedges_g"] is not None else "–",
        f"{comparison['p_holm']:.3f} {comparison['stars']}",
    ]


def show_modalities(results: dict) -> None:
    """Prints the information and the cost that each modality adds to those before it."""

    def interval(estimate: dict | None, digits: int) -> str:
        if estimate is None:
            return "–"
        value, low, high = (f"{estimate[key]:.{digits}f}" for key in ("value", "low", "high"))
        return f"{value} [{low}, {high}]"

    rows = [
        [
            step["modality"],
            interval(step["information"], 2),
            interval(step["error"], 1),
            interval(step["saved"], 1),
            step["milliseconds"],
            step["worth"],
        ]
        for step in results["steps"]
    ]
    title = (
        f"{results['entropy']:.2f} bits of entropy, {results['glosses']} glosses, {counted(results['test_clips'], 'test clip')}"
    )
    columns = ["modality", "information (bits)", "error with it (%)", "error saved (points)", "ms per frame", "decision"]
    print_table(title, columns, rows)
    print(f"95 % intervals over seeds, and {results['intervals']}")
