"""Where clips come from: one module for each kind of source, all yielding ClipSource (SPEC §1, §14)."""
