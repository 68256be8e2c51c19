"""Where clips come from: one module a kind of source, all yielding ClipSource (SPEC §1, §14)."""

from pipelines.sources.gather import Gathered, gather

__all__ = ["Gathered", "gather"]
