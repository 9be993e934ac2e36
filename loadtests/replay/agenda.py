"""What a reactor sends and when, in the order of due times, with the bytes of each request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from loadtests.replay.records import Reply
from loadtests.replay.schedule import Schedule

CHUNK = 1024
"""Requests turned into tuples at once: about 0.1 ms of work, so that it makes no send late by more."""

Send = tuple[int, int, int, int, int]
"""(due_ns, request, first_id, messages, stream): a plain tuple, for it is made once for every request."""


class Renders(Protocol):
    """`loadtests.targets.rendering.Renderer`, or anything alike."""

    def render(
        self, first_id: int, messages: int, channel: str, campaign: str, priority: str = "marketing"
    ) -> bytes:
        """A complete HTTP/1.1 request."""


class Reads(Protocol):
    """`loadtests.targets.replies.Reader`, or anything alike."""

    def read(
        self, status: int, headers: bytes, body: bytes, messages: int, operation: int = 0
    ) -> tuple[Reply, int, float | None]:
        """(reply, messages accepted, seconds until it is worth coming again)."""


class Routes(Protocol):
    """`loadtests.targets.target.Target`, or anything alike."""

    def operation_for(self, channel: str, stream: str = "", priority: str = "") -> int | None:
        """The index of the operation that carries a stream."""


class Agenda:
    """A schedule, message ids from `first_id` on, and how its requests are written and its replies read."""

    def __init__(
        self, schedule: Schedule, routes: Routes, renderer: Renders, reader: Reads, first_id: int
    ) -> None:
        self.schedule = schedule
        self._first_id = first_id
        self._renderer = renderer
        self._reader = reader
        self._kinds = schedule.kinds()
        self._operations = tuple(routes.operation_for(*kind) or 0 for kind in self._kinds)

    def chunks(self, start_ns: int) -> Iterator[list[Send]]:
        """All sends in order, due in nanoseconds of the clock that `start_ns` was read from."""
        schedule = self.schedule
        first_id = self._first_id
        for start in range(0, schedule.due_s.size, CHUNK):
            part = slice(start, start + CHUNK)
            messages = schedule.messages[part].astype(np.int64)
            ids = first_id + np.cumsum(messages) - messages
            first_id += int(messages.sum())
            due_ns = start_ns + np.rint(schedule.due_s[part] * 1e9).astype(np.int64)
            requests = range(start, start + messages.size)
            columns = (due_ns.tolist(), requests, ids.tolist(), messages.tolist())
            yield list(zip(*columns, schedule.stream[part].tolist(), strict=True))

    @property
    def over(self) -> bool:
        """Whether nothing is added any more once `chunks` has nothing."""
        return True

    def unsent(self, upcoming: Sequence[Send], now_ns: int, start_ns: int) -> Sequence[int]:
        """Requests due by now that were never submitted; `upcoming`: taken from `chunks`, ascending."""
        due = np.searchsorted(self.schedule.due_s, (now_ns - start_ns) / 1e9, side="right")
        return range(upcoming[0][1], int(due)) if upcoming else ()

    def render(self, send: Send) -> bytes:
        """The complete request."""
        return self._renderer.render(send[2], send[3], *self._kinds[send[4]])

    def read(self, send: Send, status: int, head: bytes, body: bytes) -> tuple[Reply, int, float | None]:
        """What the target said to it."""
        return self._reader.read(status, head, body, send[3], self._operations[send[4]])
