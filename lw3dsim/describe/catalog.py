"""Where the shipped workloads and accelerators live, and how a name finds its file.

In a wheel the YAML folders travel inside the package; in a checkout (and an
editable install) they are the top-level folders beside it.
"""

from __future__ import annotations

import os
from pathlib import Path

from lw3dsim.errors import InputError, one_line, suggest, unknown

# What networks of other tools are kept in.
NETWORK_FILES = (".onnx", ".pt", ".pth", ".pt2", ".pb", ".tflite", ".h5", ".keras", ".safetensors")

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped_folder(name: str) -> Path:
    """Return the folder of shipped files called ``name`` (``workloads``, ``arch_configs``)."""
    installed = _PACKAGE / "_shipped" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def shipped_names(folder: str) -> list[str]:
    """Return the names of the shipped YAML files of ``folder``, sorted."""
    return sorted(path.stem for path in shipped_folder(folder).glob("*.yaml"))


def find(folder: str, what: str, name: str) -> Path:
    """Return the file that ``name`` means: a shipped name, or else a path.

    Raises InputError for an unknown name (with the nearest) or a missing file.
    """
    path, shown = Path(name), one_line(name, 200)
    shipped = shipped_folder(folder) / f"{name}.yaml"
    if path.name == name and os.path.isfile(shipped):  # noqa: PTH113  # unlike Path.is_file, no error for impossible names
        return shipped
    if name and os.path.isdir(name):  # noqa: PTH112  # unlike Path.is_dir, no error for impossible names
        raise InputError(f"{shown}: is a folder; give a file or one of: {', '.join(shipped_names(folder))}")
    if path.suffix.lower() in NETWORK_FILES and what == "workload":
        missing = "" if os.path.exists(name) else "no such file is there, and "  # noqa: PTH110  # likewise
        raise InputError(f"{shown}: {missing}only workloads in YAML can be read so far; write the network as one")
    if name and os.path.exists(name):  # noqa: PTH110  # likewise
        return path
    if "." in path.name or len(path.parts) > 1:
        names = suggest(path.stem, shipped_names(folder))
        raise InputError(f"{shown}: no such file is there; give one, or a name: {names}")
    raise unknown(what, name, shipped_names(folder))
