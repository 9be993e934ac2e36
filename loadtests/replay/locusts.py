"""The Locust processes of one engine: a single one, or a master on this machine with its workers."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from loadtests.children import Child

START_S_MAX = 30.0
LOCUSTFILE = "from loadtests.replay.user import ReplayUser\n\n\nclass Replay(ReplayUser):\n    pass\n"
HERE = "127.0.0.1"
LEAN = {"ARROW_DEFAULT_MEMORY_POOL": "system"}
"""What Arrow is done with goes back to the system."""
_LOCUST = (sys.executable, "-m", "locust", "--locustfile", "locustfile.py", "--loglevel", "INFO")


class Locusts:
    """Started in `folder`, which becomes their HOME too: no ~/.locust.conf, locust.conf or pyproject.toml of
    the user's counts here. `main` is who takes orders. Raises ChildFailed when one does not get ready.

    A single process needs no master. A master takes a free port of loopback and tells which.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], workers: int) -> None:
        (folder / "locustfile.py").write_text(LOCUSTFILE, "utf-8")
        self._folder = folder
        self._environment = dict(environment) | {"HOME": str(folder), "XDG_CACHE_HOME": _caches()} | LEAN
        self.workers: list[Child] = []
        users = ("--headless", "--only-summary", "--users", str(workers), "--spawn-rate", str(workers))
        if workers == 1:
            self.main = self._child("locust", *users)
        else:
            bound = ("--master", "--master-bind-host", HERE, "--master-bind-port", "0")
            self.main = self._child("locust", *users, *bound, "--expect-workers", str(workers))
        try:
            if workers > 1:
                port = str(self.main.expect("bound", START_S_MAX)["port"])
                for number in range(1, workers + 1):
                    to = ("--worker", "--master-host", HERE, "--master-port", port)
                    self.workers.append(self._child(f"worker-{number}", *to))
            self.main.expect("ready", START_S_MAX)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """All of them, and wait."""
        for child in (self.main, *self.workers):
            child.stop()

    def _child(self, name: str, *arguments: str) -> Child:
        log = self._folder / f"{name}.log"
        return Child(name, [*_LOCUST, *arguments], log=log, env=self._environment, cwd=self._folder)


def _caches() -> str:
    """Where the user's compiled code is kept, which is the same for every engine; "" where nobody knows."""
    home = os.environ.get("HOME", "")
    return os.environ.get("XDG_CACHE_HOME", "") or (home and str(Path(home) / ".cache"))
