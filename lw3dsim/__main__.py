"""The program ``lw3dsim``, which is ``python -m lw3dsim`` as well."""

import gc
import sys

# A command of a second makes fewer objects than this, hardly any of them garbage: Python would look through all of them
# again and again. What is no more than so many is no burden to longer ones.
OBJECTS_AT_ONCE = 200_000


def run() -> None:
    """Run the command that the arguments name, and end the process."""
    gc.set_threshold(OBJECTS_AT_ONCE)
    try:
        from lw3dsim.cli.main import main

        main(prog_name="lw3dsim")
    except KeyboardInterrupt:  # before or behind what click watches over
        sys.exit("Aborted!")
    finally:
        # What is left goes with the process, and need not be looked through.
        gc.freeze()


if __name__ == "__main__":
    run()
