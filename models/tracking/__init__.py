"""What a tracker computes beside its nets (SPEC §1a): regions, detections, refinement, smoothing. Plain NumPy, no pictures.

All positions are in pixels of the picture, x to the right and y down, unless a docstring says otherwise. The constants are
those of MediaPipe's Holistic graph, version 0.10.21; the docstrings name the calculators that they follow.
"""
