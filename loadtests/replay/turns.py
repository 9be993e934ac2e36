"""How a reactor spends its time between two chores: turn by turn, with one address or with several."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from select import EPOLLIN

from loadtests.replay.agenda import Agenda, Send
from loadtests.replay.ahead import AHEAD_S, open_ahead
from loadtests.replay.exchange import Exchange
from loadtests.replay.multiplexed import Multiplexed
from loadtests.replay.pauses import Ints

NEVER_NS = 1 << 62


class Turns(ABC):
    """The turns of a replay: `OneWay` with one address, `several.Several` of these together."""

    @property
    @abstractmethod
    def in_flight(self) -> int:
        """Sends that were started and are not answered."""

    @property
    @abstractmethod
    def waiting(self) -> int:
        """Sends that are due and have no connection."""

    @property
    @abstractmethod
    def over(self) -> bool:
        """Whether nothing waits, is under way, comes back or will be due."""

    @abstractmethod
    def listen(self, descriptor: int) -> None:
        """Wake for news of it too; `turn` tells them."""

    @abstractmethod
    def open_ahead(self, until_ns: int) -> None:
        """Open connections for what is due first, until then at most."""

    @abstractmethod
    def begin(self, start_ns: int) -> None:
        """Time 0 of the schedule."""

    @abstractmethod
    def next_due_ns(self) -> int:
        """When the next send is due; NEVER_NS where none is known."""

    @abstractmethod
    def upcoming_ns(self) -> Ints:
        """When the next sends are due, ascending, as far as is known at once: int64 (sends,)."""

    @abstractmethod
    def turn(self, until_ns: int) -> list[int]:
        """Start what is due, sleep at most until then, hear what came; others' descriptors that have news."""

    @abstractmethod
    def look_after(self, now_ns: int) -> None:
        """End what has waited too long, begin what comes back."""

    @abstractmethod
    def settle(self, now_ns: int) -> Sequence[int]:
        """End everything; the requests that were due by now and were never reached."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection without a word."""


class OneWay(Turns):
    """What turns of either kind have alike, in Python or in compiled code."""

    def __init__(
        self, exchange: Exchange | Multiplexed, agenda: Agenda, clock: Callable[[], int], spin_ns: int
    ) -> None:
        self.epoll = exchange.epoll
        self._agenda = agenda
        self._clock = clock
        self._spin_ns = spin_ns
        self._start_ns = 0
        self._carrier = exchange

    @property
    @abstractmethod
    def more_to_do(self) -> bool:
        """Whether a turn is to be taken at once: something can be started, or rendered ahead of time."""

    @abstractmethod
    def _let_go(self, now_ns: int) -> None:
        """End everything."""

    @abstractmethod
    def _upcoming_sends(self) -> Sequence[Send]:
        """What was taken from the agenda and is not due, in order."""

    @property
    def over(self) -> bool:
        """Whether nothing waits, is under way, comes back or will be due."""
        is_busy = self.waiting or self.in_flight or self._carrier.coming_back
        return self.next_due_ns() == NEVER_NS and self._agenda.over and not is_busy

    def listen(self, descriptor: int) -> None:
        """Wake for news of it too; `turn` tells them."""
        self.epoll.register(descriptor, EPOLLIN)

    def open_ahead(self, until_ns: int) -> None:
        """Open connections for what is due first, until then at most."""
        open_ahead(self._carrier, self._agenda.due_within(AHEAD_S), self._clock, until_ns)

    def settle(self, now_ns: int) -> Sequence[int]:
        """End everything; the requests that were due by now and were never reached."""
        self._let_go(now_ns)
        if self.next_due_ns() > now_ns:
            return ()
        return self._agenda.unsent(self._upcoming_sends(), now_ns, self._start_ns)

    def close(self) -> None:
        """Close every connection without a word."""
        self._carrier.close()
