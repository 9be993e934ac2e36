"""What a long function tells while it runs, and what it asks: shall I stop?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Interrupted(Exception):  # noqa: N818 - it is no error: the user asked
    """A long function noticed `stopped()` and left; what it had measured is on disk."""


class Watcher(Protocol):
    """Long functions take one; only the terminal turns it into a picture."""

    def tell(
        self,
        stage: str,
        done: float,
        total: float,
        text: str = "",
        figures: Mapping[str, float] | None = None,
    ) -> None:
        """`done` of `total` (any unit) of `stage` is finished; `text` says what is going on now."""

    def stopped(self) -> bool:
        """True once the user asked to stop: leave soon, keep what was measured, raise Interrupted."""


class Silent:
    """The default watcher: tells nobody, never stops."""

    def tell(
        self,
        stage: str,
        done: float,
        total: float,
        text: str = "",
        figures: Mapping[str, float] | None = None,
    ) -> None:
        """Say nothing."""

    def stopped(self) -> bool:
        """Never."""
        return False


SILENT = Silent()
