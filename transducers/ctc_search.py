"""Reading label sequences off CTC log-probabilities: greedy, prefix beam search, and the best alignment (SPEC §7).

All functions take (T, V + 1) natural log-probabilities with the blank in column 0.
"""

from dataclasses import dataclass, field

import numpy as np

from asl.transducers.alphabet import BLANK

Labels = tuple[int, ...]


def greedy(log_probs: np.ndarray) -> list[int]:
    """The best label of each frame, repeats merged, blanks dropped."""
    best = log_probs.argmax(axis=1)
    changed = np.concatenate([[True], best[1:] != best[:-1]])
    return [int(label) for label in best[changed] if label != BLANK]


@dataclass(frozen=True)
class PrefixHypothesis:
    """labels: the sequence; log_prob: its CTC log-probability as far as the beam has seen."""

    labels: Labels
    log_prob: float = field(compare=False)


class PrefixBeam:
    """The `beam` most probable label sequences of the frames so far: all of a clip at once, or as they come."""

    def __init__(self, beam: int, insertion_penalty: float = 0.0):
        if beam < 1:
            raise ValueError(f"the beam must be at least 1, got {beam}")
        self.beam, self.penalty = beam, insertion_penalty
        self._prefixes: list[Labels] = [()]
        self._blank, self._label = np.zeros(1), np.full(1, -np.inf)

    def advance(self, log_probs: np.ndarray) -> None:
        """(T, V + 1) the next frames."""
        for frame in np.asarray(log_probs, dtype=np.float64):
            self._prefixes, self._blank, self._label = _extended(
                self._prefixes, self._blank, self._label, frame, self.beam, self.penalty
            )

    def hypotheses(self) -> list[PrefixHypothesis]:
        """Best first."""
        found = [
            PrefixHypothesis(*one) for one in zip(self._prefixes, np.logaddexp(self._blank, self._label).tolist(), strict=True)
        ]
        return sorted(found, key=lambda one: (-one.log_prob, one.labels))


def beam_search(log_probs: np.ndarray, beam: int, insertion_penalty: float = 0.0) -> list[PrefixHypothesis]:
    """The `beam` most probable label sequences, best first. Exact if no prefix was ever dropped.

    log_probs: (T, V + 1). insertion_penalty: nats that each label costs. Raises ValueError for a beam below 1.
    """
    search = PrefixBeam(beam, insertion_penalty)
    search.advance(log_probs)
    return search.hypotheses()


def _extended(
    prefixes: list[Labels], blank: np.ndarray, label: np.ndarray, frame: np.ndarray, beam: int, penalty: float
) -> tuple[list[Labels], np.ndarray, np.ndarray]:
    """One frame further: the best `beam` prefixes, and (P,) their log-probabilities with a blank as last frame, and with
    their last label."""
    total = np.logaddexp(blank, label)
    last = np.array([prefix[-1] if prefix else BLANK for prefix in prefixes])
    named = np.flatnonzero(last != BLANK)
    stay_blank = total + frame[BLANK]
    stay_label = np.where(last != BLANK, label + frame[last], -np.inf)
    longer = total[:, None] + frame[1:] - penalty
    # A repeat needs a blank between; without one it is the same label going on.
    longer[named, last[named] - 1] = blank[named] + frame[last[named]] - penalty
    place = {prefix: i for i, prefix in enumerate(prefixes)}
    for i in named:
        shorter = place.get(prefixes[i][:-1])
        if shorter is not None:  # the two ways to this prefix meet
            stay_label[i] = np.logaddexp(stay_label[i], longer[shorter, last[i] - 1])
            longer[shorter, last[i] - 1] = -np.inf
    scores = np.concatenate([np.logaddexp(stay_blank, stay_label), longer.ravel()])
    chosen = np.argpartition(-scores, beam - 1)[:beam] if beam < len(scores) else np.arange(len(scores))
    chosen = np.sort(chosen[scores[chosen] > -np.inf])
    same = chosen[chosen < len(prefixes)]
    parents, added = np.divmod(chosen[len(same) :] - len(prefixes), len(frame) - 1)
    kept = [prefixes[i] for i in same] + [(*prefixes[p], int(k) + 1) for p, k in zip(parents, added, strict=True)]
    none = np.full(len(parents), -np.inf)
    return kept, np.concatenate([stay_blank[same], none]), np.concatenate([stay_label[same], longer[parents, added]])


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
