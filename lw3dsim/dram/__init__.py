"""Banks, rows and refresh: what a DRAM channel does with a stream of bursts."""
