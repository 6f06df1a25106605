"""Tables and nests in a terminal."""
