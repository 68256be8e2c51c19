"""The cascade at 2,000 and 10,000 signs: build time, size, and search speed.

    python benchmarks/cascade.py [--signs 2000] [--text FILE …] [--runs 5] [--utterances 500]

Signs are invented, with two or three out of 400 units. G is a trigram of a text whose most frequent words stand for the signs, or
of random sentences. Utterances are drawn from G; each unit lasts a few frames, whose scores are those of a noisy classifier. A
search error is an utterance that is decoded differently than with beam 18, at a higher cost. The build runs in a separate
process; frames per second are for one core, the median of the runs.
"""

import argparse
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from asl.transducers.cascade import KnowledgeSources
from asl.transducers.decoder import BestPath, Decoder, SearchOptions
from asl.transducers.level_names import FULL_CASCADE, file_name
from asl.transducers.levels.context import ContextClass
from asl.transducers.levels.discourse import ReferenceSymbols
from asl.transducers.levels.lexicon import Pronunciation
from asl.transducers.levels.ngram import END, START, train_ngram

UNITS, MEAN_FRAMES = 400, 5.0
SEARCHES = (*(SearchOptions(beam, 7000) for beam in (8, 8.5, 9, 9.5, 10, 12)), SearchOptions(12, 500))
REFERENCE = SearchOptions(beam=18.0, most_active=10**6)
#: Costs that differ by less, nats, count as equal: they are sums of single-precision numbers in different orders.
COST_TOLERANCE = 1e-2


def lexicon(signs: int, rng: np.random.Generator) -> list[tuple[int, ...]]:
    """Distinct sequences of two or three units."""
    rows: dict[tuple[int, ...], None] = {}
    while len(rows) < signs:
        rows[tuple((rng.integers(1, UNITS, rng.integers(2, 4))).tolist())] = None
    return list(rows)


def sentences(files: list[Path], glosses: list[str], rng: np.random.Generator) -> list[list[str]]:
    """The texts, with their most frequent words replaced by glosses and all others left out."""
    if not files:
        weights = 1 / np.arange(1, len(glosses) + 1)
        return [list(rng.choice(glosses, rng.integers(2, 9), p=weights / weights.sum())) for _ in range(20_000)]
    lines = [line.split() for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    frequent = [word for word, _ in Counter(word for line in lines for word in line).most_common(len(glosses))]
    gloss_of = dict(zip(frequent, glosses, strict=False))
    return [words for line in lines if (words := [gloss_of[word] for word in line if word in gloss_of])]


def utterance(model, spelled, rest: int, rng: np.random.Generator, rests: float = 0.3) -> tuple[list[int], np.ndarray]:
    """Labels of a sentence drawn from G, and the scores of its frames. rests: share of signs that are followed by a rest."""
    words, history = [], [START]
    while len(words) < 12:
        choices = [word for word in model.words if (*history[-2:], word) in model.log_probs] or list(model.words[:50])
        if (*history[-2:], END) in model.log_probs and len(words) > 2:
            choices.append(END)
        p = np.exp([model.log_prob(word, history) for word in choices])
        history.append(str(rng.choice(choices, p=p / p.sum())))
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
    # Imported here because decoders.py uses this module in an environment without what pipelines need.
    from asl.pipelines.cascade.bounded_build import build_bounded

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--signs", type=int, default=2000)
    parser.add_argument("--text", type=Path, nargs="*", default=[])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--utterances", type=int, default=500)
    parser.add_argument("--beams", type=float, nargs="+", help="search with these only")
    parser.add_argument("--max-memory", type=float, default=6.0)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    glosses = [f"G{number:05}" for number in range(args.signs)]
    spelled = lexicon(args.signs, rng)
    model = train_ngram(sentences(args.text, glosses, rng), 3, glosses)
    places = tuple(ContextClass(unit % 60, unit // 60) for unit in range(UNITS))
    entries = tuple(Pronunciation(gloss, units) for gloss, units in enumerate(spelled, 1))
    references = ReferenceSymbols(UNITS, 0, {}, {})
    knowledge = KnowledgeSources(tuple(glosses), (MEAN_FRAMES,) * UNITS, places, entries, model, references, rest=UNITS)
    with tempfile.TemporaryDirectory() as name:
        started = time.perf_counter()
        figures = build_bounded(knowledge, Path(name), max_gb=args.max_memory)
        seconds = time.perf_counter() - started
        graph = next(size for size in figures.sizes if size.name == FULL_CASCADE)
        built = f"built in {seconds:.1f} s, {figures.memory_mb:.0f} MB"
        print(f"{args.signs} signs, {len(model.log_probs)} n-grams: {built}; ", end="")
        print(f"{graph.states} states, {graph.arcs} arcs, {graph.out_degree:.1f} per state, {graph.bytes >> 20} MiB")
        utterances = [utterance(model, spelled, UNITS, rng) for _ in range(args.utterances)]
        reference = Decoder(Path(name) / file_name(FULL_CASCADE), REFERENCE)
        best_paths = [reference.decode(scores) for _, scores in utterances]
        frames = sum(len(scores) for _, scores in utterances)
        wrong = np.mean([list(path.words) != words for path, (words, _) in zip(best_paths, utterances, strict=True)])
        print(f"{len(utterances)} utterances of {frames} frames; {wrong:.0%} are not decoded as signed")
        for options in [SearchOptions(beam, 7000) for beam in args.beams] if args.beams else SEARCHES:
            decoder = Decoder(reference.graph, options)
            rates, errors = [], 0
            for _ in range(args.runs):
                started = time.perf_counter()
                paths = [decoder.decode(scores) for _, scores in utterances]
                rates.append(frames / (time.perf_counter() - started))
                errors = sum(map(is_search_error, paths, best_paths))
            search = f"beam {options.beam:g}, at most {options.most_active}"
            print(f"{search}: {statistics.median(rates):8.0f} frames/s, {errors} search errors", flush=True)


def is_search_error(path: BestPath, best: BestPath) -> bool:
    return path.words != best.words and path.cost > best.cost + COST_TOLERANCE


if __name__ == "__main__":
    main()
