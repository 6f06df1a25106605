"""Tensor: how a tensor lies in DRAM, and the bursts that its boxes move."""
