"""asl build-fst"""

from pathlib import Path
from typing import Annotated

import typer

from asl.cli.completion import choices, glosses, graphs, trained_models
from asl.cli.options import TRAINING_PACKAGES, Call, command, name_option, refuse_options
from asl.cli.terminal import command_line, next_steps, print_json, print_pairs, print_table
from asl.pipelines.workspace.output_files import check_outputs, record_output


@command("graph", stage=True, needs=(*TRAINING_PACKAGES, "pynini"))
def build_fst(
    call: Call,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", autocompletion=trained_models, help="Model: a name in models/, or a folder. Default: the newest."
        ),
    ] = None,
    codes: Annotated[
        str | None,
        typer.Option(
            "--codes",
            autocompletion=trained_models,
            help="Pre-trained model whose codebooks distinguish units. Default: the newest, else codebooks are fitted.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        name_option("Name of the graph's folder in graphs/. Default: derived from the settings.", autocompletion=graphs),
    ] = None,
    draw: Annotated[
        str | None,
        typer.Option(
            "--draw",
            autocompletion=choices(("C", "M", "D", "L", "G", "LG")),
            help="Only draw a transducer (C, M, D, L, G or LG) of a built graph (--name) as SVG.",
        ),
    ] = None,
    around: Annotated[
        str, typer.Option("--around", autocompletion=glosses, help="With --draw: only the part that concerns this gloss.")
    ] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="With --draw: output file. Default: in reports/.")] = None,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="With --draw: replace a file that asl did not write, or that was changed since."),
    ] = False,
) -> None:
    """Build the cascade of six transducers that decodes sentences.

        $ asl build-fst
        $ asl build-fst --text sentences.txt --names names.txt

    The six are units, context, fusion, discourse, lexicon and grammar. Units are learned from the training clips. Weights are
    tuned on the validation clips. The language model G is estimated from --text and the clips.
    """
    if not draw:
        of_drawings = {"--around": around, "--output": output, "--overwrite": overwrite}
        refuse_options(of_drawings, "applies to drawings only", "add --draw LG, or leave it out: graphs are written to graphs/")
    workspace = call.find_workspace()
    if draw:
        return _draw(call, workspace, model, name, draw, around, output, overwrite=overwrite)
    from asl.pipelines.cascade.build_fst import run_build_fst
    from asl.pipelines.workspace.status import evaluate_command

    with call.progress() as progress:
        result = run_build_fst(
            workspace, call.flags, progress, model=model, codes=codes, name=name, command=command_line(), force=call.force,
            dry_run=call.dry_run,
        )  # fmt: skip
        for warning in result.warnings:
            progress.warn(warning)
    if call.as_json:
        ran = result.decision.run and not call.dry_run
        return print_json(
            "build-fst",
            {
                "ran": ran,
                "why": result.decision.reason,
                "folder": result.folder,
                "metrics": result.metrics,
                "sizes": result.sizes,
            },
        )
    if not result.decision.run:
        progress.say(f"build-fst: {result.decision.reason}, nothing to do (use --force to run it again)")
    elif call.dry_run:
        return progress.say(f"build-fst would run: {result.decision.reason}")
    if result.sizes:
        columns = ("name", "states", "arcs", "out_degree", "bytes", "seconds")
        print_table(
            "",
            ("transducer", *columns[1:3], "arcs per state", *columns[4:]),
            [[size[key] for key in columns] for size in result.sizes],
        )
    print_pairs(result.metrics)
    if result.decision.run:
        progress.say(f"graph: {result.folder}")
        progress.say(f"report: {result.report}")
        evaluate = evaluate_command(workspace, " --decoder cascade")
        progress.say(next_steps(evaluate, "asl translate --decoder cascade VIDEO"))


def _draw(
    call: Call, workspace, model: str | None, graph: str | None, level: str, around: str, output: Path | None, *, overwrite: bool
) -> None:
    from asl.pipelines.cascade.graph_drawing import draw
    from asl.pipelines.cascade.graph_folder import find_graph, load_graph
    from asl.pipelines.recogniser.model import find_model
    from asl.pipelines.recogniser.torch_model import load_model
    from asl.pipelines.workspace.files import slug

    folders = find_graph(workspace, graph), find_model(workspace, model)
    if output:
        inputs = [workspace.file, workspace.clips_file, *(file for folder in folders for file in folder.iterdir())]
        check_outputs([output], inputs, overwrite=overwrite)
    name = f"{level}-{slug(around)}.svg" if around else f"{level}.svg"
    drawn = draw(load_graph(folders[0], load_model(folders[1])), level, around, output or workspace.reports / name)
    if output:
        record_output(drawn)
    if call.as_json:
        return print_json("build-fst", {"drawn": str(drawn)})
    print(drawn)
