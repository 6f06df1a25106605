"""What ACME adds to lw3dsim: a pass, a DRAM preset, an engine, and files with names."""
