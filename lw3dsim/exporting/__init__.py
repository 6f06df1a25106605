"""Workloads as models of other frameworks: the same description serves the simulator and training.

``export`` is what users call; ``network`` and ``operators`` import PyTorch, and are imported by it alone.
"""
