"""Comparison: several cases of a run side by side, and what binds one of them."""
