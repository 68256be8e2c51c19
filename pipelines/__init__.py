"""The stages from video to glosses, and what they share: workspace, sources, training loop, writers."""
