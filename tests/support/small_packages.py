"""Packages of one module of kernels, compiled as the package itself is."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from types import ModuleType

from lw3dsim.compiler.build import ROOT, compile_source
from lw3dsim.compiler.extension import extension_source


def written(folder, text, name="small"):
    """Write a package with a module ``kernels_of_it``, and return its folder."""
    root = folder / name
    shutil.copytree(ROOT / "compiler", root / "compiler", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "kernels_of_it.py").write_text(text, encoding="utf-8")
    return root


def compiled(root):
    """Compile the kernels of a package; return its module as CPython runs it, and the kernels of the extension."""
    sys.modules[root.name] = ModuleType(root.name)
    source, made = root / "_kernels.c", root / "_kernels.abi3.so"
    source.write_text(extension_source(root, f"{root.name}._kernels"), encoding="utf-8")
    assert compile_source(source, made) == ""
    module = loaded(f"{root.name}.kernels_of_it", root / "kernels_of_it.py")
    kernels = vars(loaded(f"{root.name}._kernels", made))
    return module, {name.rpartition(".")[2]: kernel for name, kernel in kernels.items() if "kernels_of_it" in name}


def loaded(name, path):
    """Load a module from a file, under a name by which others find it."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
