"""One rehearsal that many tests look at, and the command line to ask for more."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.cli import Done, Peakday, run_peakday

INCONCLUSIVE, REHEARSALS_MAX = 3, 4


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="session")
def peakday(runs: Path) -> Peakday:
    def call(*arguments: str, **options: Any) -> Done:
        return run_peakday(runs, *arguments, **options)

    return call


@pytest.fixture(scope="session")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """One rehearsal of the smoke scenario that many tests look at: they change nothing in its folder.

    The first of several workers of pytest makes it, the others wait for it; where REHEARSED names a folder,
    the first of several pytests."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = Path(os.environ.get("REHEARSED") or base)
    kept = folder / "rehearsed.json"
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            kept.write_text(json.dumps(asdict(_rehearsal(folder / "runs"))))
    return Done(**json.loads(kept.read_text()))


def _rehearsal(runs: Path) -> Done:
    """Again, as its own report advises, where the machine stood still for so long that it is inconclusive."""
    for _ in range(REHEARSALS_MAX):
        done = run_peakday(runs, "rehearse", "smoke", "--budget", "8s", "--json")
        if done.code != INCONCLUSIVE:
            break
    return done


@pytest.fixture
def rehearsed_too(rehearsed: Done, tmp_path: Path) -> Path:
    """A copy of that rehearsal's run to do anything with."""
    return shutil.copytree(Path(rehearsed.document["report"]).parent, tmp_path / "run")
