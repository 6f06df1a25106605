"""Possible: whether a mapping of any origin may be."""
