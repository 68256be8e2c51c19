"""Gloss n-grams with interpolated Kneser–Ney smoothing, in backoff form, and their ARPA files (SPEC §10, G)."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
MAX_ORDER = 5
#: Bounds of the discounts, so that each takes something and leaves something.
MIN_DISCOUNT, MAX_DISCOUNT = 0.1, 0.95
#: The logarithm to base 10 that ARPA files have for a probability of 0.
NEVER = -99.0
#: Bound of the cross-entropy, so that the perplexity is a finite number.
MAX_NATS_PER_WORD = 700.0
MAX_ARPA_LINE = 10_000
#: The probability that is left to the words that never follow a history, at least.
_MIN_PROBABILITY = 1e-12

Gram = tuple[str, ...]


@dataclass(frozen=True)
class NGram:
    """A backoff model.

    words: the vocabulary, without START, END and UNKNOWN. log_probs: n-gram → natural log p(last word | the words before it).
    backoffs: history → natural log weight of the next shorter history.
    """

    order: int
    words: tuple[str, ...]
    log_probs: Mapping[Gram, float]
    backoffs: Mapping[Gram, float]

    def log_prob(self, word: str, history: Sequence[str]) -> float:
        """Natural log p(word | history). Words outside the vocabulary count as UNKNOWN."""
        gram = tuple(self._in_vocabulary(token) for token in (*history, word))[-self.order :]
        backoff = 0.0
        while gram not in self.log_probs:
            backoff += self.backoffs.get(gram[:-1], 0.0)
            gram = gram[1:]
        return backoff + self.log_probs[gram]

    def score(self, words: Sequence[str]) -> float:
        """Natural log p of a sentence, with its end."""
        tokens = [START, *words, END]
        return sum(self.log_prob(tokens[i], tokens[max(0, i - self.order + 1) : i]) for i in range(1, len(tokens)))

    def perplexity(self, sentences: Iterable[Sequence[str]]) -> float:
        """Perplexity per word, where sentence ends count as words. Raises ValueError if there are no sentences."""
        total = count = 0.0
        for words in sentences:
            total, count = total + self.score(words), count + len(words) + 1
        if not count:
            raise ValueError("no sentences to measure perplexity on")
        return math.exp(min(-total / count, MAX_NATS_PER_WORD))

    def _in_vocabulary(self, word: str) -> str:
        return word if (word,) in self.log_probs or word == START else UNKNOWN


def train_ngram(sentences: Iterable[Sequence[str]], order: int, vocabulary: Iterable[str] = ()) -> NGram:
    """Interpolated Kneser–Ney smoothing (Chen and Goodman 1999), with one discount per order.

    vocabulary: words that get a probability even if the text lacks them. UNKNOWN gets that of a word that does not occur. Raises
    ValueError if the order is out of range or the text is empty.
    """
    if not 1 <= order <= MAX_ORDER:
        raise ValueError(f"an n-gram of order {order}; 1 to {MAX_ORDER} are possible")
    counts = _ngram_counts(sentences, order)
    if not counts[0]:
        raise ValueError("the text is empty")
    counts_by_order = _continuation_counts(counts)
    words = sorted({*vocabulary, *(gram[0] for gram in counts_by_order[0])} - {START, END, UNKNOWN})
    unigrams: dict[Gram, int] = {(word,): counts_by_order[0].get((word,), 0) for word in (*words, END, UNKNOWN)}
    probs: dict[Gram, float] = {(): 1 / len(unigrams)}
    backoffs: dict[Gram, float] = {}
    for level, grams in enumerate(counts_by_order):
        weights = _interpolate_order(unigrams if level == 0 else grams, _discount(grams.values()), probs)
        if level:
            backoffs |= {history: math.log(weight) for history, weight in weights.items()}
    del probs[()]
    return NGram(order, tuple(words), {gram: math.log(p) for gram, p in probs.items()}, backoffs)


def _interpolate_order(grams: Mapping[Gram, int], discount: float, probs: dict[Gram, float]) -> dict[Gram, float]:
    """Adds the probabilities of n-grams to those of shorter ones, interpolated with them.

    grams: n-gram → count, of one order. Returns history → weight of the shorter history.
    """
    totals: Counter[Gram] = Counter()
    kinds: Counter[Gram] = Counter()
    for gram, count in grams.items():
        totals[gram[:-1]] += count
        kinds[gram[:-1]] += count > 0
    weights = {history: discount * kinds[history] / totals[history] for history in totals}
    for gram, count in grams.items():
        history = gram[:-1]
        probs[gram] = max(count - discount, 0.0) / totals[history] + weights[history] * probs[gram[1:]]
    return weights


def interpolate(first: NGram, second: NGram, share: float) -> NGram:
    """share · first + (1 − share) · second, in backoff form. Raises ValueError if their words differ."""
    if first.words != second.words:
        raise ValueError("models of different words cannot be mixed")
    probs: dict[Gram, float] = {}
    # In a fixed order, because sums of floating-point numbers depend on it.
    for gram in sorted({*first.log_probs, *second.log_probs}, key=lambda gram: (len(gram), gram)):
        parts = (math.exp(model.log_prob(gram[-1], gram[:-1])) for model in (first, second))
        probs[gram] = sum(weight * p for weight, p in zip((share, 1 - share), parts, strict=True))
    continuations: dict[Gram, list[Gram]] = defaultdict(list)
    for gram in probs:
        if len(gram) > 1:
            continuations[gram[:-1]].append(gram)
    log_probs = {gram: math.log(p) for gram, p in probs.items() if p > 0}
    backoffs: dict[Gram, float] = {}
    model = NGram(max(first.order, second.order), first.words, log_probs, backoffs)
    # Shorter histories first, because longer ones back off to them.
    for history, grams in sorted(continuations.items(), key=lambda item: len(item[0])):
        left = 1 - sum(probs[gram] for gram in grams)
        free = 1 - sum(math.exp(model.log_prob(gram[-1], history[1:])) for gram in grams)
        backoffs[history] = math.log(max(left, _MIN_PROBABILITY) / max(free, _MIN_PROBABILITY))
    return model


def _ngram_counts(sentences: Iterable[Sequence[str]], order: int) -> list[Counter[Gram]]:
    """For each order the counts of the n-grams that end in a word or in END."""
    counts: list[Counter[Gram]] = [Counter() for _ in range(order)]
    for words in sentences:
        tokens = (START, *words, END)
        for i in range(1, len(tokens)):
            for size in range(1, min(order, i + 1) + 1):
                counts[size - 1][tokens[i - size + 1 : i + 1]] += 1
    return counts


def _continuation_counts(counts: list[Counter[Gram]]) -> list[Mapping[Gram, int]]:
    """For all but the highest order, the number of different words before an n-gram; the count of one that begins a sentence."""
    adjusted: list[Mapping[Gram, int]] = []
    for shorter, longer in pairwise(counts):
        before = Counter(gram[1:] for gram in longer)
        adjusted.append({gram: count if gram[0] == START else before[gram] for gram, count in shorter.items()})
    return [*adjusted, counts[-1]]


def _discount(counts: Iterable[int]) -> float:
    """n1 / (n1 + 2 n2) (Ney, Essen and Kneser 1994), bounded, because it is unreliable for a small text."""
    kinds = Counter(counts)
    once, twice = kinds[1], kinds[2]
    discount = once / (once + 2 * twice) if once else 0.0
    return min(MAX_DISCOUNT, max(MIN_DISCOUNT, discount))


# ARPA ----------------------------------------------------------------------------------------------------------------
def to_arpa(model: NGram) -> str:
    """The model as an ARPA file, with logarithms to base 10."""
    grams: dict[int, list[Gram]] = defaultdict(list)
    for gram in model.log_probs:
        grams[len(gram)].append(gram)
    grams[1].append((START,))
    sizes = range(1, model.order + 1)
    lines = ["\\data\\", *(f"ngram {size}={len(grams[size])}" for size in sizes)]
    for size in sizes:
        lines += ["", f"\\{size}-grams:"]
        for gram in sorted(grams[size]):
            log = NEVER if gram == (START,) else model.log_probs[gram] / math.log(10)
            backoff = f"\t{model.backoffs[gram] / math.log(10):.7f}" if gram in model.backoffs else ""
            lines.append(f"{log:.7f}\t{' '.join(gram)}{backoff}")
    return "\n".join([*lines, "", "\\end\\", ""])


@dataclass
class _ArpaContents:
    """An ARPA file as far as it is read. announced: order → n-grams by the header; counted: order → n-grams read."""

    announced: dict[int, int] = field(default_factory=dict)
    counted: Counter[int] = field(default_factory=Counter)
    log_probs: dict[Gram, float] = field(default_factory=dict)
    backoffs: dict[Gram, float] = field(default_factory=dict)
    ended: bool = False

    def add(self, gram: Gram, log: float, backoff: float | None) -> None:
        """Adds an n-gram with its logarithms to base 10."""
        self.counted[len(gram)] += 1
        if gram != (START,):
            self.log_probs[gram] = log * math.log(10)
        if backoff is not None:
            self.backoffs[gram] = backoff * math.log(10)

    def check(self) -> None:
        """Raises ValueError if a part is missing or the counts of the header do not fit."""
        if not self.announced or not self.ended:
            raise ValueError("it has no \\data\\ section" if not self.announced else "it has no \\end\\: the file was cut off")
        orders = sorted(self.announced)
        if not 1 <= orders[-1] <= MAX_ORDER or orders != list(range(1, orders[-1] + 1)):
            raise ValueError(f"orders {orders}; 1 to {MAX_ORDER} are possible")
        for order, count in self.announced.items():
            if self.counted[order] != count:
                raise ValueError(f"it announces {count} {order}-grams and has {self.counted[order]}")
        if (END,) not in self.log_probs:
            raise ValueError(f"{END} has no probability")


def from_arpa(text: str) -> NGram:
    """The model of an ARPA file. Raises ValueError if it is malformed, with the line where there is one."""
    contents = _read_arpa(text)
    contents.check()
    log_probs = contents.log_probs
    log_probs.setdefault((UNKNOWN,), NEVER * math.log(10))
    words = tuple(sorted(gram[0] for gram in log_probs if len(gram) == 1 and gram[0] not in (END, UNKNOWN)))
    model = NGram(max(contents.announced), words, log_probs, contents.backoffs)
    _add_implied_histories(model, log_probs, contents.backoffs)
    return model


def _add_implied_histories(model: NGram, log_probs: dict[Gram, float], backoffs: dict[Gram, float]) -> None:
    """Adds the histories that an ARPA file implies; no probability of the model changes.

    A history without a backoff weight has log weight 0. One that is not listed itself, as pruning may leave it, has the
    probability that backing off gives it. log_probs, backoffs: of the model.
    """
    for gram in list(log_probs):
        for size in range(len(gram) - 1, 0, -1):
            history = gram[:size]
            if history in backoffs and history in log_probs:
                break
            backoffs.setdefault(history, 0.0)
            if size > 1 and all((word,) in log_probs for word in history[history[0] == START :]):
                log_probs.setdefault(history, model.log_prob(history[-1], history[:-1]))


def _read_arpa(text: str) -> _ArpaContents:
    contents = _ArpaContents()
    size = -1  # of the n-grams in the current section; 0 in the header, −1 before it
    for number, line in _nonempty_lines(text):
        if line == "\\data\\":
            size = 0
        elif line == "\\end\\":
            contents.ended = True
            break
        elif header := re.fullmatch(r"\\(\d+)-grams:", line):
            size = int(header[1])
        elif size == 0 and (count := re.fullmatch(r"ngram\s+(\d+)\s*=\s*(\d+)", line)):
            contents.announced[int(count[1])] = int(count[2])
        elif size > 0:
            contents.add(*_parse_gram(line, size, number))
        elif size == 0:
            raise ValueError(f"line {number}: neither a count nor the head of a section")
    return contents


def _nonempty_lines(text: str) -> Iterator[tuple[int, str]]:
    """Line numbers and stripped lines. Raises ValueError if a line is too long."""
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > MAX_ARPA_LINE:
            raise ValueError(f"line {number} is {len(line)} characters long")
        if line.strip():
            yield number, line.strip()


def _parse_gram(line: str, size: int, number: int) -> tuple[Gram, float, float | None]:
    """The n-gram, logarithm and backoff logarithm of a line, to base 10. Raises ValueError if it is malformed."""
    parts = line.split()
    try:
        if len(parts) not in (size + 1, size + 2):
            raise ValueError
        log, backoff = float(parts[0]), float(parts[size + 1]) if len(parts) == size + 2 else None
        if not math.isfinite(log) or log > 0 or not abs(backoff or 0.0) <= -NEVER:
            raise ValueError
    except ValueError:
        raise ValueError(f"line {number} is no {size}-gram: {line[:60]}") from None
    return tuple(parts[1 : size + 1]), log, backoff
