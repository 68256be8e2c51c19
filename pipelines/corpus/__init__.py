"""Clips and what is known of them: sources, labels, splits, copies, extraction, and the feature store."""
