"""What can be proved of a space that is too large to look at every design: boxes of designs, bounded as a whole."""
