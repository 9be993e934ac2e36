"""Code is compiled aside, by real processes in a cold folder: nobody waits for it, nothing breaks it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from loadtests.replay import compiling, lanecode
from tests.loadtests.replay.conftest import ROOT

FIRST_WORD = """
import time
from loadtests.replay import compiling
at_once = compiling.compiled()
aside = compiling._compile_aside().pid if not at_once else 0
print(at_once, aside, flush=True)
"""
UNTIL_COMPILED = """
while not compiling.compiled():
    time.sleep(0.05)
print(compiling.loaded(), flush=True)
"""
LONGEST_S = 120.0


class Replaying:
    """A process that asks for compiled code as a replay does, with a cache folder of its own."""

    def __init__(self, home: Path, script: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
        self._process = subprocess.Popen(
            [sys.executable, "-c", FIRST_WORD + script],
            env=environment | {"XDG_CACHE_HOME": str(home), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )

    def line(self) -> list[str]:
        """The next line that it says."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().split()

    def end(self) -> int:
        """Its exit code, once it has left."""
        code = self._process.wait(LONGEST_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code

    def kill(self) -> None:
        """Wherever it is."""
        self._process.kill()
        self.end()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A cold cache folder; whatever still compiles into it is killed afterwards."""
    yield tmp_path
    for process in psutil.process_iter(["cmdline", "environ"]):
        if (process.info["environ"] or {}).get("XDG_CACHE_HOME") == str(tmp_path):
            process.kill()


def gone(pid: int) -> bool:
    end_s = time.monotonic() + 10.0
    while time.monotonic() < end_s:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.01)
    return False


def hurry(pid: int) -> None:
    """It lets all others go first, for minutes beside other tests; only root may change that."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        while process.nice() != compiling.LAST:
            time.sleep(0.01)
        process.nice(0)


def marks(home: Path) -> list[Path]:
    return sorted(home.rglob("replay-*"))


def kept_here(home: Path) -> None:
    """What this machine has compiled, without the mark that says so: whoever compiles takes it up."""
    mark = lanecode.mark()
    if mark is not None and mark.exists():
        there = home / mark.parent.relative_to(mark.parents[2])
        shutil.copytree(mark.parent, there, ignore=shutil.ignore_patterns("replay-*"))


@pytest.mark.timeout(400)
@pytest.mark.parametrize("nothing_kept", [False, pytest.param(True, marks=pytest.mark.torture)])
def test_a_cold_process_goes_on_in_python_until_it_is_compiled_and_the_next_one_has_it_at_once(
    home: Path, nothing_kept: bool
) -> None:
    if not nothing_kept:
        kept_here(home)
    cold = Replaying(home, UNTIL_COMPILED)
    at_once, aside = cold.line()
    assert at_once == "False"
    hurry(int(aside))
    assert cold.line() == ["True"]
    assert cold.end() == 0
    assert gone(int(aside))
    (mark,) = marks(home)
    assert mark.stat().st_mode & 0o777 == 0o600
    warm = Replaying(home, "")
    assert warm.line() == ["True", "0"]
    assert warm.end() == 0


def test_what_compiles_aside_lives_no_longer_than_who_asked(home: Path) -> None:
    asking = Replaying(home, "time.sleep(60.0)")
    at_once, aside = asking.line()
    assert at_once == "False"
    assert psutil.pid_exists(int(aside))
    asking.kill()
    assert gone(int(aside))
    assert marks(home) == []


@pytest.mark.torture
@pytest.mark.parametrize("after_s", [0.3, 1.0, 2.0])
def test_one_that_is_killed_half_way_leaves_nothing_that_two_at_once_stumble_over(
    home: Path, after_s: float
) -> None:
    asking = Replaying(home, "time.sleep(60.0)")
    _, aside = asking.line()
    time.sleep(after_s)
    os.kill(int(aside), signal.SIGKILL)
    asking.kill()
    assert marks(home) == []
    two = [Replaying(home, UNTIL_COMPILED) for _ in range(2)]
    assert [one.line()[0] for one in two] == ["False", "False"]
    assert [one.line() for one in two] == [["True"], ["True"]]
    assert [one.end() for one in two] == [0, 0]
    assert len(marks(home)) == 1


def test_a_source_that_was_written_again_or_lies_elsewhere_is_not_taken_for_the_compiled_one(
    tmp_path: Path,
) -> None:
    """numba keeps by place and time: what only reads alike would be compiled in the middle of a start."""
    here, there = tmp_path / "one.py", tmp_path / "other.py"
    here.write_text("same")
    shutil.copy2(here, there)
    before = lanecode.identity([here])
    assert lanecode.identity([here]) == before
    assert lanecode.identity([there]) != before
    later_ns = here.stat().st_mtime_ns + 1_000_000
    os.utime(here, ns=(later_ns, later_ns))
    assert lanecode.identity([here]) != before
