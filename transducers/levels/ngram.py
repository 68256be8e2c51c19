"""Gloss n-grams with interpolated Kneser–Ney smoothing, in backoff form, and ARPA files (SPEC §10, G)."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
MAX_ORDER = 5
#: A discount must take something and leave something.
LEAST_DISCOUNT, MOST_DISCOUNT = 0.1, 0.95
#: What ARPA files say of a probability of 0.
NEVER = -99.0
#: What a perplexity is cut at: its exponential still is a number.
MOST_NATS_A_WORD = 700.0
MAX_ARPA_LINE = 10_000
#: What is left to words that a history was never followed by, at least.
_LEAST = 1e-12

Gram = tuple[str, ...]


@dataclass(frozen=True)
class NGram:
    """A backoff model. log_probs: n-gram → natural log of p(last | others). backoffs: history → log weight of the shorter one.

    words: the vocabulary, without START, END and UNKNOWN.
    """

    order: int
    words: tuple[str, ...]
    log_probs: Mapping[Gram, float]
    backoffs: Mapping[Gram, float]

    def log_prob(self, word: str, history: Sequence[str]) -> float:
        """log p(word | history), natural; words outside the vocabulary count as UNKNOWN."""
        gram = (*(self._known(one) for one in history), self._known(word))[-self.order :]
        cost = 0.0
        while gram not in self.log_probs:
            cost += self.backoffs.get(gram[:-1], 0.0)
            gram = gram[1:]
        return cost + self.log_probs[gram]

    def score(self, words: Sequence[str]) -> float:
        """log p of a whole sentence, its end included."""
        line = [START, *words, END]
        return sum(self.log_prob(line[i], line[max(0, i - self.order + 1) : i]) for i in range(1, len(line)))

    def perplexity(self, sentences: Iterable[Sequence[str]]) -> float:
        """Per word, sentence ends counted as words. Raises ValueError without sentences."""
        total = count = 0.0
        for words in sentences:
            total, count = total + self.score(words), count + len(words) + 1
        if not count:
            raise ValueError("no sentences to measure perplexity on")
        return math.exp(min(-total / count, MOST_NATS_A_WORD))

    def _known(self, word: str) -> str:
        return word if (word,) in self.log_probs or word == START else UNKNOWN


def train_ngram(sentences: Iterable[Sequence[str]], order: int, vocabulary: Iterable[str] = ()) -> NGram:
    """Interpolated Kneser–Ney of `order` (Chen and Goodman 1999), one discount an order by the counts of counts.

    vocabulary: words that must have a probability though the text lacks them. Unknown words get that of a word never seen.
    Raises ValueError: an order out of range, or an empty text.
    """
    if not 1 <= order <= MAX_ORDER:
        raise ValueError(f"an n-gram of order {order}; 1 to {MAX_ORDER} are possible")
    counts = _counts(sentences, order)
    if not counts[0]:
        raise ValueError("the text is empty")
    adjusted = _continuations(counts)
    words = sorted({*vocabulary, *(gram[0] for gram in adjusted[0])} - {START, END, UNKNOWN})
    uniform = 1 / (len(words) + 2)  # END and UNKNOWN are words too
    probs: dict[Gram, float] = {}
    backoffs: dict[Gram, float] = {}
    for level, own in enumerate(adjusted):
        discount = _discount(own.values())
        totals, kinds = Counter(), Counter()
        for gram, count in own.items():
            totals[gram[:-1]] += count
            kinds[gram[:-1]] += 1
        weights = {history: discount * kinds[history] / totals[history] for history in totals}
        grams = own if level else {(word,): own.get((word,), 0) for word in (*words, END, UNKNOWN)}
        for gram, count in grams.items():
            history = gram[:-1]
            shorter = probs[gram[1:]] if level else uniform
            probs[gram] = max(count - discount, 0.0) / totals[history] + weights[history] * shorter
        if level:
            backoffs |= {history: math.log(weight) for history, weight in weights.items()}
    return NGram(order, tuple(words), {gram: math.log(p) for gram, p in probs.items()}, backoffs)


def interpolate(first: NGram, second: NGram, share: float) -> NGram:
    """share · first + (1 − share) · second, in backoff form. Raises ValueError: they have different words."""
    if first.words != second.words:
        raise ValueError("models of different words cannot be mixed")
    probs: dict[Gram, float] = {}
    for gram in sorted({*first.log_probs, *second.log_probs}, key=len):
        parts = (math.exp(one.log_prob(gram[-1], gram[:-1])) for one in (first, second))
        probs[gram] = sum(weight * p for weight, p in zip((share, 1 - share), parts, strict=True))
    order = max(first.order, second.order)
    own: dict[Gram, list[Gram]] = defaultdict(list)
    for gram in probs:
        if len(gram) > 1:
            own[gram[:-1]].append(gram)
    mixture = NGram(order, first.words, {gram: math.log(p) for gram, p in probs.items() if p > 0}, {})
    backoffs: dict[Gram, float] = {}
    # Shorter histories first: what a longer one backs off to must be whole.
    for history, grams in sorted(own.items(), key=lambda item: len(item[0])):
        left = 1 - sum(probs[gram] for gram in grams)
        shorter = NGram(order, first.words, mixture.log_probs, backoffs)
        free = 1 - sum(math.exp(shorter.log_prob(gram[-1], history[1:])) for gram in grams)
        backoffs[history] = math.log(max(left, _LEAST) / max(free, _LEAST))
    return NGram(order, first.words, mixture.log_probs, backoffs)


def _counts(sentences: Iterable[Sequence[str]], order: int) -> list[Counter[Gram]]:
    """Raw counts of the n-grams of each order that end in a word or in END."""
    counts = [Counter() for _ in range(order)]
    for words in sentences:
        line = (START, *words, END)
        for i in range(1, len(line)):
            for size in range(1, min(order, i + 1) + 1):
                counts[size - 1][line[i - size + 1 : i + 1]] += 1
    return counts


def _continuations(counts: list[Counter[Gram]]) -> list[Mapping[Gram, int]]:
    """Below the highest order, how many different words stand before an n-gram; none can stand before one that opens a line."""
    adjusted: list[Mapping[Gram, int]] = []
    for shorter, longer in pairwise(counts):
        before = Counter(gram[1:] for gram in longer)
        adjusted.append({gram: count if gram[0] == START else before[gram] for gram, count in shorter.items()})
    return [*adjusted, counts[-1]]


def _discount(counts: Iterable[int]) -> float:
    """n1 / (n1 + 2 n2) (Ney, Essen and Kneser 1994), within bounds where a text is too small to say."""
    kinds = Counter(counts)
    once, twice = kinds[1], kinds[2]
    found = once / (once + 2 * twice) if once else 0.0
    return min(MOST_DISCOUNT, max(LEAST_DISCOUNT, found))


# ARPA ----------------------------------------------------------------------------------------------------------------
def to_arpa(model: NGram) -> str:
    """The model as an ARPA file: logarithms to base 10, words parted by blanks."""
    levels = defaultdict(list)
    for gram in model.log_probs:
        levels[len(gram)].append(gram)
    levels[1].append((START,))
    lines = ["\\data\\", *(f"ngram {size}={len(levels[size])}" for size in range(1, model.order + 1))]
    for size in range(1, model.order + 1):
        lines += ["", f"\\{size}-grams:"]
        for gram in sorted(levels[size]):
            log = NEVER if gram == (START,) else model.log_probs[gram] / math.log(10)
            backoff = f"\t{model.backoffs[gram] / math.log(10):.7f}" if gram in model.backoffs else ""
            lines.append(f"{log:.7f}\t{' '.join(gram)}{backoff}")
    return "\n".join([*lines, "", "\\end\\", ""])


def from_arpa(text: str) -> NGram:
    """Raises ValueError naming the line: no ARPA file, a malformed line, or counts that do not fit."""
    announced: dict[int, int] = {}
    found: Counter[int] = Counter()
    log_probs: dict[Gram, float] = {}
    backoffs: dict[Gram, float] = {}
    size, ended = -1, False
    for number, line in _lines(text):
        if line == "\\data\\":
            size = 0
        elif line == "\\end\\":
            ended = True
            break
        elif header := re.fullmatch(r"\\(\d+)-grams:", line):
            size = int(header[1])
        elif size == 0 and (count := re.fullmatch(r"ngram\s+(\d+)\s*=\s*(\d+)", line)):
            announced[int(count[1])] = int(count[2])
        elif size > 0:
            gram, log, backoff = _gram(line, size, number)
            found[size] += 1
            if gram != (START,):
                log_probs[gram] = log * math.log(10)
            if backoff is not None:
                backoffs[gram] = backoff * math.log(10)
        elif size == 0:
            raise ValueError(f"line {number}: neither a count nor the head of a section")
    if not announced or not ended:
        raise ValueError("it has no \\data\\ section" if not announced else "it has no \\end\\: the file was cut off")
    if not 1 <= max(announced) <= MAX_ORDER or sorted(announced) != list(range(1, max(announced) + 1)):
        raise ValueError(f"orders {sorted(announced)}; 1 to {MAX_ORDER} are possible")
    for order, count in announced.items():
        if found[order] != count:
            raise ValueError(f"it announces {count} {order}-grams and has {found[order]}")
    log_probs.setdefault((UNKNOWN,), NEVER * math.log(10))
    if (END,) not in log_probs:
        raise ValueError(f"{END} has no probability")
    words = tuple(sorted(gram[0] for gram in log_probs if len(gram) == 1 and gram[0] not in (END, UNKNOWN)))
    return NGram(max(announced), words, log_probs, backoffs)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > MAX_ARPA_LINE:
            raise ValueError(f"line {number} is {len(line)} characters long")
        if line.strip():
            yield number, line.strip()


def _gram(line: str, size: int, number: int) -> tuple[Gram, float, float | None]:
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
