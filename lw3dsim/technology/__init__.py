"""Technology: what an operation, a register and a memory macro cost at a node, from published tables."""
