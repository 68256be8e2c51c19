"""asl export"""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from asl.cli.completion import graphs, trained_models
from asl.cli.options import Call, command, name_option, refuse_options
from asl.cli.terminal import print_json, print_pairs, print_table


@command("export", stage=True)
def export(
    call: Call,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            autocompletion=trained_models,
            help="Model: a name in models/, or a folder. Default: the one that asl models marks.",
        ),
    ] = None,
    graph: Annotated[
        str | None,
        typer.Option(
            "--graph",
            autocompletion=graphs,
            help="Graph: a name in graphs/, or a folder. Default: the newest, if it was built for the model.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        name_option("Name of the bundle and of its folder in bundles/. Default: the name of the model."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the bundle to this folder instead.")] = None,
    licence: Annotated[str, typer.Option("--licence", help="Licence of the bundle, for its card.")] = "",
    accuracy: Annotated[
        list[str] | None,
        typer.Option("--accuracy", help="Accuracy on clips not used in training, for its card; may be repeated."),
    ] = None,
    web: Annotated[
        Path | None,
        typer.Option("--web", help="Also write a static web page to this folder, which reads .pose files in the browser."),
    ] = None,
    web_runtime: Annotated[
        Path | None, typer.Option("--web-runtime", help="Folder of the npm package onnxruntime-web. Default: npm downloads it.")
    ] = None,
) -> None:
    """Export a model and its cascade as a bundle, which needs neither torch nor Pynini.

        $ asl export
        $ asl export --int8 --web page

    asl translate --model BUNDLE reads clips with it. The exported networks are compared with torch on clips of the
    workspace; a bundle with different outputs is not written.
    """
    if not web:
        refuse_options({"--web-runtime": web_runtime}, "applies to --web only", "add --web FOLDER, or leave it out")
    workspace = call.find_workspace()
    from asl.pipelines.deployment.export import run_export

    with call.progress() as progress:
        result = run_export(
            workspace, call.flags, progress, model=model, graph=graph, name=name, output=output, licence=licence,
            accuracy=accuracy or (), force=call.force, dry_run=call.dry_run,
        )  # fmt: skip
    ran = result.decision.run and not call.dry_run
    if web and not call.dry_run:
        from asl.pipelines.deployment.web_page import write_web
        from asl.pipelines.recogniser.bundle import load_bundle

        result.metrics |= {
            "web": str(web),
            "web_megabytes": round(write_web(web, load_bundle(Path(result.folder)), web_runtime) / 1e6, 2),
        }
    if call.as_json:
        variants = [vars(variant) for variant in result.variants]
        why = result.decision.reason
        return print_json(
            "export", {"ran": ran, "why": why, "folder": result.folder, "variants": variants, "metrics": result.metrics}
        )
    if not result.decision.run:
        progress.say(f"export: {result.decision.reason}, nothing to do (use --force to run it again)")
    elif call.dry_run:
        return progress.say(f"export would run: {result.decision.reason}")
    print_pairs(result.metrics)
    if ran:
        _show(result)
        progress.say(f"the bundle is in {result.folder}; its card is {Path(result.folder) / 'README.md'}")
        progress.say(f"next: asl translate VIDEO --model {shlex.quote(result.folder)}")
    if web:
        progress.say(f"the web page is in {web}; try it with: python -m http.server -d {shlex.quote(str(web))}")


def _show(result) -> None:
    rows = [
        (
            variant.name,
            round(variant.bytes / 1e6, 3),
            f"{variant.off:.1e}",
            f"{100 * variant.agree:.1f} %",
            _percent(variant.top_1),
            variant.milliseconds,
        )
        for variant in result.variants
    ]
    title = f"checked on {result.metrics['checked_on']}"
    print_table(title, ("format", "MB", "largest difference (nats)", "same top-1", "top-1", "ms per clip"), rows)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"
