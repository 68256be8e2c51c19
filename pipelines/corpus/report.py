"""The extraction report, which shows how well the signer was detected in each clip."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from asl.models.features.holistic import Landmarks
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.media.drawing import skeleton_card
from asl.pipelines.media.pose_files import read_pose
from asl.pipelines.reports.page import jpeg_uri, write_page
from asl.pipelines.reports.skeleton_player import animation, drawing
from asl.pipelines.workspace.folder import Workspace

MAX_CARDS = 400
#: A clip is marked if hands are seen in less than this share of the frames.
MIN_HANDS_SEEN = 0.4


def write_report(path: Path, workspace: Workspace, clips: Sequence[Clip], result) -> None:
    """Writes reports/extract.html: figures, failures, and a contact sheet with the worst detections first."""
    ranked = sorted(clips, key=lambda clip: (clip.seen[0] * (0.2 + clip.hands_seen), clip.name))
    cards = [_card(workspace, clip) for clip in ranked[:MAX_CARDS]]
    left_out = max(0, len(clips) - MAX_CARDS)
    write_page(
        path, "extract.html", metrics=result.metrics, failures=result.failures, notes=result.notes, cards=cards,
        left_out=left_out, drawing=drawing(),
    )  # fmt: skip


def _card(workspace: Workspace, clip: Clip) -> dict[str, object]:
    pose, _, left, right = (f"{100 * share:.0f} %" for share in clip.seen)
    landmarks = read_pose(workspace.inside(clip.pose))
    return {
        "image": jpeg_uri(_picture(workspace, clip, landmarks)),
        "animation": animation(landmarks),
        "synthetic": clip.synthetic,
        "name": clip.name,
        "glosses": " ".join(clip.glosses),
        "seen": f"{pose} / {left} / {right}",
        "poor": clip.hands_seen < MIN_HANDS_SEEN,
        "seconds": f"{clip.frames / clip.fps:.1f}",
    }


def _picture(workspace: Workspace, clip: Clip, landmarks: Landmarks) -> bytes:
    file = workspace.thumbnail(clip.id)
    if file.is_file():
        return file.read_bytes()
    seen = landmarks.present.sum(axis=1)
    distance_from_middle = np.abs(np.arange(len(seen)) - len(seen) / 2)
    return skeleton_card(landmarks.points[np.lexsort((distance_from_middle, -seen))[0]], landmarks.aspect)
