"""Explore: many points of the same, side by side."""
