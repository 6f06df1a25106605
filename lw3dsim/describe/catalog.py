"""Where the workloads, accelerators and spaces lie that have a name, and how a name finds its file.

In a wheel the shipped YAML folders travel inside the package; in a checkout (and an editable install) they are the
top-level folders beside it. Plug-ins add files of their own: an entry point ``NAME = package`` in the group of a shelf
stands for the file ``NAME.yaml`` in that package.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lw3dsim.base.plugins import Family
from lw3dsim.errors import InputError, one_line, suggest

if TYPE_CHECKING:
    from collections.abc import Iterable

# What networks of other tools are kept in; those in ONNX are read.
NETWORK_FILES = (".onnx", ".pt", ".pth", ".pt2", ".pb", ".tflite", ".h5", ".keras", ".safetensors")

_PACKAGE = Path(__file__).resolve().parent.parent


class Shelf(NamedTuple):
    """Files of one kind: the word for one, the shipped folder, the group of the entry points that add to it."""

    what: str
    folder: str
    group: str


SHELVES = {
    shelf.folder: shelf
    for shelf in (
        Shelf("workload", "workloads", "lw3dsim.workloads"),
        Shelf("arch", "arch_configs", "lw3dsim.accelerators"),
        Shelf("space", "experiments", "lw3dsim.spaces"),
    )
}


def shipped_folder(name: str) -> Path:
    """Return the folder of shipped files called ``name`` (``workloads``, ``arch_configs``)."""
    installed = _PACKAGE / "_shipped" / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def shipped_names(folder: str) -> list[str]:
    """Return the names of the shipped YAML files of ``folder``, sorted."""
    return sorted(path.stem for path in shipped_folder(folder).glob("*.yaml"))


@cache
def named_files(folder: str) -> Family[Path]:
    """Return the files that have a name: those shipped in ``folder``, and those of plug-ins."""
    what, _, group = SHELVES[folder]
    shipped = {name: shipped_folder(folder) / f"{name}.yaml" for name in shipped_names(folder)}
    return Family(group, what, shipped, read=_file_in_package)


def find(folder: str, name: str) -> Path:
    """Return the file that ``name`` means: one that has this name, or else a path.

    Raises InputError for an unknown name (with the nearest), a missing file, or a plug-in that is broken.
    """
    path, shown = Path(name), one_line(name, 200)
    files, what = named_files(folder), SHELVES[folder].what
    if _is_bare(path, name) and name in files:
        return files.get(name)
    if name and os.path.isdir(name):  # noqa: PTH112  # unlike Path.is_dir, no error for impossible names
        raise InputError(f"{shown}: is a folder; give a file or one of: {', '.join(files)}")
    if path.suffix.lower() in NETWORK_FILES and what == "workload":
        is_there = os.path.exists(name)  # noqa: PTH110  # likewise
        if is_there and path.suffix.lower() == ".onnx":
            return path
        missing = "" if is_there else "no such file is there, and "
        raise InputError(f"{shown}: {missing}only workloads in YAML and networks in ONNX are read; export it to one")
    if name and os.path.exists(name):  # noqa: PTH110  # likewise
        return path
    if "." in path.name or len(path.parts) > 1:
        raise InputError(f"{shown}: no such file is there; give one, or a name: {suggest(path.stem, files)}")
    return files.get(name)


def _is_bare(path: Path, name: str) -> bool:
    """Return whether ``name`` may be one: no folder is in it, and it does not end like a file."""
    return path.name == name and path.suffix.lower() not in (".yaml", ".yml", *NETWORK_FILES)


def _file_in_package(name: str, package: object) -> Path:
    """Return the file ``NAME.yaml`` of an imported package; raise InputError, in half a sentence, where it has none."""
    folders: Iterable[str] | None = getattr(package, "__path__", None)
    if folders is None:
        raise InputError("it names no package; write the package that the file lies in, such as `acme.networks`")
    for folder in folders:
        file = Path(folder) / f"{name}.yaml"
        if file.is_file():
            return file
    raise InputError(f"no file {name}.yaml lies in that package")
