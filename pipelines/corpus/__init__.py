"""Clips: sources, labels, splits, duplicates, extraction, and the feature store."""
