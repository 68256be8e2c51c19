"""Names that labels, heads and readers of tiers share (SPEC §6, §7)."""

from dataclasses import dataclass

#: A frame or clip without a label.
UNKNOWN = -1
#: The head that says whether a sign begins or ends at a frame.
BOUNDARY = "boundary"
#: What the tier "form" says of a sign; the two glosses of a fused one share its time.
PLAIN, FUSED = "plain", "fused"


@dataclass(frozen=True)
class Segment:
    """A stretch of a clip on an annotation tier (level 1). Times in seconds from the clip's start."""

    tier: str
    value: str
    start: float
    end: float


GLOSS_TIER = "gloss"
#: The tier that says whether a sign is one or two fused into one, and what it can say (SPEC §9).
FORM = "form"
FORMS = (PLAIN, FUSED)
#: The label of no gloss, CTC's blank.
NO_GLOSS = 0
