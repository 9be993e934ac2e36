"""The command line as a user runs it: real processes, real sockets, a run folder of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PEAKDAY = [str(Path(sys.executable).with_name("peakday"))]


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        return dict(json.loads(self.out))


Peakday = Callable[..., Done]


def run_peakday(runs: Path, *arguments: str, cwd: Path | None = None, timeout_s: float = 100) -> Done:
    env = {k: v for k, v in os.environ.items() if not k.startswith("PEAKDAY")} | {"PEAKDAY_RUNS": str(runs)}
    done = subprocess.run(
        [*PEAKDAY, *arguments], capture_output=True, text=True, env=env, cwd=cwd, timeout=timeout_s
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)
