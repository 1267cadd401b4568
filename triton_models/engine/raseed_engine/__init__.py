"""Continuous batching of one ONNX model inside Triton's Python backend. `../model.py` is the entry."""
