"""G from texts of glosses and from the clips' own sentences (SPEC §10)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.settings.reading import GraphSettings
from asl.transducers.glossing import glosses as glosses_of
from asl.transducers.levels.ngram import UNKNOWN, NGram, from_arpa, mixed, train

MAX_TEXT_BYTES = 1 << 30
TEXT_SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
#: Every so many lines of a text one is held out, where there are no validation sentences to measure on.
HELD_OUT_EVERY = 20

Sentences = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Language:
    """model: G. figures: for the report. missing: words of the text that no gloss stands for, with their counts.

    alone: how often glosses are in the clips, whatever they follow.
    """

    model: NGram
    figures: dict[str, Any]
    missing: Counter[str]
    alone: NGram


def train_language(settings: GraphSettings, glosses: Sequence[str], clips: Sentences, held: Sentences) -> Language:
    """clips: glosses of the training clips; held: of the validation sentences, which are measured on and never learned.

    Raises BadInput: an empty or unreadable text, a damaged ARPA file, or one that lacks a gloss.
    """
    known = set(glosses)
    alone = train(list(clips), 1, glosses)
    held = [[word if word in known else UNKNOWN for word in words] for words in held if len(words) > 1]
    if settings.arpa:
        model = _arpa(Path(settings.arpa), glosses)
        return Language(model, {"order": model.order} | _perplexity(model, held), Counter(), alone)
    own = [words for words in clips if len(words) > 1] or list(clips)
    texts = [words for name in settings.text for words in read_text(Path(name))]
    missing = Counter(word for words in texts for word in words if word not in known)
    texts = [[word if word in known else UNKNOWN for word in words] for words in texts]
    if not texts:
        model = train(own, settings.order, glosses)
        return Language(model, {"order": settings.order, "sentences": len(own)} | _perplexity(model, held), missing, alone)
    figures: dict[str, Any] = {"order": settings.order, "sentences": len(own), "text_sentences": len(texts)}
    kept = texts
    if not held:
        held = texts[::HELD_OUT_EVERY]
        kept = [words for number, words in enumerate(texts) if number % HELD_OUT_EVERY] or texts
        figures["measured_on"] = "held-out lines of the text"
    measured = train(kept, settings.order, glosses)
    of_clips = train(own, settings.order, glosses)
    share = settings.text_share if settings.text_share >= 0 else _best_share(measured, of_clips, held)
    figures |= {"text_share": share, "perplexity_text_alone": round(measured.perplexity(held), 2)}
    figures |= {"perplexity_clips_alone": round(of_clips.perplexity(held), 2)}
    figures |= _perplexity(mixed(measured, of_clips, share), held)
    whole = measured if kept is texts else train(texts, settings.order, glosses)
    return Language(mixed(whole, of_clips, share), figures, missing, alone)


def _best_share(text: NGram, clips: NGram, held: Sentences) -> float:
    return min(TEXT_SHARES, key=lambda share: mixed(text, clips, share).perplexity(held))


def _perplexity(model: NGram, held: Sentences) -> dict[str, float]:
    return {"perplexity": round(model.perplexity(held), 2)} if held else {}


def read_text(path: Path) -> list[tuple[str, ...]]:
    """Glosses by line, parted by blanks. Raises BadInput: unreadable, too large, or nothing in it."""
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise BadInput(f"{path} is larger than {MAX_TEXT_BYTES >> 30} GiB", "a text has one sentence of glosses a line")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror or error}", "name a text file of glosses") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is not text in UTF-8", "save it as UTF-8, one sentence of glosses a line") from error
    found = [words for line in lines if (words := glosses_of(line))]
    if not found:
        raise BadInput(f"{path} holds no glosses", "write one sentence of glosses a line, parted by blanks")
    return found


def _arpa(path: Path, glosses: Sequence[str]) -> NGram:
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise BadInput(f"{path} is larger than {MAX_TEXT_BYTES >> 30} GiB", "prune the model first")
        model = from_arpa(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {path}: {error}", "name an ARPA file") from error
    except ValueError as error:
        raise BadInput(f"{path} is no ARPA file: {error}", "export one with asl build-fst, or leave --arpa out") from error
    lacking = [gloss for gloss in glosses if (gloss,) not in model.log_probs]
    if lacking:
        raise BadInput(
            f"{path} has no probability for {len(lacking)} glosses, among them {lacking[0]}", "train it with the whole vocabulary"
        )
    return model
