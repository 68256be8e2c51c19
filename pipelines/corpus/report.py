"""The extraction report, which shows how well the signer was detected in each clip."""

from collections.abc import Sequence
from pathlib import Path

from asl.pipelines.corpus.clips import Clip
from asl.pipelines.corpus.landmark_summary import MAX_CARDS, Card, Summaries
from asl.pipelines.media.drawing import skeleton_card
from asl.pipelines.reports.page import jpeg_uri, write_page
from asl.pipelines.reports.skeleton_player import drawing
from asl.pipelines.workspace.folder import Workspace

#: A clip is marked if hands are seen in less than this share of the frames.
MIN_HANDS_SEEN = 0.4


def write_report(path: Path, workspace: Workspace, clips: Sequence[Clip], summaries: Summaries, result) -> None:
    """Writes reports/extract.html: figures, failures, and a contact sheet with the worst detections first."""
    ranked = sorted(clips, key=lambda clip: (summaries[clip.id].quality, clip.name))[:MAX_CARDS]
    cards = [_card(workspace, clip, card) for clip in ranked if (card := summaries[clip.id].card)]
    left_out = len(clips) - len(cards)
    write_page(
        path, "extract.html", metrics=result.metrics, failures=result.failures, notes=result.notes, cards=cards,
        left_out=left_out, drawing=drawing(),
    )  # fmt: skip


def _card(workspace: Workspace, clip: Clip, card: Card) -> dict[str, object]:
    pose, _, left, right = (f"{100 * share:.0f} %" for share in clip.seen)
    return {
        "image": jpeg_uri(_picture(workspace, clip, card)),
        "animation": card.animation,
        "synthetic": clip.synthetic,
        "name": clip.name,
        "glosses": " ".join(clip.glosses),
        "seen": f"{pose} / {left} / {right}",
        "poor": clip.hands_seen < MIN_HANDS_SEEN,
        "seconds": f"{clip.frames / clip.fps:.1f}",
    }


def _picture(workspace: Workspace, clip: Clip, card: Card) -> bytes:
    file = workspace.thumbnail(clip.id)
    return file.read_bytes() if file.is_file() else skeleton_card(card.frame, card.aspect)
