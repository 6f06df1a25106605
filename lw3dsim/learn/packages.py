"""Packages that training needs and simulation does not."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from lw3dsim.errors import InputError

# What a package is imported as, and what it is installed as.
INSTALLED_AS = {"torch": "torch", "av": "av", "sklearn.datasets": "scikit-learn"}


def needed(module: str, what: str) -> Any:
    """Return an imported module of the extra ``train``. Raises InputError where it is not installed."""
    try:
        return import_module(module)
    except ImportError:
        raise InputError(
            f"{what} needs the package {INSTALLED_AS[module]}, which is not installed; run `pip install "
            "'lw3dsim[train]'`"
        ) from None
