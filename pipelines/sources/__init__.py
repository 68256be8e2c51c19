"""Where clips come from: one module a kind of source, all yielding ClipSource (SPEC §1, §14)."""
