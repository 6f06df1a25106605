"""``python -m lw3dsim``."""

from lw3dsim.cli.main import main

if __name__ == "__main__":
    main(prog_name="lw3dsim")
