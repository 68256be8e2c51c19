"""Translations and failures as JSON (asl.pipelines.translation.json_schema)."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asl.pipelines.cascade.explanation import PathStep
from asl.pipelines.recogniser.reading import Token
from asl.pipelines.translation.json_schema import (
    ClipOutput,
    FailedClipOutput,
    LiveWordOutput,
    PathStepOutput,
    TokenOutput,
    TranslateOutput,
)
from asl.pipelines.translation.reader import Provenance
from asl.pipelines.workspace.errors import BadClip
from asl.version import __version__

if TYPE_CHECKING:
    from asl.pipelines.translation.live_reading import LiveWord
    from asl.pipelines.translation.writers import Translation

SCHEMA_VERSION = 2


def document(provenance: Provenance, clips: Sequence[ClipOutput], failed: Sequence[FailedClipOutput] = ()) -> TranslateOutput:
    """The object that `--format json` writes."""
    return {
        "version": SCHEMA_VERSION,
        "asl": __version__,
        "command": "translate",
        "model": {"name": provenance.model, "weights": provenance.weights},
        "decoder": provenance.decoder,
        "clips": list(clips),
        "failed": list(failed),
    }


def indented(output: TranslateOutput) -> str:
    return json.dumps(output, indent=1, ensure_ascii=False) + "\n"


def one_line(output: TranslateOutput | LiveWordOutput) -> str:
    return json.dumps(output, ensure_ascii=False) + "\n"


def failed_clip(path: Path, bad: BadClip) -> FailedClipOutput:
    return {"path": str(path), "reason": bad.reason, "message": bad.message}


def translated_clip(translation: "Translation") -> ClipOutput:
    output: ClipOutput = {
        "path": str(translation.path),
        "seconds": round(translation.seconds, 3),
        "glosses": [token.gloss for token in translation.tokens],
        "tokens": [_token(token) for token in translation.tokens],
    }
    if not translation.whole:
        output["whole"] = False
    if translation.explanation:
        output["explanation"] = [_path_step(step) for step in translation.explanation]
    return output


def live_word(word: "LiveWord", provenance: Provenance) -> LiveWordOutput:
    """One line of live output."""
    token = _token(word.token)
    return {
        "version": SCHEMA_VERSION,
        "asl": __version__,
        "model": {"name": provenance.model, "weights": provenance.weights},
        "decoder": provenance.decoder,
        "gloss": token["gloss"],
        "start": token["start"],
        "end": token["end"],
        "confidence": token["confidence"],
        "delay_ms": round(1000 * word.delay, 1),
        "runners_up": token["runners_up"],
    }


def _token(token: Token) -> TokenOutput:
    output: TokenOutput = {
        "gloss": token.gloss,
        "start": round(token.start, 3),
        "end": round(token.end, 3),
        "confidence": round(token.confidence, 4),
        "runners_up": [{"gloss": gloss, "confidence": round(share, 4)} for gloss, share in token.runners_up],
    }
    if token.referent:
        output["referent"] = token.referent
    if token.direction:
        output["direction"] = list(token.direction)
    if token.phonology:
        output["phonology"] = {tier: {"class": value, "confidence": round(share, 4)} for tier, value, share in token.phonology}
    return output


def _path_step(step: PathStep) -> PathStepOutput:
    return {
        "level": step.level,
        "first": step.first,
        "last": step.last,
        "reads": list(step.reads),
        "writes": list(step.writes),
        "cost": step.cost,
    }
