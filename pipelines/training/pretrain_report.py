"""The page of a pre-training: loss curves, how the codebooks are used, and what each handshape code looks like."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asl.models.features.feature_sets import encoder_input
from asl.models.features.holistic import HAND_BONES, LEFT_HAND, RIGHT_HAND
from asl.models.features.phon36 import HANDSHAPE, SIZE
from asl.models.networks.quantiser import CodebookFigures
from asl.models.objectives.pretraining import Pretrainer
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.media.pose_files import read_pose
from asl.pipelines.reports.page import figure_uri, write_page
from asl.pipelines.training.stage1_loop import PARTS_OF_LOSS, PretrainData
from asl.pipelines.workspace.folder import Workspace

#: Frames shown of each code, each of another clip, and clips that they are looked for in.
SHOWN, MOST_CLIPS = 3, 400
PART_NAMES = {"H": "handshape", "L": "location", "O": "orientation", "M": "movement", "N": "non-manual"}
_SIDE = 60


def write_report(
    path: Path,
    workspace: Workspace,
    clips: Sequence[Clip],
    model: Pretrainer,
    data: PretrainData,
    history: Sequence[Mapping[str, Any]],
    books: Mapping[str, CodebookFigures],
    metrics: Mapping[str, Any],
    fps: float,
) -> None:
    """clips: those of data.train, in its order; fps: of their features."""
    codes, distances, where = _coded(model, data)
    write_page(
        path, "pretrain.html", metrics={key: value for key, value in metrics.items() if value is not None},
        curves=figure_uri(curves_figure(history)), usage=figure_uri(usage_figure(model, data)), names=PART_NAMES,
        books=books, codes=_typical(workspace, clips, fps, codes, distances, where), side=_SIDE,
        synthetic=metrics.get("synthetic_clips"),
    )  # fmt: skip


def curves_figure(history: Sequence[Mapping[str, Any]]):
    """Each part of the loss by epoch, training and validation."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 2.6))
    shown = [name for name in PARTS_OF_LOSS if any(one[name] for one in history)]
    for axes, name in zip(figure.subplots(1, len(shown)), shown, strict=True):
        axes.plot([one[name] for one in history], label="training")
        if f"validation_{name}" in history[0]:
            axes.plot([one[f"validation_{name}"] for one in history], label="validation")
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("epoch", fontsize=8)
        axes.tick_params(labelsize=7)
    axes.legend(fontsize=7)
    figure.tight_layout()
    return figure


def usage_figure(model: Pretrainer, data: PretrainData):
    """Share of the frames that each entry takes, most used first, beside the even share."""
    from matplotlib.figure import Figure

    values, seen = _frames(data)
    tokens = model.quantiser(values, seen).numpy()
    figure = Figure(figsize=(11, 2.4))
    for axes, column, (part, book) in zip(figure.subplots(1, 5), tokens.T, model.quantiser.books.items(), strict=True):
        size = len(book.entries)
        counts = np.sort(np.bincount(column[column >= 0], minlength=size))[::-1]
        axes.bar(range(size), counts / max(1, counts.sum()), width=1)
        axes.axhline(1 / size, color="black", linewidth=0.7, linestyle=":")
        axes.set_title(f"{part}: {PART_NAMES[part]}", fontsize=10)
        axes.tick_params(labelsize=7)
    figure.tight_layout()
    return figure


def _chosen(data: PretrainData) -> np.ndarray:
    return np.unique(np.linspace(0, len(data.train) - 1, min(MOST_CLIPS, len(data.train))).round().astype(int))


def _frames(data: PretrainData) -> tuple[torch.Tensor, torch.Tensor]:
    chosen = [data.train[i].features for i in _chosen(data)]
    values = [encoder_input(one, data.mean, data.deviation, data.feature_set)[:, :SIZE] for one in chosen]
    return torch.from_numpy(np.concatenate(values)), torch.from_numpy(np.isfinite(np.concatenate(chosen)[:, :SIZE]))


def _coded(model: Pretrainer, data: PretrainData) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int]]]:
    """Of every frame looked at with a hand: handshape code, distance to its entry, and (clip, frame)."""
    values, seen = _frames(data)
    where = [(int(i), t) for i in _chosen(data) for t in range(len(data.train[i].features))]
    there = seen[:, HANDSHAPE].any(dim=1)
    book = model.quantiser.books["H"]
    hands = values[there][:, HANDSHAPE]
    codes = book.nearest(hands)
    distances = (hands - book.entries[codes]).norm(dim=1)
    return codes.numpy(), distances.numpy(), [where[i] for i in np.flatnonzero(there.numpy())]


def _typical(workspace: Workspace, clips: Sequence[Clip], fps: float, codes, distances, where) -> list[dict[str, Any]]:
    """Of each handshape code its share of the frames and the hands of the frames nearest to it, most used first."""
    out, poses = [], {}
    for code in np.argsort(-np.bincount(codes), kind="stable"):
        own = np.flatnonzero(codes == code)
        own, picked = own[np.argsort(distances[own], kind="stable")], []
        for i in own:
            if where[i][0] not in [clip for clip, _ in picked] and len(picked) < SHOWN:
                picked.append(where[i])
        drawn = []
        for number, frame in picked:
            clip = clips[number]
            if number not in poses:
                poses[number] = read_pose(workspace.inside(clip.pose))
            landmarks = poses[number]
            at = min(len(landmarks) - 1, round(frame / fps * landmarks.fps))
            hands = {"left": landmarks.points[at, LEFT_HAND, :2], "right": landmarks.points[at, RIGHT_HAND, :2]}
            drawn.append({"clip": clip.name, "hands": {name: hand_path(points) for name, points in hands.items()}})
        if drawn:
            out.append({"code": int(code), "share": len(own) / len(codes), "frames": drawn})
    return out


def hand_path(points: np.ndarray) -> str:
    """(21, 2) points of a hand → an SVG path in a square of _SIDE, empty where the hand is not seen."""
    if not np.isfinite(points).all():
        return ""
    low, high = points.min(axis=0), points.max(axis=0)
    middle, size = (low + high) / 2, max(float((high - low).max()), 1e-6)
    placed = (points - middle) / size * (_SIDE - 8) + _SIDE / 2
    return " ".join(f"M{placed[a][0]:.1f} {placed[a][1]:.1f}L{placed[b][0]:.1f} {placed[b][1]:.1f}" for a, b in HAND_BONES)
