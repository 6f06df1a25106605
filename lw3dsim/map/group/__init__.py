"""Groups: how fused layers are cut into tiles together, and which way is best."""
