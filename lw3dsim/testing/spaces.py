"""What every space file with a name owes."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, ClassVar

from lw3dsim.describe.catalog import named_files
from lw3dsim.explore.evaluate import Evaluator
from lw3dsim.explore.space_file import load_space
from lw3dsim.testing.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Sequence


class SpaceContract(Contract):
    """Give ``spaces``, names of spaces; of each, ``designs`` are drawn and evaluated until one of them can be built."""

    subject = "space"
    attribute = "spaces"
    spaces: ClassVar[Sequence[str]] = ()
    designs: ClassVar[int] = 20

    def test_its_name_leads_to_a_space(self, space: str) -> None:
        """The same at every reading, so that a study of it can be resumed."""
        loaded = load_space(space)
        assert named_files("experiments").get(space).stem == space == loaded.name
        assert load_space(space).digest == loaded.digest
        assert loaded.designs > 1

    def test_its_designs_can_be_evaluated(self, space: str) -> None:
        """None fails, and one of those that are drawn is no contradiction."""
        loaded = load_space(space)
        draw, evaluator = Random(0), Evaluator(loaded)
        for _ in range(self.designs):
            choice = loaded.canonical(tuple(draw.randrange(size) for size in loaded.sizes))
            outcome = evaluator.evaluate(loaded.point(choice))
            assert outcome.state in ("done", "infeasible"), outcome.reason
            if outcome.state == "done":
                assert all(cost >= 0 for cost in loaded.costs(outcome.metrics))
                return
        raise AssertionError(f"none of {self.designs} designs can be built")
