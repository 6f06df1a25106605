"""Describe: workloads and accelerators as validated, frozen data from YAML."""
