"""Networks of other tools, read as workloads."""
