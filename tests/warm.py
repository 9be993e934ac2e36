"""Compiles once, before the tests, what each of their processes would else begin to compile for itself."""

from __future__ import annotations

import subprocess
import sys

KERNELS = (
    "from loadtests.replay.compiling import keep; keep()",
    "from tests.sim.test_kernel_units import OTHER, season; season({**OTHER, 'retry_after': True})",
)


def warm() -> int:
    """How many of the kernels could not be compiled: 0."""
    processes = [subprocess.Popen([sys.executable, "-c", code]) for code in KERNELS]
    return sum(process.wait() != 0 for process in processes)


if __name__ == "__main__":
    sys.exit(warm())
