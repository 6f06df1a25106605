"""Does all else work without the packages of training, and does training name what it lacks?"""

from __future__ import annotations

import subprocess
import sys

import pytest

from lw3dsim import InputError, load_workload
from lw3dsim.learn import train
from lw3dsim.learn.clips import paths_of
from lw3dsim.learn.digits import MovingDigits, _digits
from lw3dsim.learn.videos import MIDDLE, read_clip


def test_nothing_imports_the_packages_before_they_are_used():
    code = (
        "import sys, lw3dsim, lw3dsim.learn, lw3dsim.learn.training, lw3dsim.cli.train_command, lw3dsim.learn.options\n"
        "assert not {'torch', 'av', 'sklearn'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_package_that_is_missing_is_named(tmp_path, monkeypatch):
    for module in ("torch", "av", "sklearn.datasets"):
        monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    _digits.cache_clear()
    paths = paths_of(load_workload("c3d_small"))
    says = r"needs the package {}, which is not installed; run `pip install 'lw3dsim\[train\]'`"
    with pytest.raises(InputError, match="training " + says.format("torch")):
        train("c3d_small", out=tmp_path / "out")
    with pytest.raises(InputError, match="moving_digits " + says.format("scikit-learn")):
        MovingDigits(paths, 20).batch("train", [0], 0)
    with pytest.raises(InputError, match="reading videos " + says.format("av")):
        read_clip(tmp_path / "a.avi", paths, 1, MIDDLE)
    assert not (tmp_path / "out").exists()
