"""A model on disk, whichever engine runs it (torch or ONNX), and what it says of a clip."""
