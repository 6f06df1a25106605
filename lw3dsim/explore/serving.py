"""A study as a page on this machine while it runs: served to browsers here alone, made anew as points come in."""

from __future__ import annotations

import dataclasses
import threading
import time
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from lw3dsim.errors import InputError
from lw3dsim.explore.page import study_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lw3dsim.explore.record import Record
    from lw3dsim.explore.runner import Watcher
    from lw3dsim.explore.study import Study

HOST = "127.0.0.1"

# Seconds for which a page is not made again, however many points come in.
FRESH_S = 2.0

# A browser that asked so lately is waited for at the end of a run, for so long at most: it asks every other second.
LATELY_S, LINGER_S = 8.0, 5.0


class Served:
    """A watcher that passes everything on to another, and knows the page of the study as it stands."""

    def __init__(self, watcher: Watcher, before: Study) -> None:
        self._watcher, self._study = watcher, before
        # Those of an earlier run are shown once more.
        self._records = {record.index: record for record in before.records}
        self._made: tuple[tuple[int, bool], float, str] | None = None
        self._lock = threading.Lock()
        self.has_ended = False
        self.asked_at = -LATELY_S

    def show(self, record: Record) -> None:
        """Take in a finished point."""
        self._records[record.index] = record
        self._watcher.show(record)

    def survey(self, bounded: int, of: int) -> None:
        """Take in how many designs have been bounded."""
        self._watcher.survey(bounded, of)

    def tick(self) -> None:
        """Look at the clock."""
        self._watcher.tick()

    def note(self, sentence: str) -> None:
        """Take in something that whoever runs the study should know."""
        self._watcher.note(sentence)

    def page(self) -> str:
        """Return the page; one that was made just now is good enough while the study runs."""
        with self._lock:
            now, key = time.monotonic(), (len(self._records), self.has_ended)
            if self._made is not None:
                known, made_at, page = self._made
                if known == key or (now - made_at < FRESH_S and not self.has_ended):
                    return page
            records = tuple(sorted(self._records.copy().values(), key=lambda record: record.index))
            study = dataclasses.replace(self._study, records=records)
            page = study_page(study, "ended" if self.has_ended else "runs")
            self._made = (key, now, page)
            return page


@contextmanager
def served(watcher: Watcher, before: Study, port: int) -> Iterator[tuple[Served, str]]:
    """Serve the page of a study, as it was ``before`` a run, on ``port`` of this machine, 0 for any.

    Yields what watches the run, and the address.

    At the end, browsers that follow it see the last of it. Raises InputError where the port can't be had.
    """
    watching = Served(watcher, before)
    try:
        server = ThreadingHTTPServer((HOST, port), _handler(watching))
    except (OSError, OverflowError) as error:
        raise InputError(f"--port {port}: can't be had ({error}); give another, or 0 for any that is free") from None
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield watching, f"http://{HOST}:{server.server_port}/"
        watching.has_ended = True
        ended = time.monotonic()
        if ended - watching.asked_at < LATELY_S:
            while watching.asked_at < ended and time.monotonic() - ended < LINGER_S:
                time.sleep(0.05)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(watching: Served) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer with the page, and nothing else."""
            # Another site that has its name lead here must not read along.
            host = self.headers.get("Host", "").rpartition(":")[0]
            if host not in (HOST, "localhost"):
                self.send_error(HTTPStatus.FORBIDDEN)
            elif self.path != "/":
                self.send_error(HTTPStatus.NOT_FOUND)
            else:
                body = watching.page().encode()
                self.send_response(HTTPStatus.OK)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(body)
                watching.asked_at = time.monotonic()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # named by http.server
            """Say nothing: the terminal shows the run."""

    return Handler
