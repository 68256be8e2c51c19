"""Stages 1 and 2: what all training loops share, each loop, and each stage."""
