"""CTC decoding of label sequences: greedy, prefix beam search, and forced alignment (SPEC §7).

All functions take (T, V + 1) natural log-probabilities with blank in column 0.
"""

from dataclasses import dataclass, field

import numpy as np

from asl.transducers.alphabet import BLANK

Labels = tuple[int, ...]


def greedy(log_probs: np.ndarray) -> list[int]:
    """Best path decoding: the best label of each frame, without repetitions and blanks."""
    best = log_probs.argmax(axis=1)
    changed = np.concatenate([[True], best[1:] != best[:-1]])
    return [int(label) for label in best[changed] if label != BLANK]


@dataclass(frozen=True)
class PrefixHypothesis:
    """A label sequence and its CTC log-probability, summed over the paths within the beam."""

    labels: Labels
    log_prob: float = field(compare=False)


class PrefixBeam:
    """Prefix beam search over a clip, or over a stream as its frames arrive.

    beam: number of label sequences kept. insertion_penalty: nats per label. Raises ValueError if the beam is below 1.
    """

    def __init__(self, beam: int, insertion_penalty: float = 0.0):
        if beam < 1:
            raise ValueError(f"the beam must be at least 1, got {beam}")
        self.beam, self.penalty = beam, insertion_penalty
        self._prefixes: list[Labels] = [()]
        self._blank, self._label = np.zeros(1), np.full(1, -np.inf)

    def advance(self, log_probs: np.ndarray) -> None:
        """Reads the next frames (T, V + 1)."""
        for frame in np.asarray(log_probs, dtype=np.float64):
            self._prefixes, self._blank, self._label = _extend(
                self._prefixes, self._blank, self._label, frame, self.beam, self.penalty
            )

    def hypotheses(self) -> list[PrefixHypothesis]:
        """The label sequences of the frames so far, best first."""
        log_probs = np.logaddexp(self._blank, self._label).tolist()
        hypotheses = [PrefixHypothesis(*pair) for pair in zip(self._prefixes, log_probs, strict=True)]
        return sorted(hypotheses, key=lambda hypothesis: (-hypothesis.log_prob, hypothesis.labels))


def beam_search(log_probs: np.ndarray, beam: int, insertion_penalty: float = 0.0) -> list[PrefixHypothesis]:
    """The `beam` most probable label sequences, best first; exact if no prefix was dropped.

    log_probs: (T, V + 1). insertion_penalty: nats per label. Raises ValueError if the beam is below 1.
    """
    search = PrefixBeam(beam, insertion_penalty)
    search.advance(log_probs)
    return search.hypotheses()


def _extend(
    prefixes: list[Labels], blank: np.ndarray, label: np.ndarray, frame: np.ndarray, beam: int, penalty: float
) -> tuple[list[Labels], np.ndarray, np.ndarray]:
    """Extends the prefixes by one frame, and keeps the best `beam`.

    blank, label: (P,) log-probabilities of each prefix, with a blank and with its last label in the last frame. Returns the same
    three of the new prefixes.
    """
    total = np.logaddexp(blank, label)
    last = np.array([prefix[-1] if prefix else BLANK for prefix in prefixes])
    nonempty = np.flatnonzero(last != BLANK)
    stay_blank = total + frame[BLANK]
    stay_label = np.where(last != BLANK, label + frame[last], -np.inf)
    longer = total[:, None] + frame[1:] - penalty
    # A repetition needs a blank in between; without one the label continues.
    longer[nonempty, last[nonempty] - 1] = blank[nonempty] + frame[last[nonempty]] - penalty
    index = {prefix: i for i, prefix in enumerate(prefixes)}
    for i in nonempty:
        shorter = index.get(prefixes[i][:-1])
        if shorter is not None:  # the extension of another prefix is this prefix
            stay_label[i] = np.logaddexp(stay_label[i], longer[shorter, last[i] - 1])
            longer[shorter, last[i] - 1] = -np.inf
    scores = np.concatenate([np.logaddexp(stay_blank, stay_label), longer.ravel()])
    best = np.argpartition(-scores, beam - 1)[:beam] if beam < len(scores) else np.arange(len(scores))
    best = np.sort(best[scores[best] > -np.inf])
    same = best[best < len(prefixes)]
    parents, added = np.divmod(best[len(same) :] - len(prefixes), len(frame) - 1)
    extended = [prefixes[i] for i in same] + [(*prefixes[p], int(k) + 1) for p, k in zip(parents, added, strict=True)]
    impossible = np.full(len(parents), -np.inf)
    blank = np.concatenate([stay_blank[same], impossible])
    return extended, blank, np.concatenate([stay_label[same], longer[parents, added]])


def align(log_probs: np.ndarray, labels: list[int]) -> list[tuple[int, int]]:
    """Forced alignment: the range of frames [first, last) of each label on the best path of these labels.

    log_probs: (T, V + 1). Raises ValueError if the labels do not fit into T frames.
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
    """Scores (S,) of the best path into each state, and (T, S) the number of states that each step advanced (0, 1 or 2)."""
    skip = np.array([i >= 2 and s != BLANK and s != states[i - 2] for i, s in enumerate(states)])
    scores = np.full(len(states), -np.inf)
    scores[:2] = log_probs[0, states[:2]]
    back = np.zeros((len(log_probs), len(states)), dtype=int)
    for t in range(1, len(log_probs)):
        one_state = np.concatenate([[-np.inf], scores[:-1]])
        two_states = np.where(skip, np.concatenate([[-np.inf, -np.inf], scores[:-2]])[: len(states)], -np.inf)
        choices = np.stack([scores, one_state, two_states])
        back[t] = choices.argmax(axis=0)
        scores = choices.max(axis=0) + log_probs[t, states]
    return scores, back
