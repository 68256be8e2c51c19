"""The report of a pre-training: loss curves, codebook usage, and example hands for each handshape code."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from asl.models.features.feature_sets import encoder_input
from asl.models.features.holistic import HAND_BONES, LEFT_HAND, RIGHT_HAND
from asl.models.features.phon36 import HANDSHAPE, SIZE
from asl.models.objectives.pretraining import Pretrainer
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.media.pose_files import read_pose
from asl.pipelines.reports.page import figure_uri, number_epochs, write_page
from asl.pipelines.training.stage1_loop import LOSS_PARTS, PretrainData
from asl.pipelines.training.stage1_model import PretrainedModel
from asl.pipelines.workspace.folder import Workspace

#: Example frames per code, each from a different clip.
EXAMPLES_PER_CODE = 3
#: Number of clips that usage is measured and examples are searched in.
MAX_SAMPLED_CLIPS = 400
PART_NAMES = {"H": "handshape", "L": "location", "O": "orientation", "M": "movement", "N": "non-manual"}
_SIDE = 60


def write_report(
    path: Path,
    workspace: Workspace,
    clips: Sequence[Clip],
    pretrained: PretrainedModel,
    fps: float,
) -> None:
    """Writes the page. clips: the training clips, in the order of pretrained.data.train. fps: frame rate of their features."""
    model, data, metrics = pretrained.model, pretrained.data, pretrained.metrics
    codes, distances, positions = _handshape_codes(model, data)
    write_page(
        path, "pretrain.html", metrics={key: value for key, value in metrics.items() if value is not None},
        curves=figure_uri(curves_figure(pretrained.history)), usage=figure_uri(usage_figure(model, data)), names=PART_NAMES,
        books=pretrained.codebooks, codes=_code_examples(workspace, clips, fps, codes, distances, positions), side=_SIDE,
        synthetic=metrics.get("synthetic_clips"),
    )  # fmt: skip


def curves_figure(history: Sequence[Mapping[str, Any]]):
    """Training and validation curves of each part of the loss."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 2.6))
    names = [name for name in LOSS_PARTS if any(epoch[name] for epoch in history)]
    epochs, marker = range(1, len(history) + 1), "." if len(history) == 1 else None
    for axes, name in zip(figure.subplots(1, len(names)), names, strict=True):
        axes.plot(epochs, [epoch[name] for epoch in history], label="training", marker=marker)
        if f"validation_{name}" in history[0]:
            axes.plot(epochs, [epoch[f"validation_{name}"] for epoch in history], label="validation", marker=marker)
        axes.set_title(name, fontsize=10)
        number_epochs(axes)
        axes.tick_params(labelsize=7)
    axes.legend(fontsize=7)
    figure.tight_layout()
    return figure


def usage_figure(model: Pretrainer, data: PretrainData):
    """Share of the frames that each codebook entry covers, most used first; a dotted line marks the uniform share."""
    from matplotlib.figure import Figure

    values, seen = _sampled_frames(data)
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


def _sampled_clips(data: PretrainData) -> np.ndarray:
    """Indices of up to MAX_SAMPLED_CLIPS training clips, evenly spaced."""
    return np.unique(np.linspace(0, len(data.train) - 1, min(MAX_SAMPLED_CLIPS, len(data.train))).round().astype(int))


def _sampled_frames(data: PretrainData) -> tuple[torch.Tensor, torch.Tensor]:
    """(F, 36) standardised values of the sampled clips' frames, and which of them were seen."""
    features = [data.train[i].features for i in _sampled_clips(data)]
    values = [encoder_input(clip, data.mean, data.deviation, data.feature_set)[:, :SIZE] for clip in features]
    return torch.from_numpy(np.concatenate(values)), torch.from_numpy(np.isfinite(np.concatenate(features)[:, :SIZE]))


def _handshape_codes(model: Pretrainer, data: PretrainData) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int]]]:
    """For each sampled frame with a visible hand: its handshape code, the distance to the prototype, and (clip, frame)."""
    values, seen = _sampled_frames(data)
    positions = [(int(i), t) for i in _sampled_clips(data) for t in range(len(data.train[i].features))]
    visible = seen[:, HANDSHAPE].any(dim=1)
    book = model.quantiser.books["H"]
    hands = values[visible][:, HANDSHAPE]
    codes = book.nearest(hands)
    distances = (hands - book.entries[codes]).norm(dim=1)
    return codes.numpy(), distances.numpy(), [positions[i] for i in np.flatnonzero(visible.numpy())]


def _code_examples(workspace: Workspace, clips: Sequence[Clip], fps: float, codes, distances, positions) -> list[dict[str, Any]]:
    """For each handshape code, most used first: its share of the frames, and the hands of the frames nearest to it."""
    rows, poses = [], {}
    for code in np.argsort(-np.bincount(codes), kind="stable"):
        of_code = np.flatnonzero(codes == code)
        of_code, nearest = of_code[np.argsort(distances[of_code], kind="stable")], []
        for i in of_code:
            if positions[i][0] not in [clip for clip, _ in nearest] and len(nearest) < EXAMPLES_PER_CODE:
                nearest.append(positions[i])
        examples = []
        for number, frame in nearest:
            clip = clips[number]
            if number not in poses:
                poses[number] = read_pose(workspace.inside(clip.pose))
            landmarks = poses[number]
            index = min(len(landmarks) - 1, round(frame / fps * landmarks.fps))
            hands = {"left": landmarks.points[index, LEFT_HAND, :2], "right": landmarks.points[index, RIGHT_HAND, :2]}
            examples.append({"clip": clip.name, "hands": {name: hand_path(points) for name, points in hands.items()}})
        if examples:
            rows.append({"code": int(code), "share": len(of_code) / len(codes), "frames": examples})
    return rows


def hand_path(points: np.ndarray) -> str:
    """SVG path of a hand's (21, 2) points in a square of side _SIDE; "" if the hand was not seen."""
    if not np.isfinite(points).all():
        return ""
    low, high = points.min(axis=0), points.max(axis=0)
    centre, size = (low + high) / 2, max(float((high - low).max()), 1e-6)
    scaled = (points - centre) / size * (_SIDE - 8) + _SIDE / 2
    return " ".join(f"M{scaled[a][0]:.1f} {scaled[a][1]:.1f}L{scaled[b][0]:.1f} {scaled[b][1]:.1f}" for a, b in HAND_BONES)
