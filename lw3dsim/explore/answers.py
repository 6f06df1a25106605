"""What the designs of a space answer on clips: measured once for every arithmetic, which most designs share.

Answers are kept in a file beside the study, a line each, as soon as they are known: processes add to it together, and a
kill loses no more than a line that was being written.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lw3dsim._version import __version__
from lw3dsim.arithmetic.arrays import as_arrays
from lw3dsim.errors import OutputError, one_line
from lw3dsim.explore.space import digest_of
from lw3dsim.learn.examination import Examination
from lw3dsim.learn.prediction import estimated
from lw3dsim.learn.scoring import with_weights
from lw3dsim.learn.source import check_classes, digest, opened
from lw3dsim.network.calibration import arithmetic_of
from lw3dsim.network.pipeline import prepare
from lw3dsim.network.quantised import number_of
from lw3dsim.network.request import Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.account.simulated import Unit
    from lw3dsim.arithmetic.number import Number
    from lw3dsim.describe.accelerator import Accelerator
    from lw3dsim.describe.workload import Workload
    from lw3dsim.explore.metrics import Metrics
    from lw3dsim.explore.point import Examined
    from lw3dsim.explore.space import Space
    from lw3dsim.learn.prediction import AgreementMap


# The metric that is predicted; all others are measured.
PREDICTED = "predicted_agreement"

# What the file begins with.
HEAD = b'\n{"asked":'


class Kept(msgspec.Struct, frozen=True):
    """A line of the file: what was asked, as a digest, and what was answered."""

    asked: str
    agreement: float
    accuracy: float


class Answering:
    """Has the networks of ``space`` answer clips in the integers of designs."""

    def __init__(self, space: Space) -> None:
        self._folder = Path(space.path).parent
        self._memory = Memory(Path(space.answers) if space.answers else None)
        self._examinations: dict[str, Examination] = {}
        self._maps: dict[str, AgreementMap] = {}
        self._predicted: dict[str, float] = {}

    def metrics(
        self,
        examined: Examined,
        network: Workload,
        units: Sequence[Unit],
        design: Accelerator,
        wanted: Sequence[str],
    ) -> Metrics:
        """Return the ``wanted`` of what ``network``, as it is written, mapped as ``units`` on ``design``, answers.

        Raises InputError where it has no weights or clips, or its integers are of several widths.
        """
        number = number_of(design)
        weights = self._folder / examined.weights
        about = (__version__, digest(network), digest_of(weights), examined.settings(), number.bits)
        subject = hashlib.sha256(repr(about).encode()).hexdigest()
        asked = hashlib.sha256(repr((subject, arithmetic_of(units, design, number))).encode()).hexdigest()[:32]

        def examination() -> Examination:
            if subject not in self._examinations:
                self._examinations[subject] = self._examination(examined, network, weights, number)
            return self._examinations[subject]

        found: Metrics = {}
        if PREDICTED in wanted:
            if asked not in self._predicted:
                if subject not in self._maps:
                    self._maps[subject] = examination().map(examined.clips)
                own, made = self._maps[subject], examination().calibration.quantised(units, design, is_alike=True)
                self._predicted[asked] = own.agreement(own.noise(estimated(made)))
            found[PREDICTED] = self._predicted[asked]
        if {*wanted} - {PREDICTED}:
            kept = self._memory.find(asked)
            if kept is None:
                answers = examination().answers(examination().calibration.quantised(units, design, is_alike=True))
                kept = Kept(asked, answers.agreement, answers.top1)
                self._memory.keep(kept)
            found |= {"agreement": kept.agreement, "accuracy": kept.accuracy}
        return found

    def _examination(self, examined: Examined, network: Workload, weights: Path, number: Number) -> Examination:
        asked = examined.settings()
        data = asked["data"]
        if data != examined.MOVING:
            asked["data"] = str(self._folder / str(data))
        classes, source_of = opened(asked)
        check_classes(network, len(classes))
        prepared = prepare(Request(workload=network, weights=as_arrays("weights", str(weights))))
        return Examination(
            with_weights(prepared),
            source_of(network),
            number,
            clips=examined.clips,
            calibration=examined.calibration,
        )


class Memory:
    """Answers by what was asked, in a file of this and other processes, or in none. Raises OutputError."""

    def __init__(self, path: Path | None) -> None:
        self._path, self._known, self._read = path, dict[str, Kept](), 0

    def find(self, asked: str) -> Kept | None:
        """Return what was answered, by whichever process."""
        if asked not in self._known:
            self._look()
        return self._known.get(asked)

    def keep(self, kept: Kept) -> None:
        """Remember an answer."""
        self._known[kept.asked] = kept
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # What another process was killed in is a line of its own.
            with self._path.open("ab") as file:
                file.write(b"\n" + msgspec.json.encode(kept) + b"\n")
        except OSError as error:
            raise OutputError(f"{one_line(str(self._path), 200)}: cannot be written ({error.strerror})") from None

    def _look(self) -> None:
        """Read what was added to the file."""
        if self._path is None or not self._path.is_file():
            return
        try:
            with self._path.open("rb") as file:
                head = file.read(len(HEAD))
                file.seek(self._read)
                added = file.read()
        except OSError as error:
            raise OutputError(f"{one_line(str(self._path), 200)}: cannot be read ({error.strerror})") from None
        if not HEAD.startswith(head):
            place = one_line(str(self._path), 200)
            raise OutputError(f"{place}: holds no answers of a study; move it, or give another --storage")
        whole = added.rfind(b"\n") + 1
        self._read += whole
        for line in added[:whole].splitlines():
            try:
                kept = msgspec.json.decode(line, type=Kept)
            except msgspec.DecodeError:
                continue
            if all(0 <= share <= 1 for share in (kept.agreement, kept.accuracy)):
                self._known[kept.asked] = kept
