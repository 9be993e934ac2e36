"""What a reactor sends and when, in the order of due times, with the bytes of each request."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Protocol, cast

import numpy as np
import numpy.typing as npt

from loadtests.replay.fates import Reply
from loadtests.replay.given import Giving
from loadtests.replay.schedule import Schedule
from loadtests.replay.stencils import Stencil

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

    def stencil(
        self, messages: int, channel: str, campaign: str, priority: str = "marketing"
    ) -> Stencil | None:
        """What `render` fills in; None where it does more."""


class Reads(Protocol):
    """`loadtests.targets.replies.Reader`, or anything alike."""

    def read(
        self, status: int, headers: bytes, body: bytes, messages: int, operation: int = 0
    ) -> tuple[Reply, int, float | None]:
        """(reply, messages accepted, seconds until it is worth coming again)."""

    def plainly_accepted(self, operation: int) -> Collection[int]:
        """Statuses with which any reply accepts the whole request, whatever its headers and body say."""

    def message_id(self, headers: bytes, body: bytes, operation: int = 0) -> str:
        """What the target calls the message, "" where it does not say."""


class Routes(Protocol):
    """`loadtests.targets.target.Target`, or anything alike."""

    def operation_for(self, channel: str, stream: str = "", priority: str = "") -> int | None:
        """The index of the operation that carries a stream."""


class Agenda:
    """A schedule, message ids from `first_id` on, and how its requests are written and its replies read.

    giving: keeps what the target calls the messages, where somebody asks for that.
    """

    def __init__(
        self,
        schedule: Schedule,
        routes: Routes,
        renderer: Renders,
        reader: Reads,
        first_id: int,
        giving: Giving | None = None,
    ) -> None:
        self.giving = giving
        self.schedule = schedule
        self._first_id = first_id
        self._renderer = renderer
        self._reader = reader
        self._kinds = schedule.kinds()
        self._operations = tuple(routes.operation_for(*kind) or 0 for kind in self._kinds)

    def chunks(self, start_ns: int) -> Iterator[list[Send]]:
        """All sends in order, due in nanoseconds of the clock that `start_ns` was read from."""
        for block in self.blocks(start_ns):
            yield list(map(tuple, block.tolist()))

    def blocks(self, start_ns: int) -> Iterator[npt.NDArray[np.int64]]:
        """The same as int64 (sends, 5)."""
        schedule = self.schedule
        first_id = self._first_id
        for start in range(0, schedule.due_s.size, CHUNK):
            part = slice(start, start + CHUNK)
            messages = schedule.messages[part].astype(np.int64)
            ids = first_id + np.cumsum(messages) - messages
            first_id += int(messages.sum())
            due_ns = start_ns + np.rint(schedule.due_s[part] * 1e9).astype(np.int64)
            requests = np.arange(start, start + messages.size)
            yield np.column_stack((due_ns, requests, ids, messages, schedule.stream[part]))

    def due_within(self, first_s: float) -> int:
        """How many are due in the first seconds, as far as is known."""
        return int(np.searchsorted(self.schedule.due_s, first_s))

    @property
    def over(self) -> bool:
        """Whether nothing is added any more once `chunks` has nothing."""
        return True

    def unsent(self, upcoming: Sequence[Send], now_ns: int, start_ns: int) -> Sequence[int]:
        """Requests due by now that were never submitted; `upcoming`: taken from `chunks`, ascending."""
        due = np.searchsorted(self.schedule.due_s, (now_ns - start_ns) / 1e9, side="right")
        return range(upcoming[0][1], int(due)) if upcoming else ()

    def of(self, requests: npt.NDArray[np.int64]) -> Agenda:
        """Some of its requests, ascending, as they are in the whole."""
        return self if requests.size == self.schedule.due_s.size else _Part(self, requests)

    def render(self, send: Send) -> bytes:
        """The complete request."""
        return self._renderer.render(send[2], send[3], *self._kinds[send[4]])

    def stencil(self, stream: int, messages: int) -> Stencil | None:
        """What a stream's requests of that many messages are filled into; None: `render` does more."""
        return self._renderer.stencil(messages, *self._kinds[stream])

    def plainly_accepted(self, stream: int) -> Collection[int]:
        """Statuses with which any answer to a stream's requests accepts all of it, whatever else it says;
        none where the id that it gives is kept."""
        return () if self.giving is not None else self._reader.plainly_accepted(self._operations[stream])

    def read(self, send: Send, status: int, head: bytes, body: bytes) -> tuple[Reply, int, float | None]:
        """What the target said to it."""
        operation = self._operations[send[4]]
        if self.giving is not None:
            self.giving.add(send[2], self._reader.message_id(head, body, operation))
        return self._reader.read(status, head, body, send[3], operation)


class _Part(Agenda):
    """Some requests of a schedule, with the ids that they have in the whole."""

    def __init__(self, whole: Agenda, requests: npt.NDArray[np.int64]) -> None:
        vars(self).update(vars(whole))
        messages = self.schedule.messages
        before = np.cumsum(messages, dtype=np.int64) - messages
        self._requests = requests
        self._ids = self._first_id + before[requests]

    def blocks(self, start_ns: int) -> Iterator[npt.NDArray[np.int64]]:
        """All sends in order as int64 (sends, 5)."""
        schedule = self.schedule
        for start in range(0, self._requests.size, CHUNK):
            requests = self._requests[start : start + CHUNK]
            due_ns = start_ns + np.rint(schedule.due_s[requests] * 1e9).astype(np.int64)
            columns = (requests, self._ids[start : start + CHUNK], schedule.messages[requests])
            yield np.column_stack((due_ns, *columns, schedule.stream[requests])).astype(np.int64)

    def due_within(self, first_s: float) -> int:
        """How many are due in the first seconds."""
        return int(np.searchsorted(self._requests, super().due_within(first_s)))

    def unsent(self, upcoming: Sequence[Send], now_ns: int, start_ns: int) -> Sequence[int]:
        """Requests due by now that were never submitted; `upcoming`: taken from `chunks`, ascending."""
        of_all = super().unsent(upcoming, now_ns, start_ns)
        if not of_all:
            return ()
        begin, end = np.searchsorted(self._requests, (of_all[0], of_all[-1] + 1))
        return cast(list[int], self._requests[begin:end].tolist())
