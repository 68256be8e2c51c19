"""Clips before and after extraction, and the list of clips of a workspace (clips.jsonl)."""

import gc
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from asl.models.features.tiers import Segment
from asl.pipelines.synthetic.signers import SYNTHETIC_PREFIX
from asl.pipelines.workspace.errors import StageMissing
from asl.pipelines.workspace.files import file_hash, write_atomically

SPLITS = ("train", "validation", "test")
_SPLIT_NAMES = {"train": "train", "training": "train", "val": "validation", "valid": "validation", "dev": "validation"} | {
    "validation": "validation",
    "test": "test",
    "testing": "test",
    "": "",
}


@dataclass(frozen=True)
class ClipSource:
    """A clip as given by a source, before extraction.

    name: path-like, unique within its source. start, end: seconds within the file; end None: up to its end.
    range_if_reached: ignore the range if the file is shorter than `end`, because it has already been cut to the range.
    row, layout: index into a landmark array, and the layout of its values; for a synthetic clip, layout is its recipe.
    glosses: in signing order; one for an isolated sign, none if unlabelled.
    group: clips of a group (a source, a signer, a session) are never in different splits.
    """

    path: Path
    kind: Literal["video", "pose", "array", "synthetic"]
    name: str
    glosses: tuple[str, ...] = ()
    group: str = ""
    signer: str = ""
    split: str = ""
    start: float = 0.0
    end: float | None = None
    range_if_reached: bool = False
    row: int | None = None
    layout: str = ""
    segments: tuple[Segment, ...] = ()


#: Fields of a clip that lists of older versions lack.
ADDED_LATER = ("given_split", "tracker")


@dataclass(frozen=True)
class Clip:
    """A clip whose landmarks are in the workspace; one line of clips.jsonl.

    id: unique among all clips of the workspace; the name is unique only among clips that were extracted together.
    pose: `.pose` file in the workspace. digest: its SHA-256. fps, frames: of the stored landmarks.
    split: train, validation or test as assigned by `asl extract`; "" if the clip is left out.
    given_split: the split in its source, "" if there is none; None in lists of older versions, which did not store it.
    seen: shares of frames with pose, face, left hand and right hand.
    tracker: what made the landmarks of a video, as `LandmarkSettings.tracker_name`; "" if they were given, or are synthetic; None
    in lists of older versions.
    """

    id: str
    pose: str
    digest: str
    name: str
    kind: str
    glosses: tuple[str, ...]
    group: str
    signer: str
    split: str
    fps: float
    frames: int
    seen: tuple[float, float, float, float]
    segments: tuple[Segment, ...] = field(default=())
    given_split: str | None = ""
    tracker: str | None = None

    @property
    def hands_seen(self) -> float:
        """Share of frames with the hand that is seen more often."""
        return max(self.seen[2], self.seen[3])

    @property
    def synthetic(self) -> bool:
        """Whether the signer is synthetic, in landmarks or in a rendered video."""
        return is_synthetic(self)


def is_synthetic(clip: ClipSource | Clip) -> bool:
    """Whether the signer of a clip is synthetic, in landmarks or in a rendered video."""
    return clip.kind == "synthetic" or clip.signer.startswith(SYNTHETIC_PREFIX)


def split_name(text: str) -> str | None:
    """train, validation, test or '' for the common spellings; None for other text."""
    return _SPLIT_NAMES.get(text.strip().lower())


def write_clips(path: Path, clips: Iterable[Clip]) -> None:
    """Writes a list of clips as JSON lines, atomically."""
    lines = [json.dumps(asdict(clip), ensure_ascii=False) for clip in clips]
    write_atomically(path, "".join(line + "\n" for line in lines))


def read_clips(path: Path) -> list[Clip]:
    """Reads the clips of a workspace. Raises StageMissing if there are none yet or the list is damaged."""
    try:
        with open(path, encoding="utf-8") as file, garbage_collection_paused():
            return [_clip(json.loads(line)) for line in file]
    except FileNotFoundError as error:
        raise _no_clips() from error
    except (ValueError, TypeError, KeyError) as error:
        raise StageMissing(f"{path.name} is damaged: {error}", "write it again with: asl extract --force") from error


def clips_hash(path: Path) -> str:
    """SHA-256 of the list of clips. Raises StageMissing if there are none yet."""
    try:
        return file_hash(path)
    except FileNotFoundError as error:
        raise _no_clips() from error


def _no_clips() -> StageMissing:
    return StageMissing("this workspace has no clips yet", "asl extract --videos DIR (or --poses, --landmarks)")


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Pauses garbage collection. This halves the time to read long lists, whose millions of objects are all kept."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _clip(record: Mapping[str, Any]) -> Clip:
    later = {name: record.get(name) for name in ADDED_LATER}
    values = {f.name: record[f.name] for f in fields(Clip) if f.name not in ADDED_LATER}
    segments = tuple(Segment(**segment) for segment in values.pop("segments"))
    seen, glosses = tuple(values.pop("seen")), tuple(values.pop("glosses"))
    return Clip(**values, seen=seen, glosses=glosses, segments=segments, **later)
