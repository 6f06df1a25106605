"""What a run asks of those that evaluate its points: one protocol; worker processes here, or those of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from lw3dsim.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from lw3dsim.explore.evaluate import Outcome
    from lw3dsim.explore.plan import Proposal

# Workers that a point may take with it before it counts as failed.
DEATHS = 3


class Crew(Protocol):
    """Workers by number, each of which remembers the layers that it has met; use as a context.

    In time: it is made, and refuses what can't be; :meth:`begin` gets workers ready for a study. Then proposals are
    given to its ``takers`` and outcomes collected, each proposal's exactly once, until nothing is ``pending``. A worker
    that dies is replaced, or its proposals are given to others, unseen from here.
    """

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send the workers home; what is under way is dropped."""

    def begin(self, *, with_bounds: bool) -> None:
        """Get workers ready; ``with_bounds``, a point is discarded where bounds show that it can't join the front."""

    @property
    def takers(self) -> list[int]:
        """The numbers of the workers that can be given a proposal, as often as they can; those with the least first."""

    @property
    def pending(self) -> int:
        """Proposals given out and not collected."""

    def give(self, proposals: Sequence[Proposal], number: int) -> None:
        """Give ``proposals`` to a worker; no more than it can take."""

    def collect(self, timeout: float) -> list[tuple[Proposal, Outcome]]:
        """Return what was answered, after waiting ``timeout`` seconds at most.

        Raises OutputError where no worker is left that can evaluate, and none can be had.
        """

    def news(self) -> list[str]:
        """Return what whoever runs the study should know and has not been told: a sentence each."""


def cannot_go_on(what: str) -> OutputError:
    """Return the error of a crew that has come to its end: ``what`` says why."""
    return OutputError(f"{what}; what was finished before is kept: mend it, then run again with --resume")
