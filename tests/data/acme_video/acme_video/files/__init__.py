"""The workload, the accelerator and the space of ACME, each a YAML file called as its name."""
