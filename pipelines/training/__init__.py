"""Stages 1 and 2 of training: the parts shared by all training loops, the loops, and the stages."""
