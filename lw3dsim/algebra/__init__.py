"""Algebra: exact Winograd transforms and what they cost. Knows no layer and no machine."""
