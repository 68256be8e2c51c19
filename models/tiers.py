"""Names that labels, heads and readers of tiers share (SPEC §6, §7)."""

#: A frame or clip without a label.
UNKNOWN = -1
#: The head that says whether a sign begins or ends at a frame.
BOUNDARY = "boundary"
