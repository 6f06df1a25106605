"""Transform: rewriting passes on a workload (FSB, TRG, the paper's variants) and the algorithm of each layer."""
