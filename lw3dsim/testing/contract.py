"""What all contracts share: a test runs once per subject."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest


class Contract:
    """Tests of several subjects: each test that takes ``subject`` runs once for every member of ``attribute``."""

    subject: ClassVar[str]
    attribute: ClassVar[str]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give tests their subjects; pytest calls it. Raises TypeError for a class that names none."""
        if self.subject not in metafunc.fixturenames:
            return
        subjects: Sequence[object] = getattr(type(self), self.attribute, ())
        if not subjects:
            raise TypeError(f"{type(self).__name__} names no {self.attribute}; give the class some to test")
        metafunc.parametrize(self.subject, subjects, ids=str)
