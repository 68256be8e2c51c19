"""Reading label sequences off CTC log-probabilities: greedy, prefix beam search, and the best alignment (SPEC §7).

All functions take (T, V + 1) natural log-probabilities with the blank in column 0.
"""

from dataclasses import dataclass, field

import numpy as np

from transducers.alphabet import BLANK

#: A beam frame only opens labels at most this much (nats) below the frame's best: the rest cannot win.
LABEL_MARGIN = 12.0


def greedy(log_probs: np.ndarray) -> list[int]:
    """The best label of each frame, repeats merged, blanks dropped."""
    best = log_probs.argmax(axis=1)
    changed = np.concatenate([[True], best[1:] != best[:-1]])
    return [int(label) for label in best[changed] if label != BLANK]


@dataclass
class _Prefix:
    """Log-probabilities of a label prefix: with a blank as last frame, and with its last label."""

    blank: float = -np.inf
    label: float = -np.inf

    @property
    def total(self) -> float:
        return float(np.logaddexp(self.blank, self.label))


@dataclass(frozen=True)
class Hypothesis:
    """labels: the sequence; log_prob: its CTC log-probability as far as the beam has seen."""

    labels: tuple[int, ...]
    log_prob: float = field(compare=False)


def beam_search(log_probs: np.ndarray, beam: int, insertion_penalty: float = 0.0) -> list[Hypothesis]:
    """The `beam` most probable label sequences, best first. Exact if no prefix was ever dropped.

    log_probs: (T, V + 1). insertion_penalty: nats that each label costs. Raises ValueError for a beam below 1.
    """
    if beam < 1:
        raise ValueError(f"the beam must be at least 1, got {beam}")
    prefixes: dict[tuple[int, ...], _Prefix] = {(): _Prefix(blank=0.0)}
    for frame in log_probs:
        prefixes = _extended(prefixes, frame, insertion_penalty)
        if len(prefixes) > beam:
            ranked = sorted(prefixes.items(), key=lambda item: (-item[1].total, item[0]))
            prefixes = dict(ranked[:beam])
    found = [Hypothesis(labels, prefix.total) for labels, prefix in prefixes.items()]
    return sorted(found, key=lambda one: (-one.log_prob, one.labels))


def _extended(prefixes: dict[tuple[int, ...], _Prefix], frame: np.ndarray, penalty: float) -> dict[tuple[int, ...], _Prefix]:
    out: dict[tuple[int, ...], _Prefix] = {}
    opened = np.flatnonzero(frame >= frame.max() - LABEL_MARGIN)
    for labels, prefix in prefixes.items():
        total, last = prefix.total, labels[-1] if labels else None
        same = out.setdefault(labels, _Prefix())
        same.blank = float(np.logaddexp(same.blank, total + frame[BLANK]))
        if last is not None:
            same.label = float(np.logaddexp(same.label, prefix.label + frame[last]))
        for label in opened:
            if label == BLANK:
                continue
            # A repeat needs a blank between; without one it is the same label going on.
            source = prefix.blank if label == last else total
            if source == -np.inf:
                continue
            longer = out.setdefault((*labels, int(label)), _Prefix())
            longer.label = float(np.logaddexp(longer.label, source + frame[label] - penalty))
    return out


def align(log_probs: np.ndarray, labels: list[int]) -> list[tuple[int, int]]:
    """The best path's frames for each label: [first, last) of the (T,) frames.

    Raises ValueError if the labels do not fit into T frames.
    """
    states = [BLANK]
    for label in labels:
        states += [label, BLANK]
    scores, back = _viterbi(log_probs, states)
    state = len(states) - 1
    if len(states) > 1 and scores[-2] > scores[-1]:
        state -= 1
    if not np.isfinite(scores[state]):
        raise ValueError(f"{len(labels)} labels do not fit into {len(log_probs)} frames")
    path = np.empty(len(log_probs), dtype=int)
    for t in range(len(log_probs) - 1, -1, -1):
        path[t] = state
        state -= back[t, state]
    spans = []
    for position in range(1, len(states), 2):
        frames = np.flatnonzero(path == position)
        spans.append((int(frames[0]), int(frames[-1]) + 1))
    return spans


def _viterbi(log_probs: np.ndarray, states: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Scores (S,) of the best paths into each state at the end, and (T, S) how many states each step came up."""
    skip = np.array([i >= 2 and s != BLANK and s != states[i - 2] for i, s in enumerate(states)])
    scores = np.full(len(states), -np.inf)
    scores[:2] = log_probs[0, states[:2]]
    back = np.zeros((len(log_probs), len(states)), dtype=int)
    for t in range(1, len(log_probs)):
        step = np.concatenate([[-np.inf], scores[:-1]])
        jump = np.where(skip, np.concatenate([[-np.inf, -np.inf], scores[:-2]])[: len(states)], -np.inf)
        choices = np.stack([scores, step, jump])
        back[t] = choices.argmax(axis=0)
        scores = choices.max(axis=0) + log_probs[t, states]
    return scores, back
