"""Compile the kernels of this copy of the package in place: ``python -m lw3dsim.compiler``, after a change of them."""

from __future__ import annotations

import sys

from lw3dsim.compiler.build import ROOT, compile_source, write_source
from lw3dsim.compiler.sources import DialectError


def main() -> str | None:
    """Compile in place; return what is to be said where that is not done."""
    try:
        source = write_source()
    except DialectError as error:
        return str(error)
    made, half = ROOT / "base" / "_kernels.abi3.so", ROOT / "base" / "_kernels.abi3.so.half"
    if why := compile_source(source, half):
        return why
    half.replace(made)
    return None


if __name__ == "__main__":
    sys.exit(main())
