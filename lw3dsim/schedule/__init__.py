"""Schedule: a mapping unrolled into plain arrays of steps, the only thing an engine sees."""
