"""The steps of setuptools that make the extension, say on what machines it runs, and read what is shipped."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.errors import CompileError

from lw3dsim.compiler.extension import extension_source

if TYPE_CHECKING:
    from setuptools import Extension

ROOT = Path(__file__).resolve().parent.parent
# Integers wrap around as those of two's complement do.
FLAGS = ["-shared", "-fPIC", "-O2", "-fwrapv", "-Wno-unused"]
# What wheels for Linux ask of the machine: the C library of 2012, with which manylinux2014 begins.
GLIBC = 17
PLATFORMS = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


def target() -> str:
    """Return the processor to compile for, LW3DSIM_TARGET, where that is not the one of this machine."""
    return os.environ.get("LW3DSIM_TARGET", "")


def compilers() -> list[list[str]]:
    """Return the commands that may compile C here, what the environment names first."""
    if target():
        return [[*zig, "-target", f"{target()}-linux-gnu.2.{GLIBC}"] for zig in _zig()]
    named = [shlex.split(os.environ["CC"])] if os.environ.get("CC") else []
    return named + [[name] for name in ("cc", "gcc", "clang") if shutil.which(name)] + _zig()


def _zig() -> list[list[str]]:
    return [[sys.executable, "-m", "ziglang", "cc"]] if importlib.util.find_spec("ziglang") else []


def write_source(root: Path = ROOT) -> Path:
    """Write the C of the kernels of the package in ``root`` beside them; return its path. Raises DialectError."""
    path = root / "base" / "_kernels.c"
    half = path.with_suffix(f".half.{os.getpid():x}")
    half.write_text(extension_source(root, "lw3dsim.base._kernels"), encoding="utf-8")
    return half.replace(path)


def compile_source(source: Path, to: Path) -> str:
    """Compile ``source`` ``to`` an extension; return nothing, or why no compiler could."""
    whys = []
    linking = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
    flags = FLAGS + shlex.split(os.environ.get("CFLAGS", ""))
    for compiler in compilers():
        command = [*compiler, *flags, f"-I{sysconfig.get_path('include')}", *linking, str(source), "-o", str(to)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # a compiler's command
        if done.returncode == 0:
            return ""
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        whys.append(f"{Path(compiler[0]).name}: {last[0]}")
    return "; ".join(whys) or "there is no C compiler"


def is_made_of(made: Path, source: Path) -> bool:
    """Return whether an extension is there and carries the digest that its C does."""
    *_, digest = re.findall(rb'"([0-9a-f]{64})"', source.read_bytes())
    return made.exists() and digest in made.read_bytes()


class BuildKernels(build_ext):
    """Writes the C of the kernels and compiles it with the first compiler that can."""

    def build_extension(self, ext: Extension) -> None:
        """Make the extension; raises CompileError, which the build survives: CPython runs the kernels then."""
        to = Path(self.get_ext_fullpath(ext.name))
        to.parent.mkdir(parents=True, exist_ok=True)
        source = write_source()
        # Never written in place: it may be loaded.
        half = to.with_suffix(f".half.{os.getpid():x}")
        if why := compile_source(source, half):
            half.unlink(missing_ok=True)
            if not is_made_of(to, source):
                # Left in the folder of the build, it would go into the wheel, and not be used there.
                to.unlink(missing_ok=True)
            raise CompileError(f"the kernels are not compiled, so CPython will run them, slowly: {why}")
        half.replace(to)
        beside = ROOT / "base" / to.name
        if not target() and to.resolve() != beside:
            # Python that is started in the folder of the sources finds these, not what is installed.
            half = beside.with_suffix(f".half.{os.getpid():x}")
            shutil.copyfile(to, half)
            half.replace(beside)


class ReadDescriptions(build_py):
    """Reads the YAML that a wheel ships, so that whoever asks for it first need not."""

    def run(self) -> None:
        """Copy the package, and write what its descriptions hold beside them; not where it stays in place."""
        super().run()
        if not self.editable_mode:
            from lw3dsim.describe.source import READ, read_text, write_read

            shipped = Path(self.build_lib) / "lw3dsim" / "_shipped"
            shutil.rmtree(shipped / READ.name, ignore_errors=True)  # of an earlier build
            write_read(map(read_text, shipped.glob("*/*.yaml")), shipped / READ.name)


class KernelWheel(bdist_wheel):
    """A wheel that says on which machines its extension runs."""

    def get_tag(self) -> tuple[str, str, str]:
        """Return the tags; on Linux those of manylinux2014 where no newer C library is needed."""
        python, abi, machine = super().get_tag()
        made = list(Path(str(self.bdist_dir)).rglob("_kernels*.so"))
        is_glibc = bool(target()) or platform.libc_ver()[0] == "glibc"
        processor = PLATFORMS.get((target() or platform.machine()).lower())
        if made and processor and is_glibc and sys.platform == "linux":
            needed = [int(version) for version in re.findall(rb"GLIBC_2\.(\d+)", made[0].read_bytes())]
            if max(needed, default=0) <= GLIBC:
                machine = f"manylinux_2_{GLIBC}_{processor}.manylinux2014_{processor}"
        return python, abi, machine
