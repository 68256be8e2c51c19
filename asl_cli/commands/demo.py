"""asl demo"""

from pathlib import Path
from typing import Annotated

import typer

from asl.cli.options import TRAINING_PACKAGES, Call, command
from asl.cli.terminal import print_json, print_table

SOME_FAILED = 3


@command(workspace=False, needs=(*TRAINING_PACKAGES, "pynini", "numba"))
def demo(
    call: Call,
    folder: Annotated[
        Path | None, typer.Argument(help="Folder for the results. Default: a temporary folder.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another seed gives other signers and another sentence.")] = 0,
) -> None:
    """Run the whole pipeline once on synthetic signers: train, render, track, read.

        $ asl demo
        $ asl demo results --seed 1

    It takes about a minute and a half on two cores and needs no recordings. All results are synthetic and say nothing about
    accuracy on ASL. If it is stopped, the same command on the same folder continues.
    """
    from asl.pipelines.demo import run_demo

    target = folder or Path(_temporary_folder())
    with call.progress() as progress:
        result = run_demo(target, progress, seed=seed)
    if call.as_json:
        _print_json(result)
    else:
        _print(result, progress)
    if result.failed:
        raise typer.Exit(SOME_FAILED)


def _print(result, progress) -> None:
    rows = [(" ".join(clip.signed), " ".join(clip.read) or "–", "yes" if clip.correct else "no") for clip in result.clips]
    print_table("a synthetic signer that is in no training clip", ("signed", "read", "correct"), rows)
    sentence = max(result.clips, key=lambda clip: len(clip.signed), default=None)
    if sentence and sentence.translation.explanation:
        from asl.pipelines.translation.writers import path_lines

        print(f"\nhow the cascade read {' '.join(sentence.read)}:")
        print("\n".join(path_lines(sentence.translation)))
    for name, reason in result.failed:
        progress.warn(f"{name}: {reason}")
    progress.say(f"captioned videos: {result.folder / 'captioned'}")
    progress.say(f"look at: {result.report}")
    progress.say("everything here is synthetic; for real signing: asl init, then asl extract --videos DIR")


def _print_json(result) -> None:
    clips = [
        {"name": clip.name, "signed": clip.signed, "read": clip.read, "video": str(clip.video), "captioned": str(clip.captioned)}
        for clip in result.clips
    ]
    values = {"folder": str(result.folder), "report": str(result.report), "seconds": round(result.seconds, 1)}
    print_json("demo", values | {"synthetic": True, "shown": clips, "failed": result.failed})


def _temporary_folder() -> str:
    import tempfile

    return tempfile.mkdtemp(prefix="asl-demo-")
