"""Discriminative losses over competing hypotheses of a cascade (SPEC §11), and the balance between several losses.

A clip of T frames has H hypotheses. Their best paths are (H, T) columns of the cascade's frame scores, counted from 0.
"""

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from asl.models.objectives.ctc import BLANK

#: Exponent of a GradNorm step, and the largest factor between a weight and its initial value.
STEP, MAX_FACTOR = 0.1, 10.0
#: The smallest ratio of a loss to its first value that GradNorm uses.
MIN_RATIO = 1e-3


class CascadeWeights(nn.Module):
    """The weights of a cascade's frame scores, trained along with the encoder. All scores are natural log-likelihoods.

    encoder, codes, densities: initial weights. They stay positive, because their logarithms are trained; one that starts at 0
    stays 0. gate: initial weight of the gate's scores. labels: N frame labels. bias: (N,) nats that each frame of a label costs
    less, which models the label's duration; None for zeros.
    """

    def __init__(
        self, encoder: float, codes: float, densities: float, labels: int, bias: Tensor | None = None, gate: float = 0.0
    ):
        super().__init__()
        self.register_buffer("started", torch.tensor([encoder, codes, densities], dtype=torch.float))
        self.logs = nn.Parameter(torch.zeros(3))
        self.gate = nn.Parameter(torch.tensor(float(gate)))
        self.bias = nn.Parameter(torch.zeros(labels) if bias is None else bias.clone())

    def forward(self) -> Tensor:
        """(3,) weights of encoder, codes and densities."""
        return cast(Tensor, self.started) * self.logs.exp()


def encoder_path_scores(log_probs: Tensor, gloss: Tensor, peak: Tensor) -> Tensor:
    """The encoder's score of each hypothesis: the sum of log-probabilities along its path → (H,).

    log_probs: (T, V + 1) of a clip. gloss, peak: (H, T) the gloss of each column of the path, and whether it is a peak. At a peak
    the encoder must predict the gloss, elsewhere in the sign the gloss or blank, and between signs (gloss BLANK) blank.
    """
    gloss_scores = log_probs.gather(1, gloss.T).T
    blank_scores = log_probs[:, BLANK]
    return torch.where((gloss == BLANK) | peak, gloss_scores, torch.logaddexp(gloss_scores, blank_scores)).sum(dim=1)


def mmi_loss(scores: Tensor, reference: int) -> Tensor:
    """Maximum mutual information: −log p(reference | X) among the hypotheses (SPEC §11).

    scores: (H,) log p(X, y) of distinct gloss sequences y. reference: index of the reference among them.
    """
    return -torch.log_softmax(scores, dim=0)[reference]


def risk_loss(scores: Tensor, errors: Tensor) -> Tensor:
    """Minimum word error rate: the expected errors, less their mean (Prabhavalkar et al., 2018).

    scores: (H,) log p(X, y); errors: (H,) word errors of each y.
    """
    return (torch.softmax(scores, dim=0) * (errors - errors.mean())).sum()


def choice_loss(log_probs: Tensor, columns: Tensor, right: int) -> Tensor:
    """−log p(right column | one of the columns), by the mean log-probability over the frames of a sign.

    log_probs: (T, V + 1) of the frames; columns: (R,) the glosses that the sign may be; right: index among them. This is the
    retrieval loss: which of the bound loci a point refers to (SPEC §8, §11).
    """
    return -torch.log_softmax(log_probs[:, columns].mean(dim=0), dim=0)[right]


class GradNorm:
    """Balances the weights of several losses by the norms of their gradients at shared values (Chen et al., ICML 2018).

    The weighted norms are drawn towards their mean, times (how much less the loss has fallen than the others) ** alpha. Unlike in
    the paper, the step is taken in the logarithm of the weight, not along a gradient. The first loss keeps its weight.
    weights: name → initial weight; a loss with weight 0 is ignored.
    """

    def __init__(self, weights: Mapping[str, float], alpha: float):
        self.initial_weights = dict(weights)
        self.weights = dict(weights)
        self.alpha = alpha
        self.first_losses: dict[str, float] = {}

    def update(self, losses: Mapping[str, Tensor], shared: Tensor) -> None:
        """Updates the weights from the losses of a batch, before weighting. Those without gradient at `shared` are skipped."""
        norms = self._weighted_norms(losses, shared)
        if len(norms) < 2:
            return
        ratios = {name: self._ratio(name, float(losses[name].detach())) for name in norms}
        mean_ratio, mean_norm = sum(ratios.values()) / len(ratios), sum(norms.values()) / len(norms)
        for name, norm in norms.items():
            target = mean_norm * (ratios[name] / mean_ratio) ** self.alpha
            self.weights[name] *= (target / norm) ** STEP
        main = next(iter(self.initial_weights))
        scale = self.initial_weights[main] / self.weights[main]
        for name, initial in self.initial_weights.items():
            self.weights[name] = min(max(self.weights[name] * scale, initial / MAX_FACTOR), initial * MAX_FACTOR)

    def _weighted_norms(self, losses: Mapping[str, Tensor], shared: Tensor) -> dict[str, float]:
        """Name → weight times norm of the gradient at `shared`, where both are above 0. Remembers the first loss of each."""
        norms = {}
        for name, loss in losses.items():
            if self.weights.get(name) and loss.requires_grad:
                (gradient,) = torch.autograd.grad(loss, shared, retain_graph=True, allow_unused=True)
                if gradient is not None and (norm := float(gradient.norm())) > 0:
                    norms[name] = self.weights[name] * norm
                    self.first_losses.setdefault(name, float(loss.detach()))
        return norms

    def _ratio(self, name: str, loss: float) -> float:
        """The loss relative to its first value; 1 if that was not positive, as a ratio then has no meaning."""
        first = self.first_losses[name]
        return max(loss / first, MIN_RATIO) if first > 0 else 1.0


def path_columns(paths: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """Paths as input labels 1…N, one per frame → (H, T) columns."""
    return torch.tensor(paths, dtype=torch.long, device=device) - 1
