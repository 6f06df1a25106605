"""Map: for each layer, on-chip tile sizes, loop order and parallel mode, found by search."""
