"""Two published baselines on landmarks, trained in the same run: Pose-GRU and Pose-TGCN (Li et al., WACV 2020).

Reimplemented from the paper and its authors' published settings: 55 points (13 of the body, 21 of each hand), x and y in the
picture, 50 frames; a GRU of two layers, and residual graph convolutions over the points' trajectories with learned adjacency.
Adam, dropout 0.3. Missing points are zeros, as in the paper.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from asl.models.features.holistic import LEFT_HAND, RIGHT_HAND
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.media.pose_files import read_pose

POINTS = [0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, *range(LEFT_HAND.start, RIGHT_HAND.stop)]
FRAMES = 50
GRU_HIDDEN, TGCN_HIDDEN, TGCN_STAGES, DROPOUT = 64, 64, 8, 0.3
EPOCHS, BATCH, LEARNING_RATE, WEIGHT_DECAY = 120, 32, 1e-3, 1e-5


class PoseGRU(nn.Module):
    def __init__(self, classes: int):
        super().__init__()
        self.gru = nn.GRU(2 * len(POINTS), GRU_HIDDEN, 2, batch_first=True, dropout=DROPOUT)
        self.head = nn.Linear(GRU_HIDDEN, classes)

    def forward(self, values: Tensor) -> Tensor:
        """(N, FRAMES, 55, 2) → (N, classes)."""
        return self.head(functional.dropout(self.gru(values.flatten(2))[0].mean(dim=1), DROPOUT, self.training))


class GraphConvolution(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs).uniform_(-1, 1) / outputs**0.5)
        self.adjacency = nn.Parameter(torch.empty(len(POINTS), len(POINTS)).uniform_(-1, 1) / outputs**0.5)
        self.norm = nn.BatchNorm1d(len(POINTS) * outputs)

    def forward(self, values: Tensor) -> Tensor:
        mixed = self.adjacency @ (values @ self.weight)
        return functional.dropout(torch.tanh(self.norm(mixed.flatten(1)).view(mixed.shape)), DROPOUT, self.training)


class PoseTGCN(nn.Module):
    def __init__(self, classes: int):
        super().__init__()
        self.first = GraphConvolution(2 * FRAMES, TGCN_HIDDEN)
        self.blocks = nn.ModuleList(
            nn.Sequential(GraphConvolution(TGCN_HIDDEN, TGCN_HIDDEN), GraphConvolution(TGCN_HIDDEN, TGCN_HIDDEN))
            for _ in range(TGCN_STAGES)
        )
        self.head = nn.Linear(TGCN_HIDDEN, classes)

    def forward(self, values: Tensor) -> Tensor:
        """(N, FRAMES, 55, 2) → (N, classes)."""
        hidden = self.first(values.permute(0, 2, 1, 3).flatten(2))
        for block in self.blocks:
            hidden = hidden + block(hidden)
        return self.head(hidden.mean(dim=1))


BASELINES = {"Pose-GRU": PoseGRU, "Pose-TGCN": PoseTGCN}


def points_of(workspace: Path, clip: Clip) -> np.ndarray:
    """(T, 55, 2) in picture coordinates from −1 to 1, 0 where a point is missing."""
    landmarks = read_pose(workspace / clip.pose)
    size = np.array([1.0, 1.0 / landmarks.aspect])
    values = 2 * (landmarks.points[:, POINTS, :2] / size) - 1
    return np.nan_to_num(values, nan=0.0).astype(np.float32)


def right_by_baseline(name: str, workspace: Path, train: list[Clip], test: list[Clip], seed: int = 0) -> np.ndarray:
    """(clips,) 1 where the baseline is right about a test clip, else 0. All clips show a single sign."""
    glosses = sorted({clip.glosses[0] for clip in train})
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = BASELINES[name](len(glosses))
    optimiser = torch.optim.Adam(model.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    clips = [points_of(workspace, clip) for clip in train]
    labels = torch.tensor([glosses.index(clip.glosses[0]) for clip in train])
    for _ in range(EPOCHS):
        model.train()
        for batch in torch.from_numpy(rng.permutation(len(clips))).split(BATCH):
            if len(batch) < 2:
                continue
            values = torch.from_numpy(np.stack([_sampled(clips[i], rng) for i in batch]))
            loss = functional.cross_entropy(model(values), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    model.eval()
    with torch.no_grad():
        values = torch.from_numpy(np.stack([_sampled(points_of(workspace, clip), None) for clip in test]))
        best = torch.cat([model(batch).argmax(dim=1) for batch in values.split(256)])
    return np.array([glosses[i] == clip.glosses[0] for i, clip in zip(best.tolist(), test, strict=True)], dtype=float)


def _sampled(clip: np.ndarray, rng: np.random.Generator | None) -> np.ndarray:
    """FRAMES evenly spaced frames of a clip; in training (with `rng`), from a random part of at least 80 % of it."""
    share = 1.0 if rng is None else rng.uniform(0.8, 1.0)
    start = 0.0 if rng is None else rng.uniform(0, 1 - share)
    indices = (start + share * np.linspace(0, 1, FRAMES)) * (len(clip) - 1)
    return clip[np.rint(indices).astype(int)]
