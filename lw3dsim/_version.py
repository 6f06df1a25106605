"""The version of the package, of its files and of its studies."""

from __future__ import annotations

__version__ = "0.1.0"
