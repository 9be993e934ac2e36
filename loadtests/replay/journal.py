"""Finished attempts while a replay runs: written, folded into figures, shown to a listener."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from loadtests.replay.live import Live
from loadtests.replay.records import Writer
from loadtests.replay.rows import Columns, RawRows, columns
from loadtests.replay.schedule import Schedule


class Journal:
    """The sink of a reactor. `listener` sees every block of attempts once, after it was written."""

    def __init__(
        self,
        schedule: Schedule,
        start_ns: int,
        writer: Writer,
        listener: Callable[[Columns], None] = lambda _: None,
    ) -> None:
        self.live = Live(schedule)
        self._schedule = schedule
        self._start_ns = start_ns
        self._writer = writer
        self._listener = listener

    def take(self, rows: RawRows, now_ns: int) -> None:
        """Take int64 rows (rows.ROW)."""
        for _ in self.steps(rows, now_ns):
            pass

    def steps(self, rows: RawRows, now_ns: int) -> Iterator[None]:
        """The same in steps of some tenths of a millisecond."""
        block = columns(rows, self._schedule, self._start_ns)
        yield
        if len(rows):
            self._writer.write(block[:-1])
            yield
            self._listener(block)
            yield
        self.live.count(block)
        yield
        self.live.fold(block, (now_ns - self._start_ns) / 1e9)
        yield
