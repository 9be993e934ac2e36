"""What a replaying process asks of the system: to run before others where this user may."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

GOES_FIRST = """
import os, subprocess, sys, threading
from loadtests.replay.kernel import go_first
go_first()
go_first()
mine = (os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK, os.getpriority(os.PRIO_PROCESS, 0))
asked = "import os; print(os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0))"
print(*mine, subprocess.check_output([sys.executable, "-c", asked], text=True).strip())
"""


def told(*before: str) -> list[int]:
    said = subprocess.check_output(
        [*before, sys.executable, "-c", GOES_FIRST], text=True, stderr=subprocess.PIPE
    )
    return [int(word) for word in said.split()]


def may_be_less_nice() -> bool:
    probe = "import os; os.setpriority(os.PRIO_PROCESS, 0, -10)"
    return subprocess.run([sys.executable, "-c", probe], stderr=subprocess.DEVNULL).returncode == 0


@pytest.mark.skipif(not may_be_less_nice(), reason="this user may not be less nice")
def test_the_generator_is_less_nice_than_others_and_not_in_real_time() -> None:
    policy, nice, _, _ = told()
    assert (policy, nice) == (os.SCHED_OTHER, -10)


def test_who_may_not_runs_as_everybody_does() -> None:
    """No right to be less nice."""
    if shutil.which("setpriv") is None:
        pytest.skip("drops rights with setpriv, which is not installed")
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    dropped = ("setpriv", "--bounding-set", "-sys_nice", "--inh-caps", "-sys_nice")
    assert told(*dropped) == [os.SCHED_OTHER, usual, os.SCHED_OTHER, usual]
