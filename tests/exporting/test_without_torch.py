"""Where PyTorch is not installed, or not asked for: is it left alone?"""

from __future__ import annotations

import subprocess
import sys

import pytest

from lw3dsim import InputError, to_torch


def test_what_is_missing_is_named_with_the_way_to_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=r"needs the package torch, .*`uv pip install torch --torch-backend cpu`"):
        to_torch("c3d")
    with pytest.raises(InputError, match="did you mean 'c3d'"):
        to_torch("c3e")
    with pytest.raises(InputError, match="unknown transform"):
        to_torch("c3d", "fsp")


def test_nothing_imports_pytorch_or_onnx_before_they_are_asked_for():
    code = (
        "import sys, lw3dsim; assert lw3dsim.to_torch and lw3dsim.from_torch and lw3dsim.to_onnx\n"
        "lw3dsim.simulate('x3d_s', input_size='3x32x32')\n"
        "assert not {'torch', 'onnx'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
