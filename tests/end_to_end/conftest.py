"""One rehearsal that many tests look at, and the command line to ask for more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.cli import Done, Peakday, run_peakday


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def peakday(runs: Path) -> Peakday:
    def call(*arguments: str, **options: Any) -> Done:
        return run_peakday(runs, *arguments, **options)

    return call


@pytest.fixture(scope="session")
def rehearsed(peakday: Peakday) -> Done:
    """One rehearsal of the smoke scenario that many tests look at."""
    return peakday("rehearse", "smoke", "--budget", "8s", "--json")
