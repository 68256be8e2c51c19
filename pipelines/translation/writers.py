"""Translations, and how they are written: text, JSON, TSV, captions (SRT, WebVTT), ELAN files and annotated videos."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from asl.models.features.holistic import Landmarks
from asl.pipelines.cascade.explanation import PathStep
from asl.pipelines.recogniser.reading import Token
from asl.pipelines.translation.json_documents import document, indented, one_line, translated_clip
from asl.pipelines.translation.reader import Provenance
from asl.pipelines.workspace.files import write_atomically

#: Minimum duration of a caption: shorter ones cannot be read.
MIN_CAPTION_SECONDS = 0.4
#: A gloss of an overlay with a lower confidence is marked as unsure: it is more likely wrong than right.
UNSURE_BELOW = 0.5
#: Runners-up of an overlay have at least this share: lower ones would read 0 %.
MIN_SHOWN_SHARE = 0.005


@dataclass(frozen=True)
class Translation:
    """The glosses of a clip in signing order.

    path: the clip's file, or a name for what came from elsewhere. landmarks: as extracted, for an overlay.
    explanation: the cascade's path, if it was asked for. whole: False if no path of the cascade reached a final state of its
    grammar; the tokens are then the best partial reading. provenance: what read it.
    """

    path: Path
    tokens: tuple[Token, ...]
    landmarks: Landmarks
    explanation: tuple[PathStep, ...] = ()
    whole: bool = True
    provenance: Provenance = Provenance()

    @property
    def seconds(self) -> float:
        """Length of the clip."""
        return self.landmarks.seconds

    @property
    def glosses(self) -> tuple[str, ...]:
        return tuple(token.gloss for token in self.tokens)

    def to_text(self) -> str:
        """Glosses in a line, then a line for each with its times, confidence and runners-up."""
        return self._rendered("text")

    def to_json(self) -> str:
        """As `asl translate --format json`."""
        return self._rendered("json")

    def to_tsv(self) -> str:
        """One row for each gloss, with a header."""
        return self._rendered("tsv")

    def to_srt(self) -> str:
        """SubRip captions."""
        return self._rendered("srt")

    def to_vtt(self) -> str:
        """WebVTT captions."""
        return self._rendered("vtt")

    def to_eaf(self) -> str:
        """An ELAN document (XML) that links to the video and is meant to lie beside it."""
        return self._rendered("eaf")

    def _rendered(self, format: str) -> str:
        return render([self], format)


def render(translations: Sequence[Translation], format: str) -> str:
    """The translations in a format of ENDINGS. Captions and ELAN take exactly one."""
    return _RENDERERS[format](translations)


def _text(translations: Sequence[Translation]) -> str:
    lines = []
    for translation in translations:
        lines.append(f"{translation.path}: {' '.join(translation.glosses) or '(no sign recognised)'}")
        for token in translation.tokens:
            runners_up = ", ".join(f"{gloss} {share:.2f}" for gloss, share in token.runners_up)
            alternatives = f"   (else {runners_up})" if runners_up else ""
            referent = f" ({token.referent})" if token.referent else ""
            times = f"{token.start:6.2f} – {token.end:.2f} s"
            lines.append(f"  {times}  {token.gloss}{referent}  {token.confidence:.2f}{alternatives}")
            lines += [f"      {tier:20} {value}  {share:.2f}" for tier, value, share in token.phonology]
        lines += path_lines(translation)
    return "\n".join(lines) + "\n"


def path_lines(translation: Translation) -> list[str]:
    """The path of the cascade, one line per step."""
    if not translation.explanation:
        return []
    lines = ["  the path, level by level (frames, what is read → what is written, nats):"]
    for step in translation.explanation:
        writes = f" → {' '.join(step.writes)}" if step.writes else ""
        cost = f"  {step.cost:.2f}" if step.level != "H" else ""
        lines.append(f"    {step.level:3} {step.first:4}–{step.last - 1:<4} {' '.join(step.reads)}{writes}{cost}")
    return lines


def _json(translations: Sequence[Translation]) -> str:
    provenance = translations[0].provenance if translations else Provenance()
    return indented(document(provenance, [translated_clip(translation) for translation in translations]))


def _jsonl(translations: Sequence[Translation]) -> str:
    return "".join(one_line(document(each.provenance, [translated_clip(each)])) for each in translations)


def _tsv(translations: Sequence[Translation]) -> str:
    buffer = io.StringIO()
    table = csv.writer(buffer, delimiter="\t", lineterminator="\n")
    tiers = _tiers(translations)
    table.writerow(("file", "start", "end", "gloss", "confidence", "runners_up", *tiers))
    for translation in translations:
        for token in translation.tokens:
            runners_up = " ".join(f"{gloss}:{share:.3f}" for gloss, share in token.runners_up)
            classes = [f"{value}:{share:.3f}" for _, value, share in token.phonology]
            times = (f"{token.start:.3f}", f"{token.end:.3f}")
            table.writerow((translation.path, *times, token.gloss, f"{token.confidence:.4f}", runners_up, *classes))
    return buffer.getvalue()


def _tiers(translations: Sequence[Translation]) -> list[str]:
    """The names of the phonological tiers, which are the same for every token of a model."""
    return next(([tier for tier, _, _ in token.phonology] for clip in translations for token in clip.tokens), [])


def _captions(translations: Sequence[Translation]):
    from webvtt import Caption, WebVTT

    (translation,) = translations
    captions = WebVTT()
    for token, (start, end) in zip(translation.tokens, caption_times(translation.tokens), strict=True):
        captions.captions.append(Caption(_clock(start), _clock(end), token.gloss))
    return captions


def caption_times(tokens: Sequence[Token]) -> list[tuple[float, float]]:
    """From when to when each token's caption is shown (seconds): at least MIN_CAPTION_SECONDS, if the next one leaves room."""
    next_starts = [*(token.start for token in tokens[1:]), float("inf")] if tokens else []
    return [
        (token.start, min(max(token.end, token.start + MIN_CAPTION_SECONDS), max(following, token.end)))
        for token, following in zip(tokens, next_starts, strict=True)
    ]


def _vtt(translations: Sequence[Translation]) -> str:
    return _captions(translations).content + "\n"


def _srt(translations: Sequence[Translation]) -> str:
    buffer = io.StringIO()
    _captions(translations).write(buffer, format="srt")
    text = buffer.getvalue()
    return text + "\n" if text and not text.endswith("\n") else text


def _clock(seconds: float) -> str:
    milliseconds = round(1000 * seconds)
    return (
        f"{milliseconds // 3_600_000:02}:{milliseconds // 60_000 % 60:02}:{milliseconds // 1000 % 60:02}.{milliseconds % 1000:03}"
    )


def _eaf(translations: Sequence[Translation]) -> str:
    from asl.pipelines.translation.elan_files import eaf_text  # text needs no XML

    (translation,) = translations
    return eaf_text(translation.path, translation.tokens)


_RENDERERS: dict[str, Callable[[Sequence[Translation]], str]] = {
    "text": _text,
    "json": _json,
    "jsonl": _jsonl,
    "tsv": _tsv,
    "srt": _srt,
    "vtt": _vtt,
    "eaf": _eaf,
}


def write_translation(path: Path, translation: Translation, format: str, *, overwrite: bool = False) -> None:
    """Writes a translation to a file of its own, whole or not at all. overwrite: as for `write_eaf`."""
    if format == "eaf":
        write_eaf(path, translation, overwrite=overwrite)
    else:
        write_atomically(path, render([translation], format))


def write_eaf(path: Path, translation: Translation, *, overwrite: bool = False) -> None:
    """Writes an ELAN file, or renews asl's tiers in a file that exists, as `elan_files.write_eaf` does."""
    from asl.pipelines.translation import elan_files

    elan_files.write_eaf(path, translation.path, translation.tokens, overwrite=overwrite)


def write_overlay(path: Path, translation: Translation) -> list[str]:
    """Writes the clip as a video with skeleton and glosses, with confidences and runners-up.

    Returns what differs from the original apart from them, as `draw_overlay` does.
    """
    from asl.pipelines.media.overlay import draw_overlay  # text needs neither Pillow nor a decoder

    times = caption_times(translation.tokens)
    captions = [_video_caption(token, *span) for token, span in zip(translation.tokens, times, strict=True)]
    return draw_overlay(path, translation.path, translation.landmarks, captions)


def _video_caption(token: Token, start: float, end: float):
    from asl.pipelines.media.captions import Caption

    unsure = token.confidence < UNSURE_BELOW
    runners_up = tuple(f"{gloss} {100 * share:.0f} %" for gloss, share in token.runners_up if share >= MIN_SHOWN_SHARE)
    alternatives = (f"or {runners_up[0]}", *runners_up[1:]) if runners_up else ()
    note = f"{100 * token.confidence:.0f} %{', unsure' if unsure else ''}"
    return Caption(start, end, token.gloss, note, alternatives, unsure)
