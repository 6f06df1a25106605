"""Arrays that a caller gives by name: of a mapping, or of a file of NumPy (``*.npz``)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lw3dsim.arguments import as_path
from lw3dsim.errors import ArgumentError, InputError, one_line

Arrays = Mapping[str, NDArray[Any]]


def as_arrays(name: str, value: object) -> Arrays:
    """Return arrays of finite numbers by their names, of a mapping or the file that is named. Raises InputError."""
    if isinstance(value, Mapping):
        given: Mapping[Any, Any] = value
        place = name
    else:
        path = as_path(name, value, "arrays by name, or a file *.npz of them")
        given, place = _read(name, path), f"{name} {one_line(path, 200)}"
    if not all(isinstance(key, str) and key for key in given):
        raise ArgumentError(name, list(given), "expected arrays by name, such as {'conv1.weight': array}")
    return MappingProxyType({str.__str__(key): _array(f"{place}: {one_line(key)}", one) for key, one in given.items()})


def _read(name: str, path: str) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file; objects of Python in it are not made."""
    if not path.lower().endswith(".npz"):
        raise ArgumentError(name, path, "expected a file *.npz, as numpy.savez writes it")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {str(key): archive[key] for key in archive.files}
    except FileNotFoundError:
        raise ArgumentError(name, path, "there is no such file") from None
    except Exception as error:  # whatever NumPy and zipfile raise for what is damaged, or too large to hold
        why = type(error).__name__
        raise InputError(
            f"{name} {one_line(path, 200)}: is no file of arrays ({why}); write it by numpy.savez"
        ) from None


def _array(place: str, value: object) -> NDArray[Any]:
    try:
        array = np.asarray(value)
    except Exception:  # whatever the object does when it is asked: it is no array
        array = np.asarray(None)
    if array.dtype.kind not in "iufb":
        raise InputError(f"{place} is no array of real numbers; give one, such as of numpy.asarray")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InputError(f"{place} holds numbers that are not finite; give finite ones")
    return array
