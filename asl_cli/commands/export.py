"""asl export"""

from pathlib import Path
from typing import Annotated

import typer

from asl.cli.options import Call, command
from asl.cli.terminal import print_json, print_pairs, print_table


@command("export", stage=True)
def export(
    call: Call,
    model: Annotated[str | None, typer.Option("--model", help="A name below models/, or a folder. Default: the newest.")] = None,
    graph: Annotated[
        str | None,
        typer.Option("--graph", help="A name below graphs/, or a folder. Default: the newest, if it was built for the model."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the bundle, and of its folder below bundles/. Default: the model's.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the bundle into this folder instead.")] = None,
    licence: Annotated[str, typer.Option("--licence", help="For the card: under which licence the bundle may be used.")] = "",
    accuracy: Annotated[
        list[str] | None, typer.Option("--accuracy", help="For the card: a figure on clips that nobody trained on.")
    ] = None,
    web: Annotated[
        Path | None,
        typer.Option("--web", help="Also write a static page into this folder: it reads .pose files in a browser."),
    ] = None,
    web_runtime: Annotated[
        Path | None, typer.Option("--web-runtime", help="Folder of npm's onnxruntime-web; without it, npm fetches the package.")
    ] = None,
) -> None:
    """Write a model and its cascade as a bundle: all that asl translate --model BUNDLE needs, without torch and Pynini.

    The exported graphs are compared with torch on clips of the workspace; a bundle that says something else is not written.
    """
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
        variants = [vars(one) for one in result.variants]
        why = result.decision.reason
        return print_json(
            "export", {"ran": ran, "why": why, "folder": result.folder, "variants": variants, "metrics": result.metrics}
        )
    if not result.decision.run:
        progress.say(f"export: {result.decision.reason}, nothing to do (--force runs it)")
    elif call.dry_run:
        return progress.say(f"export would run: {result.decision.reason}")
    print_pairs(result.metrics)
    if ran:
        _show(result)
        progress.say(f"the bundle is in {result.folder}; its card: {Path(result.folder) / 'README.md'}")
        progress.say(f"next: asl translate VIDEO --model {result.folder}")
    if web:
        progress.say(f"the page is in {web}; try it with: python -m http.server -d {web}")


def _show(result) -> None:
    rows = [
        (one.name, round(one.bytes / 1e6, 3), f"{one.off:.1e}", f"{100 * one.agree:.1f} %", _percent(one.top_1), one.milliseconds)
        for one in result.variants
    ]
    print_table("", ("", "MB", "off, nats", "same top-1", "top-1", "ms a clip"), rows)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"
