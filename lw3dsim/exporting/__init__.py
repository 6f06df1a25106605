"""Workloads as models of other frameworks: the same description serves the simulator and training.

``export`` and ``onnx_model`` are what users call; the others import PyTorch or ONNX, and are imported by these alone.
"""
