"""A clip before and after extraction, and the workspace's list of clips (clips.jsonl)."""

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
from asl.pipelines.workspace.files import write_atomically

SPLITS = ("train", "validation", "test")
_SPLIT_NAMES = {"train": "train", "training": "train", "val": "validation", "valid": "validation", "dev": "validation"} | {
    "validation": "validation",
    "test": "test",
    "testing": "test",
    "": "",
}


@dataclass(frozen=True)
class ClipSource:
    """A clip as a source names it, before anything has been looked at.

    name: path-like and unique within its source. start, end: seconds within the file; end None is its end.
    range_if_reached: the range counts only if the file reaches its end; else the file has been cut to it already.
    row, layout: index into a landmark array and how its values are laid out; of a synthetic clip, layout is its recipe.
    glosses: signing order; one for an isolated sign, none if unlabelled.
    group: what must not be torn over two splits (a source, a signer, a session).
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


@dataclass(frozen=True)
class Clip:
    """A clip whose landmarks lie in the workspace; one line of clips.jsonl.

    pose: file inside the workspace; digest: SHA-256 of it. fps and frames: of the stored landmarks.
    seen: share of frames with pose, face, left hand, right hand.
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

    @property
    def hands_seen(self) -> float:
        """Share of frames with at least the more visible hand."""
        return max(self.seen[2], self.seen[3])

    @property
    def synthetic(self) -> bool:
        """Whether a synthetic signer made it, as landmarks or as a rendered video."""
        return self.kind == "synthetic" or self.signer.startswith(SYNTHETIC_PREFIX)


def split_name(text: str) -> str | None:
    """train, validation, test or '' from the spellings in use; None if it is none of them."""
    return _SPLIT_NAMES.get(text.strip().lower())


def write_clips(path: Path, clips: Iterable[Clip]) -> None:
    lines = [json.dumps(asdict(clip), ensure_ascii=False) for clip in clips]
    write_atomically(path, "".join(line + "\n" for line in lines))


def read_clips(path: Path) -> list[Clip]:
    """The workspace's clips. Raises StageMissing if there are none yet or the list is damaged."""
    try:
        with open(path, encoding="utf-8") as file, all_kept():
            return [_clip(json.loads(line)) for line in file]
    except FileNotFoundError as error:
        raise StageMissing("no clips in this workspace yet", "asl extract --videos DIR (or --poses, --landmarks)") from error
    except (ValueError, TypeError, KeyError) as error:
        raise StageMissing(f"{path.name} is damaged: {error}", "make it anew with: asl extract --force") from error


@contextmanager
def all_kept() -> Iterator[None]:
    """Reads long lists in half the time: Python does not look for garbage among millions of objects that are all kept."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _clip(record: Mapping[str, Any]) -> Clip:
    values = {f.name: record[f.name] for f in fields(Clip)}
    segments = tuple(Segment(**segment) for segment in values.pop("segments"))
    seen, words = tuple(values.pop("seen")), tuple(values.pop("glosses"))
    return Clip(**values, seen=seen, glosses=words, segments=segments)
