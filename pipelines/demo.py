"""`asl demo`: the whole road in a few minutes, on signers that are made of numbers.

A small recogniser is trained on synthetic landmarks; then an unseen synthetic signer is rendered as video, MediaPipe looks
at it, and the recogniser reads it. Nothing here says anything about accuracy on ASL.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path

from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.corpus.extract import run_extract
from asl.pipelines.corpus.sources import synthetic
from asl.pipelines.corpus.sources.synthetic import render
from asl.pipelines.jobs.processes import Workers
from asl.pipelines.media.pose_files import write_pose
from asl.pipelines.recogniser.model import find_model
from asl.pipelines.recogniser.torch_model import load_model
from asl.pipelines.reports.page import write_page
from asl.pipelines.reports.skeleton_player import animation, drawing
from asl.pipelines.synthetic import lexicon, performances
from asl.pipelines.training.train_ctc import run_train_ctc
from asl.pipelines.translation.reader import Reader
from asl.pipelines.translation.result import Translation
from asl.pipelines.translation.whole_clips import translate
from asl.pipelines.translation.writers import write_overlay
from asl.pipelines.workspace.errors import AslError, BadClip
from asl.pipelines.workspace.folder import Workspace, create_workspace, open_workspace
from asl.pipelines.workspace.progress import Progress

SIGNS = (
    "MOM", "DAD", "BOY", "GIRL", "WANT", "EAT", "DRINK", "LIKE", "SEE", "BOOK", "WATER", "MILK", "CUP", "BALL", "HAPPY",
    "TIRED", "NOW", "TOMORROW", "WHAT", "WHERE", "HELLO", "THANKYOU", "YES", "NO",
)  # fmt: skip
TRAINING = {"synthetic": True, "signs": 0, "clips": 24, "sentences": 120, "signers": 12, "first_signer": 0, "video": False}
TRAINING |= {"test_share": 0.0, "validation_share": 0.0}
RECIPE = {"epochs": 18, "batch_size": 16}
#: The signer of the rendered clips is none of those that were trained on.
UNSEEN_SIGNER = 900
#: What is rendered: single signs, and sentences by the number of their take.
SHOWN_SIGNS, SHOWN_SENTENCES = ("HELLO", "WATER", "BOOK"), (0,)


@dataclass(frozen=True)
class DemoClip:
    """A rendered clip: what was signed, what was read, and where the videos lie."""

    name: str
    signed: tuple[str, ...]
    read: tuple[str, ...]
    video: Path
    captioned: Path
    translation: Translation


@dataclass
class DemoResult:
    """What `asl demo` did. failed: (clip, reason) of clips that MediaPipe could not use."""

    folder: Path
    report: Path
    seconds: float = 0.0
    training_clips: int = 0
    shown: list[DemoClip] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


def run_demo(folder: Path, progress: Progress) -> DemoResult:
    """Runs the demo in a workspace; one that was made by an earlier demo is taken up where it stopped.

    Raises AslError: the folder is a workspace of somebody's own.
    """
    clock = time.monotonic()
    workspace, words = _workspace(folder)
    progress.say(f"1/4 training clips: {len(SIGNS)} signs, {TRAINING['signers']} synthetic signers, as landmarks")
    extracted = run_extract(workspace, TRAINING | {"lexicon": str(words)}, progress)
    progress.say("2/4 training a small recogniser on them")
    run_train_ctc(workspace, RECIPE, progress, name="demo")
    progress.say("3/4 rendering a synthetic signer that it has never seen, as video")
    clips = _clips(workspace, words)
    render([clip for clip in clips if not clip.path.is_file()], Workers(), progress)
    progress.say("4/4 MediaPipe looks at the videos, the recogniser reads them")
    result = DemoResult(folder, workspace.reports / "demo.html", training_clips=int(extracted.metrics.get("clips", 0)))
    for clip, outcome in _translated(workspace, clips, progress):
        if isinstance(outcome, BadClip):
            result.failed.append((clip.name, outcome.message))
        else:
            result.shown.append(_shown(workspace, clip, outcome))
    result.seconds = time.monotonic() - clock
    _write_report(result)
    return result


def _workspace(folder: Path) -> tuple[Workspace, Path]:
    """The workspace and the demo's lexicon in it."""
    words = folder / "demo-lexicon.csv"
    if (folder / "asl.toml").is_file() and not words.is_file():
        raise AslError(f"{folder} is a workspace of its own", "name another folder: asl demo DIR")
    if not words.is_file():  # first, so that a demo killed here is known again as one
        lexicon.write_excerpt(words, SIGNS)
    workspace = open_workspace(folder) if (folder / "asl.toml").is_file() else create_workspace(folder)
    return workspace, words.absolute()


def _clips(workspace: Workspace, words: Path) -> list[ClipSource]:
    """The clips to render: their recipes are fixed."""
    common = {"lexicon": str(words), "vocabulary": 0, "signer": UNSEEN_SIGNER, "seed": 0, "fps": 25.0, "noise": False}
    recipes = [performances.Recipe(gloss=gloss, take=0, **common) for gloss in SHOWN_SIGNS]
    recipes += [performances.Recipe(gloss="", take=take, **common) for take in SHOWN_SENTENCES]
    return [synthetic.source(recipe, words, workspace.synthetic) for recipe in recipes]


def _translated(workspace: Workspace, clips, progress: Progress):
    reader = Reader(load_model(find_model(workspace, "demo")), workspace.settings("decode", {}))
    landmarks = workspace.settings("landmarks", {})
    for isolated in (True, False):
        chosen = [clip for clip in clips if (len(clip.glosses) == 1) == isolated]
        yield from translate(chosen, reader, landmarks, progress, isolated=isolated)


def _shown(workspace: Workspace, clip: ClipSource, found: Translation) -> DemoClip:
    captioned = workspace.folder / "captioned" / f"{'-'.join(clip.glosses)[:60]}.mp4"
    write_overlay(captioned, found)
    write_pose(captioned.with_suffix(".pose"), found.landmarks)
    return DemoClip(clip.name, clip.glosses, tuple(token.gloss for token in found.tokens), clip.path, captioned, found)


def _write_report(result: DemoResult) -> None:
    rows = [
        {
            "shown": shown,
            "animation": animation(shown.translation.landmarks),
            "video": shown.captioned.relative_to(result.folder).as_posix(),
            "right": shown.read == shown.signed,
        }
        for shown in result.shown
    ]
    write_page(result.report, "demo.html", result=result, rows=rows, signs=SIGNS, drawing=drawing())
