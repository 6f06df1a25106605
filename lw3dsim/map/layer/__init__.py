"""Layers: how a layer is cut into tiles, and which way is best."""
