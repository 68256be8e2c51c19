"""Losses of hypotheses that compete, along their best paths through a cascade (SPEC §11), and their balance with others.

H hypotheses of a clip of T frames; their paths are (H, T) columns of the cascade's frame scores, counted from 0.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from asl.models.objectives.ctc import BLANK

#: GradNorm's weights follow this far at a time, and stay within this factor of where they started.
STEP, MOST = 0.1, 10.0
#: The least share that a loss counts to have fallen to.
LEAST = 1e-3


class CascadeWeights(nn.Module):
    """What a cascade counts its frame scores by, learned beside the encoder. All scores are natural log-likelihoods.

    encoder, codes, densities, gate: weights, kept above 0 by learning their logarithms; one that starts at 0 stays there, but for
    the gate's. bias: (N,) nats that each frame in a label costs less: how long its unit lasts.
    """

    def __init__(
        self, encoder: float, codes: float, densities: float, labels: int, bias: Tensor | None = None, gate: float = 0.0
    ):
        super().__init__()
        started = torch.tensor([encoder, codes, densities], dtype=torch.float)
        self.register_buffer("started", started)
        self.logs = nn.Parameter(torch.zeros(3))
        self.gate = nn.Parameter(torch.tensor(float(gate)))
        self.bias = nn.Parameter(torch.zeros(labels) if bias is None else bias.clone())

    def forward(self) -> Tensor:
        """(3,) weights of encoder, codes and densities."""
        return self.started * self.logs.exp()


def encoder_path_scores(log_probs: Tensor, gloss: Tensor, peak: Tensor) -> Tensor:
    """(T, V + 1) log-probabilities of a clip, (H, T) the gloss of each column of the paths and whether it is a peak → (H,).

    At a peak the encoder names the gloss, beside it it may be silent, between signs (gloss BLANK) it is.
    """
    named = log_probs.gather(1, gloss.T).T
    silent = log_probs[:, BLANK]
    return torch.where((gloss == BLANK) | peak, named, torch.logaddexp(named, silent)).sum(dim=1)


def mmi_loss(scores: Tensor, reference: int) -> Tensor:
    """(H,) log p(X, y) of distinct glosses y, the reference among them → −log p(reference | X) among these (SPEC §11)."""
    return -torch.log_softmax(scores, dim=0)[reference]


def risk_loss(scores: Tensor, errors: Tensor) -> Tensor:
    """(H,) log p(X, y) and the word errors of each y → the errors expected, less their mean (Prabhavalkar et al., 2018)."""
    return (torch.softmax(scores, dim=0) * (errors - errors.mean())).sum()


def choice_loss(log_probs: Tensor, columns: Tensor, right: int) -> Tensor:
    """(T, V + 1) of the frames of one sign, (R,) columns of those it may be → −log p(right | one of these).

    By the mean log-probability over the frames. Retrieval: which of the bound loci a point goes back to (SPEC §8, §11).
    """
    return -torch.log_softmax(log_probs[:, columns].mean(dim=0), dim=0)[right]


class GradNorm:
    """Weights of several losses such that none outshouts the others on what they share (Chen et al., ICML 2018).

    Each loss pulls at the shared values with a gradient of some norm. The weighted norms are drawn towards their mean, times
    (how little the loss has fallen, beside the others) ** alpha. Here by a step in the logarithm rather than by a gradient; the
    first loss keeps its weight, and the others are weighed against it.
    """

    def __init__(self, weights: Mapping[str, float], alpha: float):
        self.set = dict(weights)
        self.weights = dict(weights)
        self.alpha = alpha
        self.first_losses: dict[str, float] = {}

    def update(self, losses: Mapping[str, Tensor], shared: Tensor) -> None:
        """losses: those of a batch, by name, before weighting; what has no gradient at `shared` is left as it is."""
        norms = {}
        for name, loss in losses.items():
            if self.weights.get(name) and loss.requires_grad:
                (gradient,) = torch.autograd.grad(loss, shared, retain_graph=True, allow_unused=True)
                if gradient is not None and (norm := float(gradient.norm())) > 0:
                    norms[name] = self.weights[name] * norm
                    self.first_losses.setdefault(name, float(loss.detach()))
        if len(norms) < 2:
            return
        fallen = {name: self._fallen(name, float(losses[name].detach())) for name in norms}
        mean_fall, mean_norm = _mean(fallen.values()), _mean(norms.values())
        for name, norm in norms.items():
            target = mean_norm * (fallen[name] / mean_fall) ** self.alpha
            self.weights[name] *= (target / norm) ** STEP
        main = next(iter(self.set))
        scale = self.set[main] / self.weights[main]
        for name, start in self.set.items():
            self.weights[name] = min(max(self.weights[name] * scale, start / MOST), start * MOST)

    def _fallen(self, name: str, loss: float) -> float:
        """The loss as a share of what it was at first; 1 of a loss that began at 0 or below, of which a share says nothing."""
        first = self.first_losses[name]
        return max(loss / first, LEAST) if first > 0 else 1.0


def _mean(values) -> float:
    values = list(values)
    return sum(values) / len(values)


def path_columns(paths: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """Input labels of each path → (H, T) columns."""
    return torch.tensor(paths, dtype=torch.long, device=device) - 1
