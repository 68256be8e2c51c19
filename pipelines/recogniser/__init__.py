"""Models on disk, run by torch or by ONNX Runtime, and their output for a clip."""
