"""The tracker: from pictures to 543 points (SPEC §1, §1a). Its nets on ONNX Runtime, and MediaPipe itself as the reference."""
