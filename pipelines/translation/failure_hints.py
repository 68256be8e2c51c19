"""What to do about a clip that cannot be used, by the reason."""

_VIDEO = "try to play it; if it plays, convert it: ffmpeg -i CLIP new.mp4"
_POSE = "write it again with a current version of pose-format, as MediaPipe Holistic"
_HINTS = {
    "bad-pose": _POSE,
    "cut-off": "copy or record it again; what is left of it can be cut out: ffmpeg -i CLIP -c copy new.mp4",
    "empty-file": "copy or record it again",
    "no-frames": _VIDEO,
    "no-signer": "the head, the shoulders and the hands of one person must be in the picture",
    "no-video": "name a video, not a sound recording",
    "not-a-file": "name a video or a .pose file",
    "not-a-video": _VIDEO,
    "not-holistic": _POSE,
    "time-jump": "encode it again: ffmpeg -i CLIP new.mp4",
    "too-large": "cut it into shorter clips, or make its pictures smaller",
    "too-long": "cut it into shorter clips, or raise --max-minutes",
    "too-short": "record at least a quarter of a second",
    "unreadable": "check the file's permissions",
    "worker-died": "cut it into shorter clips, or use fewer processes: --workers 1",
}


def failure_hint(reason: str) -> str:
    """A line for the user. reason: of a BadClip."""
    return _HINTS.get(reason, "run it again with this clip alone and -v for the details, and please report it")
