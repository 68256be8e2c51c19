"""Sources of clips: one module per kind of source, each of which returns ClipSource objects (SPEC §1, §14)."""
