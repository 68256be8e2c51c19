"""Video in and out, the tracker, `.pose` files, overlays, and what privacy leaves out. The only room that knows MediaPipe."""
