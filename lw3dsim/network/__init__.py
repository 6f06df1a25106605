"""Network: a whole network through all stages: requested, mapped, fused, simulated, executed."""
