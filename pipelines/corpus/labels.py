"""What is known of a clip beside its glosses: boundaries (level 1) and phonological classes (level 2) (SPEC §7).

Level 2 comes from annotation tiers (frame by frame: synthetic signers, or a person's ELAN file) and, with an ASL-LEX file,
from the sign's entry there (one class for the whole clip).
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

#: Annotation tiers that hold phonological classes of every moment.
FRAME_TIERS = ("handshape", "location", "orientation", "movement")
#: Columns of ASL-LEX 2.0 and the tiers that they make.
ASL_LEX_TIERS = {
    "Handshape.2.0": "sign handshape",
    "MajorLocation.2.0": "sign major location",
    "MinorLocation.2.0": "sign minor location",
    "Movement.2.0": "sign movement",
    "SignType.2.0": "sign type",
}
#: A boundary counts for this many frames on each side.
BOUNDARY_REACH = 1
MAX_LEXICON_BYTES = 64 << 20
_ABSENT = ("", "NA")


@dataclass(frozen=True)
class Labels:
    """Of one clip. frames: tier → (T,); clip: tier → label; UNKNOWN where there is none. level: 0, 1 or 2.

    GLOSS_TIER in frames has the label of the gloss that is signed, BETWEEN where none is.
    """

    frames: Mapping[str, np.ndarray] = field(default_factory=dict)
    clip: Mapping[str, int] = field(default_factory=dict)

    @property
    def level(self) -> int:
        return 2 if self.clip or set(self.frames) - {BOUNDARY, GLOSS_TIER} else 1 if self.frames else 0


@dataclass(frozen=True)
class LabelTable:
    """The tiers that clips are labelled on and their classes. lexicon: sign → tier → class, from ASL-LEX."""

    tiers: Mapping[str, tuple[str, ...]]
    lexicon: Mapping[str, Mapping[str, str]]

    def labels(self, clip: Clip, frames: int, fps: float, label_of: Callable[[str], int] | None = None) -> Labels:
        """The labels of a clip whose features have this many frames at this rate. label_of: of a gloss."""
        found = {tier: _frame_labels(clip, tier, self.tiers[tier], frames, fps) for tier in FRAME_TIERS if tier in self.tiers}
        found = {tier: values for tier, values in found.items() if (values != UNKNOWN).any()}
        if BOUNDARY in self.tiers and any(one.tier == GLOSS_TIER for one in clip.segments):
            found[BOUNDARY] = boundaries(clip, frames, fps)
            if label_of:
                found[GLOSS_TIER] = gloss_frames(clip, frames, fps, label_of)
        entry = self.lexicon.get(_key(clip.glosses[0]), {}) if len(clip.glosses) == 1 else {}
        known = {tier: self.tiers[tier].index(value) for tier, value in entry.items() if value in self.tiers.get(tier, ())}
        return Labels(found, known)


def table_of(clips: Sequence[Clip], asl_lex: str) -> LabelTable:
    """The tiers that these (training) clips have, and their classes. asl_lex: an ASL-LEX 2.0 CSV, or empty."""
    lexicon = read_asl_lex(Path(asl_lex)) if asl_lex else {}
    values: dict[str, set[str]] = {}
    for clip in clips:
        for one in clip.segments:
            if one.tier in FRAME_TIERS:
                values.setdefault(one.tier, set()).add(one.value)
            elif one.tier == GLOSS_TIER:
                values.setdefault(BOUNDARY, {"boundary"})
        if len(clip.glosses) == 1:
            for tier, value in lexicon.get(_key(clip.glosses[0]), {}).items():
                values.setdefault(tier, set()).add(value)
    order = (*FRAME_TIERS, *ASL_LEX_TIERS.values(), BOUNDARY)
    return LabelTable({tier: tuple(sorted(values[tier])) for tier in order if tier in values}, lexicon)


def lexicon_input(asl_lex: str) -> dict[str, str]:
    """What a stage depends on where an ASL-LEX file is given: its hash. Raises BadInput: no such file."""
    try:
        return {"asl_lex": file_hash(Path(asl_lex))} if asl_lex else {}
    except OSError as error:
        raise BadInput(f"cannot read {asl_lex}: {error.strerror}", "download ASL-LEX 2.0's sign data as CSV") from error


def read_asl_lex(path: Path) -> dict[str, dict[str, str]]:
    """Sign → tier → class of an ASL-LEX 2.0 CSV; of several variants the first. Raises BadInput: no such file or columns."""
    try:
        if path.stat().st_size > MAX_LEXICON_BYTES:
            raise BadInput(f"{path} is larger than {MAX_LEXICON_BYTES >> 20} MiB", "is it really ASL-LEX?")
        with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}", "download ASL-LEX 2.0's sign data as CSV") from error
    except csv.Error as error:
        raise BadInput(f"{path} is no CSV: {error}", "download ASL-LEX 2.0's sign data as CSV") from error
    missing = [column for column in ("EntryID", *ASL_LEX_TIERS) if not rows or column not in rows[0]]
    if missing:
        raise BadInput(f"{path} has no column '{missing[0]}'", "the file must be ASL-LEX 2.0's sign data")
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        entry = {tier: row[column] for column, tier in ASL_LEX_TIERS.items() if (row[column] or "") not in _ABSENT}
        found.setdefault(_key(re.sub(r"_\d+$", "", row["EntryID"] or "")), entry)
    return found


def boundaries(clip: Clip, frames: int, fps: float) -> np.ndarray:
    """(T,) 1 where a gloss begins or ends within BOUNDARY_REACH frames, else 0 (level 1)."""
    marks = np.zeros(frames, dtype=np.int64)
    for one in clip.segments:
        if one.tier == GLOSS_TIER:
            for time in (one.start, one.end):
                at = round(time * fps)
                marks[max(0, at - BOUNDARY_REACH) : at + BOUNDARY_REACH + 1] = 1
    return marks


def gloss_frames(clip: Clip, frames: int, fps: float, label_of: Callable[[str], int]) -> np.ndarray:
    """(T,) the label of the gloss that is signed; BETWEEN where none is, UNKNOWN where two are at once (fused signs)."""
    labels = np.full(frames, NO_GLOSS, dtype=np.int64)
    for one in clip.segments:
        if one.tier == GLOSS_TIER and one.value:
            own = labels[round(one.start * fps) : round(one.end * fps)]
            own[:] = np.where(own == NO_GLOSS, label_of(one.value), UNKNOWN)
    return labels


def form_frames(clip: Clip, frames: int, fps: float) -> np.ndarray:
    """(T,) which of FORMS the sign is that is signed, UNKNOWN where none is or the clip has no such tier.

    What the tier leaves out, points and spelled words, is plain.
    """
    labels = np.full(frames, UNKNOWN, dtype=np.int64)
    forms = [one for one in clip.segments if one.tier == FORM]
    plain = [one for one in clip.segments if one.tier == GLOSS_TIER] if forms else []
    for one in (*plain, *forms):
        form = FUSED if one.tier == FORM and one.value.split(" ")[0] == FUSED else PLAIN
        labels[round(one.start * fps) : round(one.end * fps)] = FORMS.index(form)
    return labels


def _frame_labels(clip: Clip, tier: str, classes: Sequence[str], frames: int, fps: float) -> np.ndarray:
    labels = np.full(frames, UNKNOWN, dtype=np.int64)
    for one in clip.segments:
        if one.tier == tier and one.value in classes:
            labels[round(one.start * fps) : round(one.end * fps)] = classes.index(one.value)
    return labels


def _key(name: str) -> str:
    """Glosses are spelled in many ways: THANK-YOU, thank_you, thankyou."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
