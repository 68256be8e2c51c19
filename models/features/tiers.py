"""Annotation tiers: names and labels that corpora, heads and readers share (SPEC §6, §7)."""

from dataclasses import dataclass

#: The label of a frame or clip without annotation.
UNKNOWN = -1
#: The head that predicts whether a sign begins or ends at a frame.
BOUNDARY = "boundary"
#: Values of the tier "form"; the two glosses of a fused sign have the same times.
PLAIN, FUSED = "plain", "fused"


@dataclass(frozen=True)
class Segment:
    """An annotation of part of a clip on a tier (level 1). start, end: seconds from the clip's start."""

    tier: str
    value: str
    start: float
    end: float


GLOSS_TIER = "gloss"
#: The tier of whether a sign is plain or two fused into one, and its values (SPEC §9).
FORM = "form"
FORMS = (PLAIN, FUSED)
#: The label of frames between signs, CTC's blank.
NO_GLOSS = 0
