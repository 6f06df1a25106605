"""Do the documents make a site, offline and without a dead link, whose reference holds every public name?"""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from test_docs import ROOT

import lw3dsim
from lw3dsim import dse

CONFIG = ROOT / "docs" / "site" / "mkdocs.yml"
REFERENCE = ROOT / "docs" / "reference"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the site; building it fails at the first dead link or unknown name."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-f", str(CONFIG), "-d", str(folder)]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, check=False, capture_output=True, text=True, env=quiet)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_every_document_is_a_page(site):
    documents = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in (ROOT / "docs").rglob("*.md")}
    assert documents == {
        path.relative_to(site) for path in site.rglob("*.html") if path.name not in ("404.html", "genindex.html")
    }


def test_no_page_fetches_anything_from_elsewhere(site):
    loaded = re.compile(r"<(?:script|link|img|iframe)[^>]*?(?:src|href)=\"?((?:https?:)?//[^\"\s>]*)")
    for page in site.rglob("*.html"):
        assert not loaded.findall(page.read_text(encoding="utf-8")), page


def test_the_reference_has_every_public_name():
    text = "".join(path.read_text(encoding="utf-8") for path in REFERENCE.glob("*.md"))
    named = set(re.findall(r"^::: (\S+)$", text, re.MULTILINE))
    of_runs = {f"lw3dsim.{name}" for name in lw3dsim.__all__ if name not in ("__version__", "dse")}
    assert named == of_runs | {f"lw3dsim.dse.{name}" for name in dse.__all__}


def test_the_reference_shows_what_a_function_says_of_itself(site):
    page = (site / "reference" / "runs.html").read_text(encoding="utf-8")
    assert "Simulate a workload on an accelerator, layer after layer." in page
    assert not re.search(r":(?:func|class|meth|attr|mod):", page)
