"""One HTTP/2 connection as its exchange sees it: what is spoken on it, what it carries."""

from __future__ import annotations

from dataclasses import dataclass, field

from loadtests.replay.agenda import Send
from loadtests.replay.connection import Connection
from loadtests.replay.http2 import Session


@dataclass(slots=True)
class Carried:
    """A send on its stream."""

    send: Send
    attempt: int
    picked_ns: int
    started_ns: int


@dataclass(slots=True)
class Line:
    """`heard_ns`: when something came of it last. `carried`: sends by the numbers of their streams. `used`:
    it carried something; `served`: answers that came."""

    connection: Connection
    session: Session
    heard_ns: int
    used: bool = False
    served: int = 0
    carried: dict[int, Carried] = field(default_factory=dict)

    def started_by(self, at_ns: int) -> list[int]:
        """Streams that were started then or earlier."""
        return [number for number, carried in self.carried.items() if carried.started_ns <= at_ns]

    def oldest_ns(self, now_ns: int) -> int:
        """When the oldest of its streams was started; now where it has none."""
        return min((carried.started_ns for carried in self.carried.values()), default=now_ns)
