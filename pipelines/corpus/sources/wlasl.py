"""`--wlasl META.json --video-root DIR`: the WLASL data set, from its full metadata or its subset files.

Full metadata: a list of {gloss, instances: [{video_id, split, signer_id, fps, frame_start, frame_end, …}]}.
Subset files nslt_N.json: {video_id: {subset, action: [class, start, end]}}, classes named in wlasl_class_list.txt.
Frames are numbered from 1; an end of -1 is the end of the video. The official split is kept by video id (SPEC §14).
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asl.pipelines.corpus.clips import ClipSource, split_name
from asl.pipelines.corpus.sources.videos import VIDEO_ENDINGS, check_folder
from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.clips import SourceSettings
from asl.transducers.glossing import normalise_gloss

MAX_JSON_BYTES = 256 << 20
DEFAULT_FPS = 25.0
CLASS_LIST = "wlasl_class_list.txt"


@dataclass(frozen=True)
class Instance:
    """A video of a gloss. rank: position of the gloss in the data set, which defines the subsets."""

    video_id: str
    gloss: str
    rank: int
    split: str
    signer: str
    fps: float
    frame_start: int
    frame_end: int


def read(file: Path, settings: SourceSettings) -> tuple[list[ClipSource], list[str], list[str]]:
    """Available clips, missing video ids, and notes. Raises BadInput for wrong JSON, or without class list or video root."""
    if not settings.video_root:
        raise BadInput("--wlasl needs --video-root", "name the folder with the videos, <video_id>.mp4")
    root = Path(settings.video_root)
    check_folder(root, "--video-root")
    instances = [instance for instance in _instances(file) if not settings.vocab_size or instance.rank < settings.vocab_size]
    files = _files(root)
    missing = [instance.video_id for instance in instances if instance.video_id not in files]
    available = [instance for instance in instances if instance.video_id in files]
    counts = Counter(instance.gloss for instance in available)
    selected = [instance for instance in available if counts[instance.gloss] >= settings.min_samples_per_gloss]
    notes = []
    if missing:
        notes.append(f"{len(missing)} of {len(instances)} WLASL videos are not in {root}")
    if len(selected) < len(available):
        rare = sum(count < settings.min_samples_per_gloss for count in counts.values())
        notes.append(f"glosses left out, with fewer than {counted(settings.min_samples_per_gloss, 'video')}: {rare}")
    return [_clip(instance, files[instance.video_id]) for instance in selected], missing, notes


def _files(root: Path) -> dict[str, Path]:
    """Videos (or .pose files) by id, the file name without extension."""
    endings = VIDEO_ENDINGS | {".pose"}
    return {path.stem: path for path in sorted(root.iterdir()) if path.suffix.lower() in endings}


def _clip(instance: Instance, path: Path) -> ClipSource:
    kind = "pose" if path.suffix.lower() == ".pose" else "video"
    start = max(0, instance.frame_start - 1) / instance.fps
    end = instance.frame_end / instance.fps if instance.frame_end > 0 else None
    # <video_id>.mp4 is usually already cut to the sign, while its frame numbers refer to the original video.
    return ClipSource(
        path,
        kind,
        instance.video_id,
        (normalise_gloss(instance.gloss),),
        instance.signer,
        instance.signer,
        instance.split,
        start,
        end,
        range_if_reached=True,
    )


def _instances(file: Path) -> Iterator[Instance]:
    data = _json(file)
    try:
        if isinstance(data, list):
            yield from _full(data)
        elif isinstance(data, dict):
            yield from _subset(data, _class_names(file))
        else:
            raise TypeError("it is neither a list of glosses nor a table of video ids")
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise BadInput(
            f"{file} is not WLASL metadata: {error}", "use WLASL_v0.3.json or nslt_100.json … nslt_2000.json"
        ) from error


def _json(file: Path) -> Any:
    try:
        if file.stat().st_size > MAX_JSON_BYTES:
            raise BadInput(f"{file} is larger than {MAX_JSON_BYTES >> 20} MiB", "WLASL metadata is a few MiB")
        return json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"--wlasl: cannot read {file}: {error.strerror}", "name the metadata file") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{file} is not JSON: {error}", "use WLASL_v0.3.json or nslt_100.json") from error


def _full(data: list[dict[str, Any]]) -> Iterator[Instance]:
    for rank, entry in enumerate(data):
        for instance in entry["instances"]:
            split = split_name(str(instance.get("split", "")))
            if split is None:
                raise ValueError(f"unknown split '{instance['split']}' of video {instance['video_id']}")
            fps = float(instance.get("fps") or DEFAULT_FPS)
            start, end = int(instance.get("frame_start", 1)), int(instance.get("frame_end", -1))
            signer = str(instance.get("signer_id", ""))
            yield Instance(str(instance["video_id"]), str(entry["gloss"]), rank, split, signer, fps, start, end)


def _subset(data: dict[str, Any], names: dict[int, str]) -> Iterator[Instance]:
    for video_id, entry in data.items():
        number, start, end = map(int, entry["action"])
        split = split_name(str(entry["subset"]))
        if split is None:
            raise ValueError(f"unknown subset '{entry['subset']}' of video {video_id}")
        yield Instance(video_id, names[number], number, split, "", DEFAULT_FPS, start, end)


def _class_names(file: Path) -> dict[int, str]:
    listing = file.parent / CLASS_LIST
    if not listing.is_file():
        raise BadInput(f"{file.name} needs {CLASS_LIST} beside it", f"copy it to {file.parent}")
    lines = [line.split("\t") for line in listing.read_text(encoding="utf-8").splitlines() if line.strip()]
    return {int(number): name for number, name in lines}
