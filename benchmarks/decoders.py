"""The cascade's search beside flashlight-text's lexicon decoder and pyctcdecode: one lexicon, one trigram, one set of scores.

    python3.11 -m venv peers && peers/bin/pip install . flashlight-text pyctcdecode kenlm
    PYTHONPATH=benchmarks peers/bin/python benchmarks/decoders.py [--signs 2000] [--utterances 100] [--runs 3]

The peers need packages that asl does not need, so they have their own virtual environment. Signs are sequences of units as in
cascade.py; a rest follows each sign, which ends a word for both peers. All three read the same (T, units) log-probabilities and
the same ARPA file with weight 1 and no other costs. Only the cascade models durations of units, and is run with the right
duration and with a wrong one. Each is run at several beams: compare frames/s at equal or better word error rates.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import jiwer
import kenlm
import numpy as np
from cascade import UNITS, lexicon, sentences, utterance
from flashlight.lib.text.decoder import CriterionType, LexiconDecoder, LexiconDecoderOptions, SmearingMode, Trie
from flashlight.lib.text.decoder.kenlm import KenLM
from flashlight.lib.text.dictionary import Dictionary
from pyctcdecode import Alphabet, BeamSearchDecoderCTC, LanguageModel

from asl.transducers.cascade import KnowledgeSources, build_cascade
from asl.transducers.decoder import Decoder, SearchOptions
from asl.transducers.level_names import FULL_CASCADE, file_name
from asl.transducers.levels.context import ContextClass
from asl.transducers.levels.discourse import ReferenceSymbols
from asl.transducers.levels.lexicon import Pronunciation
from asl.transducers.levels.ngram import to_arpa, train_ngram

#: Turns KenLM's logarithms to base 10 into natural ones.
NATURAL = float(np.log(10))
#: First of the characters that stand for units in pyctcdecode's alphabet.
FIRST_CHARACTER = 0x4E00
Read = Callable[[np.ndarray], list[str]]


def cascade(glosses, spelled, model, folder: Path, duration: float) -> dict[str, Read]:
    """duration: mean frames of every unit, as the cascade models it."""
    places = tuple(ContextClass(unit, unit) for unit in range(UNITS))
    entries = tuple(Pronunciation(number, units) for number, units in enumerate(spelled, 1))
    references = ReferenceSymbols(UNITS, 0, {}, {})
    knowledge = KnowledgeSources(tuple(glosses), (duration,) * UNITS, places, entries, model, references, rest=UNITS)
    build_cascade(knowledge).write(folder)
    graph = Decoder(folder / file_name(FULL_CASCADE)).graph

    def reader(beam: float) -> Read:
        decoder = Decoder(graph, SearchOptions(beam))
        return lambda scores: [glosses[word - 1] for word in decoder.decode(scores).words]

    return {f"cascade, units of {duration:g} frames, beam {beam:g}": reader(beam) for beam in (6, 8, 10)}


def flashlight(glosses, spelled, arpa: Path) -> dict[str, Read]:
    """ASG, because units last several frames and there is no blank. The rest is its silence, which ends every word."""
    words = Dictionary()
    for gloss in glosses:
        words.add_entry(gloss)
    unknown = words.index_size()
    words.add_entry("<unk>")
    model = KenLM(str(arpa), words)
    trie, start = Trie(UNITS, UNITS - 1), model.start(False)
    for gloss, units in zip(glosses, spelled, strict=True):
        word = words.get_index(gloss)
        _, score = model.score(start, word)
        trie.insert([*(unit - 1 for unit in units), UNITS - 1], word, score)
    trie.smear(SmearingMode.MAX)

    def reader(beam: int, tokens: int) -> Read:
        options = LexiconDecoderOptions(
            beam_size=beam, beam_size_token=tokens, beam_threshold=25.0, lm_weight=NATURAL, word_score=0.0, unk_score=-np.inf,
            sil_score=0.0, log_add=False, criterion_type=CriterionType.ASG,
        )  # fmt: skip
        transitions = [0.0] * (UNITS * UNITS)
        decoder = LexiconDecoder(options, trie, model, UNITS - 1, -1, unknown, transitions, False)

        def read(scores: np.ndarray) -> list[str]:
            values = np.ascontiguousarray(scores, dtype=np.float32)
            best = decoder.decode(values.ctypes.data, *values.shape)[0]
            return [words.get_entry(word) for word in best.words if word >= 0]

        return read

    # Both widths matter: if a unit is not among the best of a frame, its sign is lost.
    searches = ((50, 20), (500, 20), (500, 100), (2000, 100), (2000, UNITS))
    return {f"flashlight-text, beam {beam}, {tokens} units per frame": reader(beam, tokens) for beam, tokens in searches}


def pyctc(glosses, spelled, arpa: Path) -> dict[str, Read]:
    """A word is spelled with one character per unit; the rest is the space between words."""
    characters = [chr(FIRST_CHARACTER + unit) for unit in range(UNITS)]
    spellings = ["".join(characters[unit - 1] for unit in units) for units in spelled]
    gloss_of = dict(zip(spellings, glosses, strict=True))
    text = arpa.read_text()
    respelled = arpa.with_name("respelled.arpa")
    spelling_of = dict(zip(glosses, spellings, strict=True))
    lines = []
    for line in text.splitlines():
        fields = line.split("\t")
        if len(fields) > 1:
            fields[1] = " ".join(spelling_of.get(word, word) for word in fields[1].split(" "))
        lines.append("\t".join(fields))
    respelled.write_text("\n".join(lines) + "\n")
    labels = [*characters[:-1], " ", ""]
    model = LanguageModel(kenlm.Model(str(respelled)), spellings, alpha=1.0, beta=0.0, unk_score_offset=-50.0)
    decoder = BeamSearchDecoderCTC(Alphabet(labels, False), model)

    def reader(beam: int) -> Read:
        def read(scores: np.ndarray) -> list[str]:
            with_blank = np.concatenate([scores, np.full((len(scores), 1), -50.0, dtype=scores.dtype)], axis=1)
            best = decoder.decode(with_blank, beam_width=beam, beam_prune_logp=-15.0, token_min_logp=-12.0)
            return [gloss_of.get(word, word) for word in best.split()]

        return read

    return {f"pyctcdecode, beam {beam}": reader(beam) for beam in (50, 200)}


def measured(read: Read, utterances, truth: list[str], runs: int, most_seconds: float) -> str:
    """Frames/s, the median of the runs, and WER, on as many utterances as can be read in time."""
    started = time.perf_counter()
    read(utterances[0][1])
    per_utterance = time.perf_counter() - started
    count = max(1, min(len(utterances), int(most_seconds / per_utterance)))
    subset, frames = utterances[:count], sum(len(scores) for _, scores in utterances[:count])
    rates, sentences = [], []
    for _ in range(runs if per_utterance * count * runs < most_seconds else 1):
        started = time.perf_counter()
        sentences = [" ".join(read(scores)) for _, scores in subset]
        rates.append(frames / (time.perf_counter() - started))
    wer = jiwer.wer(truth[:count], sentences)
    return f"{statistics.median(rates):8.0f} frames/s, WER {100 * wer:.2f} % of {count} utterances"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--signs", type=int, default=2000)
    parser.add_argument("--text", type=Path, nargs="*", default=[])
    parser.add_argument("--utterances", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--most-seconds", type=float, default=300, help="a decoder that would take longer reads fewer utterances")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    glosses = [f"G{number:05}" for number in range(args.signs)]
    spelled = [units for units in lexicon(2 * args.signs, rng) if all(a != b for a, b in pairwise(units))]
    spelled = spelled[: args.signs]
    model = train_ngram(sentences(args.text, glosses, rng), 3, glosses)
    utterances = [utterance(model, spelled, UNITS, rng, rests=1.0) for _ in range(args.utterances)]
    frames = sum(len(scores) for _, scores in utterances)
    truth = [" ".join(glosses[word - 1] for word in words) for words, _ in utterances]
    print(f"{args.signs} signs, {len(utterances)} utterances of {frames} frames", flush=True)
    with tempfile.TemporaryDirectory() as name:
        arpa = Path(name) / "g.arpa"
        arpa.write_text(to_arpa(model))
        readers = {}
        for duration in (5.0, 2.0):
            (folder := Path(name) / str(duration)).mkdir()
            readers |= cascade(glosses, spelled, model, folder, duration)
        readers |= flashlight(glosses, spelled, arpa) | pyctc(glosses, spelled, arpa)
        for title, read in readers.items():
            print(f"{title}: {measured(read, utterances, truth, args.runs, args.most_seconds)}", flush=True)


if __name__ == "__main__":
    main()
