"""Turn checkpoints into verified ONNX files that `digits` runs."""
