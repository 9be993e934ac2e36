"""Compiles once, before the tests, what each of their processes would else begin to compile for itself."""

from __future__ import annotations

import subprocess
import sys

KERNELS = (
    "from loadtests.replay.compiling import keep; keep()",
    "from tests.sim.test_kernel_units import OTHER, season; season({**OTHER, 'retry_after': True});"
    "from tests.sim import test_redelivery as again;"
    "again.outcome_of(again.cohort.run, again.season(workers=again.STALLS))",
    "from tests.sim.test_tenants import shared; shared()",
)


def warm() -> None:
    """What a machine lacks for it, the tests tell."""
    for process in [subprocess.Popen([sys.executable, "-c", code]) for code in KERNELS]:
        process.wait()


if __name__ == "__main__":
    warm()
