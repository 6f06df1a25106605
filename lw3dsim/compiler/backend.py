"""The build of the package: that of setuptools, which asks for a C compiler where the machine has none."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING

from setuptools import build_meta
from setuptools.build_meta import (
    build_editable,
    build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

from lw3dsim.compiler.build import PLATFORMS, compilers, write_source

if TYPE_CHECKING:
    from collections.abc import Mapping

    Settings = Mapping[str, str | list[str] | None] | None

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

get_requires_for_build_sdist = build_meta.get_requires_for_build_sdist


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """Return what is needed to build, with a C compiler in a wheel where there is none, and one for this machine."""
    return build_meta.get_requires_for_build_wheel(config_settings) + _compiler()


def get_requires_for_build_editable(config_settings: Settings = None) -> list[str]:
    """Return what is needed to build in place."""
    return build_meta.get_requires_for_build_editable(config_settings) + _compiler()


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    """Build the archive of sources, the C of the kernels among them."""
    write_source()
    return build_meta.build_sdist(sdist_directory, config_settings)


def _compiler() -> list[str]:
    is_made_for = sys.platform in {"linux", "darwin"} and platform.machine().lower() in PLATFORMS
    return ["ziglang>=0.13"] if is_made_for and not compilers() else []
