"""The cascade at 2,000 and 10,000 signs: how long it takes to build, how large it is, how fast it is searched.

    python benchmarks/cascade.py [--signs 2000] [--text FILE …] [--runs 5] [--utterances 500]

Signs are invented, of two or three out of 400 units. G is a trigram of a text whose words are dealt out to the signs by frequency
(else of random sentences). Utterances are drawn from G; each unit lasts a few frames, whose scores are those of a noisy
classifier. Search errors are utterances read otherwise than with beam 18, at a higher cost. Build time and
memory are of a process of its own; frames a second of one core, median of the runs.
"""

import argparse
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from asl.transducers.cascade import KnowledgeSources
from asl.transducers.decoder import Decoder, SearchOptions
from asl.transducers.level_names import FULL_CASCADE, file_name
from asl.transducers.levels.context import ContextClass
from asl.transducers.levels.discourse import ReferenceSymbols
from asl.transducers.levels.lexicon import Pronunciation
from asl.transducers.levels.ngram import END, START, train_ngram

UNITS, MEAN_FRAMES = 400, 5.0
SEARCHES = (*(SearchOptions(beam, 7000) for beam in (8, 8.5, 9, 9.5, 10, 12)), SearchOptions(12, 500))
SURE = SearchOptions(beam=18.0, most_active=10**6)
#: Paths whose costs differ by less, nats, are as good: sums of single-precision numbers in another order.
SAME = 1e-2


def lexicon(signs: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Different rows of two or three units."""
    rows: dict[tuple[int, ...], None] = {}
    while len(rows) < signs:
        rows[tuple((rng.integers(1, UNITS, rng.integers(2, 4))).tolist())] = None
    return list(rows)


def sentences(files: list[Path], glosses: list[str], rng: np.random.Generator) -> list[list[str]]:
    """The texts, their most frequent words called by the glosses; others leave their sentence."""
    if not files:
        weights = 1 / np.arange(1, len(glosses) + 1)
        return [list(rng.choice(glosses, rng.integers(2, 9), p=weights / weights.sum())) for _ in range(20_000)]
    lines = [line.split() for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    usual = [word for word, _ in Counter(word for line in lines for word in line).most_common(len(glosses))]
    named = dict(zip(usual, glosses, strict=False))
    return [words for line in lines if (words := [named[word] for word in line if word in named])]


def utterance(model, spelled, rest: int, rng: np.random.Generator, rests: float = 0.3) -> tuple[list[int], np.ndarray]:
    """Labels of a sentence drawn from G, and the scores of its frames. rests: share of signs that a rest follows."""
    words, history = [], [START]
    while len(words) < 12:
        choice = [word for word in model.words if (*history[-2:], word) in model.log_probs] or list(model.words[:50])
        if (*history[-2:], END) in model.log_probs and len(words) > 2:
            choice.append(END)
        p = np.exp([model.log_prob(word, history) for word in choice])
        history.append(str(rng.choice(choice, p=p / p.sum())))
        if history[-1] == END:
            break
        words.append(model.words.index(history[-1]) + 1)
    units = [rest]
    for word in words:
        units += [*spelled[word - 1], *([rest] if rng.random() < rests else [])]
    frames = np.repeat(units, rng.geometric(1 / MEAN_FRAMES, len(units)))
    scores = rng.normal(0, 1.0, (len(frames), UNITS)).astype(np.float32)
    scores[np.arange(len(frames)), frames - 1] += rng.normal(3.0, 1.0, len(frames))
    return words, scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))


def main() -> None:
    from asl.pipelines.cascade.bounded_build import (
        build_bounded,
    )  # decoders.py takes this task where pipelines need not be installed

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--signs", type=int, default=2000)
    parser.add_argument("--text", type=Path, nargs="*", default=[])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--utterances", type=int, default=500)
    parser.add_argument("--beams", type=float, nargs="+", help="search with these alone")
    parser.add_argument("--max-memory", type=float, default=6.0)
    chosen = parser.parse_args()
    rng = np.random.default_rng(0)
    glosses = [f"G{number:05}" for number in range(chosen.signs)]
    spelled = lexicon(chosen.signs, rng)
    model = train_ngram(sentences(chosen.text, glosses, rng), 3, glosses)
    places = tuple(ContextClass(unit % 60, unit // 60) for unit in range(UNITS))
    entries = tuple(Pronunciation(gloss, units) for gloss, units in enumerate(spelled, 1))
    references = ReferenceSymbols(UNITS, 0, {}, {})
    known = KnowledgeSources(tuple(glosses), (MEAN_FRAMES,) * UNITS, places, entries, model, references, rest=UNITS)
    with tempfile.TemporaryDirectory() as name:
        started = time.perf_counter()
        built = build_bounded(known, Path(name), max_gb=chosen.max_memory)
        seconds = time.perf_counter() - started
        whole = next(one for one in built.sizes if one.name == FULL_CASCADE)
        print(
            f"{chosen.signs} signs, {len(model.log_probs)} n-grams: built in {seconds:.1f} s, {built.memory_mb:.0f} MB; ", end=""
        )
        print(f"{whole.states} states, {whole.arcs} arcs, {whole.out_degree:.1f} a state, {whole.bytes >> 20} MiB")
        spoken = [utterance(model, spelled, UNITS, rng) for _ in range(chosen.utterances)]
        sure = Decoder(Path(name) / file_name(FULL_CASCADE), SURE)
        truth = [sure.decode(scores) for _, scores in spoken]
        frames = sum(len(scores) for _, scores in spoken)
        wrong = np.mean([list(read.words) != words for read, (words, _) in zip(truth, spoken, strict=True)])
        print(f"{len(spoken)} utterances of {frames} frames; {wrong:.0%} are read otherwise than signed")
        for how in [SearchOptions(beam, 7000) for beam in chosen.beams] if chosen.beams else SEARCHES:
            decoder = Decoder(sure.graph, how)
            rates, errors = [], 0
            for _ in range(chosen.runs):
                started = time.perf_counter()
                read = [decoder.decode(scores) for _, scores in spoken]
                rates.append(frames / (time.perf_counter() - started))
                errors = sum(a.words != b.words and a.cost > b.cost + SAME for a, b in zip(read, truth, strict=True))
            print(
                f"beam {how.beam:g}, at most {how.most_active}: {statistics.median(rates):8.0f} frames/s, {errors} search errors",
                flush=True,
            )


if __name__ == "__main__":
    main()
