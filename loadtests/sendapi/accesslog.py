"""One JSON line for each answer, written a quarter of a second at a time."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import IO, Protocol

import msgspec

FLUSH_S = 0.25
STDERR = "-"


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One answer. `at`: Unix time when the request had its head; `ms`: until its answer; `bytes`: its body's.

    `messages`: what became durable with it; `fault`: the fault of ours that it met.
    """

    at: float
    client: str
    method: str
    path: str
    status: int
    ms: float
    wire: str = ""
    bytes: int = 0
    messages: int = 0
    fault: str = ""


class Changed(msgspec.Struct, frozen=True):
    """The faults were changed at the admin endpoint; from here on they are `faults`."""

    at: float
    faults: msgspec.Raw


class AccessLog(Protocol):
    """Where answers are written down."""

    def write(self, line: Line | Changed) -> None:
        """Keep a line; it is in the file within FLUSH_S."""

    def close(self) -> None:
        """Write what is kept, and end."""


class FileLog:
    """A file that lines are appended to; `-` is stderr."""

    def __init__(self, path: str) -> None:
        self._file: IO[bytes] = sys.stderr.buffer if path == STDERR else Path(path).open("ab")  # noqa: SIM115 - closed by close
        self._kept: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._encode = msgspec.json.Encoder().encode

    def write(self, line: Line | Changed) -> None:
        """Encode it now, write it soon."""
        self._kept.append(self._encode(line))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_S, self._flush)

    def close(self) -> None:
        """Write what is kept."""
        if self._timer is not None:
            self._timer.cancel()
        self._flush()
        if self._file is not sys.stderr.buffer:
            self._file.close()

    def _flush(self) -> None:
        self._timer = None
        if self._kept:
            kept, self._kept = self._kept, []
            self._file.write(b"\n".join([*kept, b""]))
            self._file.flush()
