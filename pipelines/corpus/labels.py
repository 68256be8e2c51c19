"""Labels of clips beyond their glosses: boundaries (level 1) and phonological classes (level 2) (SPEC §7).

Level 2 comes from annotation tiers (per frame: from synthetic signers or ELAN files) and, with an ASL-LEX file, from the entry
of the sign (one class for the whole clip).
"""

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from asl.models.features.tiers import BOUNDARY, FORM, FORMS, FUSED, GLOSS_TIER, NO_GLOSS, PLAIN, UNKNOWN
from asl.pipelines.corpus.clips import Clip
from asl.pipelines.workspace.errors import BadInput
from asl.pipelines.workspace.files import file_hash

#: Annotation tiers that hold phonological classes over time.
FRAME_TIERS = ("handshape", "location", "orientation", "movement")
#: Columns of ASL-LEX 2.0 and the tiers that they become.
ASL_LEX_TIERS = {
    "Handshape.2.0": "sign handshape",
    "MajorLocation.2.0": "sign major location",
    "MinorLocation.2.0": "sign minor location",
    "Movement.2.0": "sign movement",
    "SignType.2.0": "sign type",
}
#: Number of frames on each side that a boundary label extends to.
BOUNDARY_REACH = 1
MAX_LEXICON_BYTES = 64 << 20
_ABSENT = ("", "NA")


@dataclass(frozen=True)
class Labels:
    """Labels of a clip. frames: tier → (T,) labels. clip: tier → label. UNKNOWN if there is none.

    GLOSS_TIER in frames has the label of the gloss that is signed, NO_GLOSS between signs.
    """

    frames: Mapping[str, np.ndarray] = field(default_factory=dict)
    clip: Mapping[str, int] = field(default_factory=dict)

    @property
    def level(self) -> int:
        """How much of the clip itself is annotated: 0 nothing but glosses, 1 times, 2 phonology over time (SPEC §7).

        Classes from a lexicon do not count. Every clip of a gloss has the same ones, and levels would follow the gloss.
        """
        return 2 if set(self.frames) - {BOUNDARY, GLOSS_TIER} else 1 if self.frames else 0


@dataclass(frozen=True)
class LabelTable:
    """The tiers of labels and their classes. lexicon: sign → tier → class, from ASL-LEX."""

    tiers: Mapping[str, tuple[str, ...]]
    lexicon: Mapping[str, Mapping[str, str]]

    def labels(self, clip: Clip, frames: int, fps: float, label_of: Callable[[str], int] | None = None) -> Labels:
        """The labels of a clip with this number of frames and frame rate. label_of: gloss → label."""
        per_frame = {tier: _frame_labels(clip, tier, self.tiers[tier], frames, fps) for tier in FRAME_TIERS if tier in self.tiers}
        per_frame = {tier: values for tier, values in per_frame.items() if (values != UNKNOWN).any()}
        if BOUNDARY in self.tiers and any(segment.tier == GLOSS_TIER for segment in clip.segments):
            per_frame[BOUNDARY] = boundaries(clip, frames, fps)
            if label_of:
                per_frame[GLOSS_TIER] = gloss_frames(clip, frames, fps, label_of)
        entry = self.lexicon.get(_key(clip.glosses[0]), {}) if len(clip.glosses) == 1 else {}
        per_clip = {tier: self.tiers[tier].index(value) for tier, value in entry.items() if value in self.tiers.get(tier, ())}
        return Labels(per_frame, per_clip)


def label_table(clips: Sequence[Clip], asl_lex: str) -> LabelTable:
    """The tiers and classes of these (training) clips. asl_lex: path of an ASL-LEX 2.0 CSV, or empty."""
    lexicon = read_asl_lex(Path(asl_lex)) if asl_lex else {}
    values: dict[str, set[str]] = {}
    for clip in clips:
        for segment in clip.segments:
            if segment.tier in FRAME_TIERS:
                values.setdefault(segment.tier, set()).add(segment.value)
            elif segment.tier == GLOSS_TIER:
                values.setdefault(BOUNDARY, {"boundary"})
        if len(clip.glosses) == 1:
            for tier, value in lexicon.get(_key(clip.glosses[0]), {}).items():
                values.setdefault(tier, set()).add(value)
    order = (*FRAME_TIERS, *ASL_LEX_TIERS.values(), BOUNDARY)
    return LabelTable({tier: tuple(sorted(values[tier])) for tier in order if tier in values}, lexicon)


def lexicon_input(asl_lex: str) -> dict[str, str]:
    """The hash of an ASL-LEX file, if one is given, as an input of a stage. Raises BadInput if it cannot be read."""
    try:
        return {"asl_lex": file_hash(Path(asl_lex))} if asl_lex else {}
    except OSError as error:
        raise BadInput(f"cannot read {asl_lex}: {error.strerror}", "download ASL-LEX 2.0's sign data as CSV") from error


def read_asl_lex(path: Path) -> dict[str, dict[str, str]]:
    """Sign → tier → class of an ASL-LEX 2.0 CSV; of several variants, the first. Raises BadInput if it is not such a file."""
    try:
        if path.stat().st_size > MAX_LEXICON_BYTES:
            raise BadInput(f"{path} is larger than {MAX_LEXICON_BYTES >> 20} MiB", "check that it is an ASL-LEX file")
        with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}", "download ASL-LEX 2.0's sign data as CSV") from error
    except csv.Error as error:
        raise BadInput(f"{path} is not a CSV file: {error}", "download ASL-LEX 2.0's sign data as CSV") from error
    missing = [column for column in ("EntryID", *ASL_LEX_TIERS) if not rows or column not in rows[0]]
    if missing:
        raise BadInput(f"{path} has no column '{missing[0]}'", "the file must be ASL-LEX 2.0's sign data")
    entries: dict[str, dict[str, str]] = {}
    for row in rows:
        entry = {tier: row[column] for column, tier in ASL_LEX_TIERS.items() if (row[column] or "") not in _ABSENT}
        entries.setdefault(_key(re.sub(r"_\d+$", "", row["EntryID"] or "")), entry)
    return entries


def boundaries(clip: Clip, frames: int, fps: float) -> np.ndarray:
    """(T,) 1 if a gloss begins or ends within BOUNDARY_REACH frames, else 0 (level 1)."""
    marks = np.zeros(frames, dtype=np.int64)
    for segment in clip.segments:
        if segment.tier == GLOSS_TIER:
            for time in (segment.start, segment.end):
                frame = round(time * fps)
                marks[max(0, frame - BOUNDARY_REACH) : frame + BOUNDARY_REACH + 1] = 1
    return marks


def gloss_frames(clip: Clip, frames: int, fps: float, label_of: Callable[[str], int]) -> np.ndarray:
    """(T,) label of the gloss in each frame: NO_GLOSS between signs, UNKNOWN where two glosses overlap (fused signs)."""
    labels = np.full(frames, NO_GLOSS, dtype=np.int64)
    for segment in clip.segments:
        if segment.tier == GLOSS_TIER and segment.value:
            span = labels[round(segment.start * fps) : round(segment.end * fps)]
            span[:] = np.where(span == NO_GLOSS, label_of(segment.value), UNKNOWN)
    return labels


def form_frames(clip: Clip, frames: int, fps: float) -> np.ndarray:
    """(T,) index into FORMS of the sign in each frame; UNKNOWN between signs, and if the clip has no such tier.

    Signs that the tier leaves out (points and fingerspelled words) are plain.
    """
    labels = np.full(frames, UNKNOWN, dtype=np.int64)
    forms = [segment for segment in clip.segments if segment.tier == FORM]
    glosses = [segment for segment in clip.segments if segment.tier == GLOSS_TIER] if forms else []
    for segment in (*glosses, *forms):
        form = FUSED if segment.tier == FORM and segment.value.split(" ")[0] == FUSED else PLAIN
        labels[round(segment.start * fps) : round(segment.end * fps)] = FORMS.index(form)
    return labels


def _frame_labels(clip: Clip, tier: str, classes: Sequence[str], frames: int, fps: float) -> np.ndarray:
    labels = np.full(frames, UNKNOWN, dtype=np.int64)
    for segment in clip.segments:
        if segment.tier == tier and segment.value in classes:
            labels[round(segment.start * fps) : round(segment.end * fps)] = classes.index(segment.value)
    return labels


def _key(name: str) -> str:
    """Normalised spelling of a gloss for look-ups: THANK-YOU, thank_you and thankyou are the same."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
