"""The language model G, from texts of glosses and from the sentences of the clips (SPEC §10)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asl.pipelines.workspace.counts import counted
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.reading import GraphSettings
from asl.transducers.glossing import parse_glosses
from asl.transducers.levels.ngram import UNKNOWN, NGram, from_arpa, interpolate, train_ngram

MAX_TEXT_BYTES = 1 << 30
#: Shares of the text in the mixture that are tried.
TEXT_SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
#: One line of the text in this many is held out if there are no validation sentences.
HELD_OUT_EVERY = 20

Sentences = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Language:
    """model: G. figures: for the report. missing: words of the text that are not in the vocabulary, with their counts.

    unigram: of the clips' glosses.
    """

    model: NGram
    figures: dict[str, Any]
    missing: Counter[str]
    unigram: NGram


def train_language(settings: GraphSettings, glosses: Sequence[str], clips: Sentences, held_out: Sentences) -> Language:
    """clips: glosses of the training clips. held_out: of the validation clips, for perplexity; never trained on.

    Raises BadInput if a text is empty or unreadable, or an ARPA file is damaged or lacks a gloss.
    """
    vocabulary = set(glosses)
    unigram = train_ngram(list(clips), 1, glosses)
    held_out = [[word if word in vocabulary else UNKNOWN for word in words] for words in held_out if len(words) > 1]
    if settings.arpa:
        model = _arpa(Path(settings.arpa), glosses)
        return Language(model, {"order": model.order} | _perplexity(model, held_out), Counter(), unigram)
    sentences = [words for words in clips if len(words) > 1] or list(clips)
    texts = [words for name in settings.text for words in read_text(Path(name))]
    missing = Counter(word for words in texts for word in words if word not in vocabulary)
    texts = [[word if word in vocabulary else UNKNOWN for word in words] for words in texts]
    if not texts:
        model = train_ngram(sentences, settings.order, glosses)
        figures = {"order": settings.order, "sentences": len(sentences)} | _perplexity(model, held_out)
        return Language(model, figures, missing, unigram)
    figures: dict[str, Any] = {"order": settings.order, "sentences": len(sentences), "text_sentences": len(texts)}
    training_texts = texts
    if not held_out:
        held_out = texts[::HELD_OUT_EVERY]
        training_texts = [words for number, words in enumerate(texts) if number % HELD_OUT_EVERY] or texts
        figures["measured_on"] = "held-out lines of the text"
    of_text = train_ngram(training_texts, settings.order, glosses)
    of_clips = train_ngram(sentences, settings.order, glosses)
    share = settings.text_share if settings.text_share >= 0 else _best_share(of_text, of_clips, held_out)
    figures |= {"text_share": share, "perplexity_text_alone": round(of_text.perplexity(held_out), 2)}
    figures |= {"perplexity_clips_alone": round(of_clips.perplexity(held_out), 2)}
    figures |= _perplexity(interpolate(of_text, of_clips, share), held_out)
    of_all_text = of_text if training_texts is texts else train_ngram(texts, settings.order, glosses)
    return Language(interpolate(of_all_text, of_clips, share), figures, missing, unigram)


def _best_share(text: NGram, clips: NGram, held_out: Sentences) -> float:
    return min(TEXT_SHARES, key=lambda share: interpolate(text, clips, share).perplexity(held_out))


def _perplexity(model: NGram, held_out: Sentences) -> dict[str, float]:
    return {"perplexity": round(model.perplexity(held_out), 2)} if held_out else {}


def read_text(path: Path) -> list[tuple[str, ...]]:
    """The glosses of each line, separated by blanks. Raises BadInput if the file is unreadable, too large or empty."""
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise BadInput(f"{path} is larger than {MAX_TEXT_BYTES >> 30} GiB", "name a text file with one sentence per line")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror or error}", "name a text file of glosses") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not UTF-8 text", "save it as UTF-8, one sentence of glosses per line") from error
    sentences = [words for line in lines if (words := parse_glosses(line))]
    if not sentences:
        raise BadInput(f"{path} has no glosses", "write one sentence of glosses per line, separated by blanks")
    return sentences


def _arpa(path: Path, glosses: Sequence[str]) -> NGram:
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise BadInput(f"{path} is larger than {MAX_TEXT_BYTES >> 30} GiB", "prune the model first")
        model = from_arpa(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {path}: {error}", "name an ARPA file") from error
    except ValueError as error:
        raise BadInput(f"{path} is not an ARPA file: {error}", "export one with asl build-fst, or leave --arpa out") from error
    missing = [gloss for gloss in glosses if (gloss,) not in model.log_probs]
    if missing:
        raise BadInput(
            f"{path} has no probability for {counted(len(missing), 'gloss', 'glosses')}, among them {missing[0]}",
            "train it on the full vocabulary",
        )
    return model
