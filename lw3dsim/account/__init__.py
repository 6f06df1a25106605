"""Account: event counts times unit energies, areas, leakage times time."""
