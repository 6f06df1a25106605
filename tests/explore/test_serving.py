"""Does a study that runs show itself as a page on this machine, to browsers here alone, and say when it has ended?"""

from __future__ import annotations

import dataclasses
import socket
import time
import urllib.error
import urllib.request

import pytest
from browser import CHROMIUM, WHY_NOT, Browser

from lw3dsim import dse
from lw3dsim.errors import InputError
from lw3dsim.explore import serving
from lw3dsim.explore.serving import served

SPACE = """
name: served
arch: edge_base
workloads: [{workload: c3d_small}]
parameters: {pe.rows: [4, 8, 16], pe.cols: [1, 2]}
objectives: [latency_ms, area_mm2]
"""


class Shown:
    """A watcher that counts."""

    def __init__(self):
        self.seen = 0

    def show(self, record):  # noqa: ARG002  # the signature of a Watcher
        self.seen += 1


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    path = tmp_path_factory.mktemp("served") / "space.yaml"
    path.write_text(SPACE)
    return path


@pytest.fixture(scope="module")
def study(space):
    return dse.run(space, storage=space.with_suffix(".journal"), workers=1, bounds=False)


@pytest.fixture
def before(study):
    return dataclasses.replace(study, records=())


def asked(address, **headers):
    request = urllib.request.Request(address, headers=headers)  # noqa: S310  # our own
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return answer.headers, answer.read().decode()


def test_the_page_has_the_points_so_far_and_nothing_else_is_served(study, before, monkeypatch):
    monkeypatch.setattr(serving, "FRESH_S", 0.0)
    shown = Shown()
    with served(shown, before, 0) as (watching, address):
        assert "No design that keeps the constraints yet." in asked(address)[1]
        for number, record in enumerate(study.records, start=1):
            watching.show(record)
            headers, page = asked(address)
            assert f"of {number} are on the front" in page
            assert "The study runs" in page
        assert headers["Cache-Control"] == "no-store"
        assert shown.seen == len(study.records)
        for wrong, headers in ((f"{address}etc/passwd", {}), (address, {"Host": "elsewhere.example"})):
            with pytest.raises(urllib.error.HTTPError):
                asked(wrong, **headers)
        monkeypatch.setattr(serving, "LATELY_S", 0.0)
    with pytest.raises(urllib.error.URLError):
        asked(address)


def test_a_port_that_is_taken_is_said(before, cli, space):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"--port {port}: can't be had"), served(Shown(), before, port):
            pass
        refused = cli("dse", "run", str(space), "--storage", str(space.with_name("x")), "--serve", "--port", str(port))
        assert refused.exit_code == 2
        assert f"--port {port}" in refused.stderr


def test_the_command_says_where_it_serves(cli, space):
    ran = cli(
        "dse", "run", str(space), "--storage", str(space.with_name("y")), "--serve", "--port", "0", "--trials", "2"
    )
    assert ran.exit_code == 0
    assert "the study is at http://127.0.0.1:" in ran.stderr


@pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)
def test_an_open_page_follows_the_run_to_its_end(study, before, monkeypatch):
    monkeypatch.setattr(serving, "FRESH_S", 0.0)
    with Browser() as browser:
        with served(Shown(), before, 0) as (watching, address):
            watching.show(study.records[0])
            browser.open(address)
            assert browser.ask("document.querySelectorAll('#front .design').length") == 1
            for record in study.records[1:]:
                watching.show(record)
        until(lambda: "has ended" in browser.ask("document.querySelector('.live').textContent"))
        assert browser.ask("document.querySelectorAll('#front .design').length") == len(study.records)
        assert all(one.startswith(address) for one in browser.requests if not one.endswith("favicon.ico"))


def until(holds):
    ends = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.1)
