"""`asl demo`: the whole pipeline in a minute and a half, on synthetic signers.

A recogniser and its cascade are trained on synthetic landmarks. Meanwhile a synthetic signer that they have never seen is
rendered as video and tracked. Then the cascade reads the clips. Nothing here says anything about accuracy on ASL.
"""

import time
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from asl.pipelines.cascade.build_fst import run_build_fst
from asl.pipelines.corpus import extract_clip
from asl.pipelines.corpus.clips import ClipSource
from asl.pipelines.corpus.extract import run_extract
from asl.pipelines.corpus.sources import synthetic
from asl.pipelines.jobs.processes import WorkerPool, Workers
from asl.pipelines.media.pose_files import read_pose
from asl.pipelines.recogniser.model import find_model
from asl.pipelines.recogniser.torch_model import load_model
from asl.pipelines.reports.page import write_page
from asl.pipelines.reports.skeleton_player import animation, drawing
from asl.pipelines.synthetic import lexicon, performances
from asl.pipelines.training.train_ctc import run_train_ctc
from asl.pipelines.translation.reader import Reader, reader_for
from asl.pipelines.translation.whole_clips import translate_landmarks
from asl.pipelines.translation.writers import Translation, write_overlay
from asl.pipelines.workspace.errors import AslError, BadClip
from asl.pipelines.workspace.folder import Workspace, create_workspace, open_workspace
from asl.pipelines.workspace.progress import Progress
from asl.pipelines.workspace.settings.clips import LandmarkSettings

SIGNS = (
    "MOM", "DAD", "GIRL", "WANT", "LIKE", "BOOK", "BALL", "CUP", "MILK", "HAPPY", "NOW", "TOMORROW", "WHERE", "HELLO",
)  # fmt: skip
TRAINING = {"synthetic": True, "signs": 0, "clips": 16, "sentences": 300, "signers": 14, "first_signer": 0, "video": False}
TRAINING |= {"by": "group", "test_share": 0.0, "validation_share": 0.0}
#: Synthetic clips are marked in time, so the gloss of every frame is trained as well.
RECIPE = {"epochs": 16, "batch_size": 16, "frames": 1.0, "threads": 1}
#: The signer of the rendered clips is none of those that the recogniser learned from; each seed of the demo has another one.
UNSEEN_SIGNER = 900
#: What is rendered: single signs, and sentences by the number of their take.
SHOWN_SIGNS, SHOWN_SENTENCES = ("HELLO", "MOM", "BOOK"), (0,)


@dataclass(frozen=True)
class DemoClip:
    """A rendered clip: what was signed, what was read, and where the videos are."""

    name: str
    signed: tuple[str, ...]
    video: Path
    captioned: Path
    translation: Translation

    @property
    def read(self) -> tuple[str, ...]:
        return self.translation.glosses

    @property
    def correct(self) -> bool:
        return self.read == self.signed


@dataclass
class DemoResult:
    """What `asl demo` did. failed: (clip, reason) of clips in which the tracker found no signer."""

    folder: Path
    report: Path
    seconds: float = 0.0
    training_clips: int = 0
    clips: list[DemoClip] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


def run_demo(folder: Path, progress: Progress, *, seed: int = 0) -> DemoResult:
    """Runs the demo in a workspace of its own; a demo that was stopped there goes on.

    seed: of the training clips, the recogniser and the unseen signer. Raises AslError if the folder is another workspace.
    """
    clock = time.monotonic()
    workspace, words = _workspace(folder)
    result = DemoResult(folder, workspace.reports / "demo.html")
    sources = _clips(workspace, words, seed)
    job = (_render_and_track, sources, workspace.settings("landmarks", {}))
    with WorkerPool(Workers(1)) as beside:
        # Training uses one core: a process on the other renders and tracks. It ends with this one.
        progress.say("on one core: a synthetic signer that is in no training clip is rendered as video and tracked")
        tracked = beside.submit(*job)
        reader, result.training_clips = _learn(workspace, words, seed, progress)
        progress.say("4/4 reading the videos")
        try:
            outcomes = tracked.result()
        except BrokenProcessPool:
            outcomes = beside.run_alone(*job).result()
    for clip, outcome in zip(sources, outcomes, strict=True):
        if isinstance(outcome, BadClip):
            result.failed.append((clip.name, outcome.message))
        else:
            result.clips.append(_read(workspace, clip, outcome, reader))
    result.seconds = time.monotonic() - clock
    _write_report(result)
    return result


def _workspace(folder: Path) -> tuple[Workspace, Path]:
    """The workspace and the demo's lexicon in it."""
    words = folder / "demo-lexicon.csv"
    if (folder / "asl.toml").is_file() and not words.is_file():
        raise AslError(f"{folder} is a workspace, and not one of the demo", "name another folder: asl demo DIR")
    if not words.is_file():  # first, so that a demo killed here is recognised as one
        lexicon.write_excerpt(words, SIGNS)
    workspace = open_workspace(folder) if (folder / "asl.toml").is_file() else create_workspace(folder)
    return workspace, words.absolute()


def _clips(workspace: Workspace, words: Path, seed: int) -> list[ClipSource]:
    """The clips to render."""
    common = {"lexicon": str(words), "vocabulary": 0, "signer": UNSEEN_SIGNER + seed, "seed": seed, "fps": 25.0, "noise": False}
    recipes = [performances.Recipe(gloss=gloss, take=0, **common) for gloss in SHOWN_SIGNS]
    recipes += [performances.Recipe(gloss="", take=take, **common) for take in SHOWN_SENTENCES]
    return [synthetic.source(recipe, words, workspace.synthetic) for recipe in recipes]


def _render_and_track(sources: list[ClipSource], settings: LandmarkSettings) -> list[Path | BadClip]:
    """The `.pose` file of each clip, or why there is none. What an earlier run left is used again."""
    for clip in sources:
        if not clip.path.is_file():
            performances.render(performances.parse_recipe(clip.layout), clip.path)
    tasks = [extract_clip.Task(clip, clip.path.with_suffix(".pose")) for clip in sources]
    missing = [task for task in tasks if not task.pose.is_file()]
    failed = {task.source: outcome for task, outcome in extract_clip.run(missing, settings, None) if isinstance(outcome, BadClip)}
    return [failed.get(task.source, task.pose) for task in tasks]


def _learn(workspace: Workspace, words: Path, seed: int, progress: Progress) -> tuple[Reader, int]:
    """A recogniser with its cascade, and the number of clips that they were learned from."""
    progress.say(f"1/4 making training clips: {len(SIGNS)} signs, {TRAINING['signers']} synthetic signers, as landmarks")
    extracted = run_extract(workspace, TRAINING | {"lexicon": str(words), "synthetic_seed": seed}, progress)
    progress.say("2/4 training a small recogniser")
    run_train_ctc(workspace, RECIPE | {"seed": seed}, progress, name="demo")
    progress.say("3/4 building its cascade")
    run_build_fst(workspace, {"tune": False}, progress, name="demo")
    model = load_model(find_model(workspace, "demo"))
    reader = reader_for(workspace, model, workspace.settings("decode", {"decoder": "cascade"}), "demo")
    return reader, int(extracted.metrics.get("clips", 0))


def _read(workspace: Workspace, clip: ClipSource, pose: Path, reader: Reader) -> DemoClip:
    translation = translate_landmarks(clip.path, read_pose(pose), reader, explain=True)
    captioned = workspace.folder / "captioned" / f"{'-'.join(clip.glosses)[:60]}.mp4"
    write_overlay(captioned, translation)
    return DemoClip(clip.name, clip.glosses, clip.path, captioned, translation)


def _write_report(result: DemoResult) -> None:
    rows = [
        {
            "clip": clip,
            "animation": animation(clip.translation.landmarks),
            "video": clip.captioned.relative_to(result.folder).as_posix(),
        }
        for clip in result.clips
    ]
    write_page(result.report, "demo.html", result=result, rows=rows, signs=SIGNS, drawing=drawing())
