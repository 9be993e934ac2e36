"""The screen of one command: live stages on stderr, results on stdout, signals, exit."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, NoReturn, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from reports import units
from reports.board import Board, Stage, named
from reports.document import document_text
from scenarios.problems import UserError

EXIT_INTERRUPTED = 130
STOPPING = "stopping: what was measured is kept; once more to leave at once"
LEAVE_S = 1.3
"""From the first signal to leaving whatever is still going on."""
HANDLED = (signal.SIGINT, signal.SIGTERM)
NARROW = 60
"""Below this many columns only names, percent and words are drawn."""


def _nowhere() -> TextIO:
    """In the place of a stream that was closed before we began; it takes the free descriptor too."""
    return Path(os.devnull).open("w", encoding="utf-8")


class Lasting:
    """A text stream that outlives its reader: what cannot be written is dropped, never raised."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.gone = False

    @property
    def encoding(self) -> str:
        """The stream's own."""
        return self.stream.encoding or "ascii"

    def isatty(self) -> bool:
        """Whether somebody looks at it."""
        with contextlib.suppress(OSError, ValueError):
            return self.stream.isatty()
        return False

    def fileno(self) -> int:
        """The stream's descriptor."""
        return self.stream.fileno()

    def write(self, text: str) -> int:
        """Write, with a question mark for what the stream's encoding lacks."""
        if not self.gone:
            known = text.encode(self.encoding, "replace").decode(self.encoding)
            self._attempt(lambda: self.stream.write(known))
        return len(text)

    def flush(self) -> None:
        """Flush what was written."""
        if not self.gone:
            self._attempt(self.stream.flush)

    def _attempt(self, action: Callable[[], object]) -> None:
        try:
            action()
        except (OSError, ValueError):
            self.gone = True
            with contextlib.suppress(OSError, ValueError):
                # what is still buffered would be written, and fail, when the interpreter ends
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self.stream.fileno())
                os.close(nowhere)


class Screen:
    """A Watcher. As a context it draws and listens to Ctrl-C; `json` keeps stdout for one document."""

    def __init__(
        self,
        *,
        json: bool = False,
        stages: Sequence[str] = (),
        out: TextIO | None = None,
        err: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.json = json
        self._out = Lasting(out or sys.stdout or _nowhere())
        self._err = Lasting(err or sys.stderr or _nowhere())
        self._board = Board(stages)
        self._clock = clock
        self._asked = threading.Event()
        self._said_stopping = False
        self._before: dict[int, Any] = {}
        self._console = Console(file=self._err, highlight=False)  # type: ignore[arg-type]  # all that rich asks of it
        self._drawn = self._console.is_terminal and not self._console.is_dumb_terminal
        self._live: Live | None = None
        self._deadline: threading.Timer | None = None

    def __enter__(self) -> Screen:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._asked_to_stop) for number in HANDLED}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_live()
        if self._deadline is not None:
            self._deadline.cancel()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def tell(
        self,
        stage: str,
        done: float,
        total: float,
        text: str = "",
        figures: Mapping[str, float] | None = None,
    ) -> None:
        """Take in how far a stage is; draw it, or say it in a line."""
        told = self._board.told(stage, done, total, text, figures, self._clock())
        if self._drawn:
            self._live_view().update(self._picture())
        elif line := self._board.line(told):
            self._say(line)
            self._say_stopping()

    def stopped(self) -> bool:
        """True after SIGINT or SIGTERM. The second one does not wait: it leaves at once with 130."""
        if self._asked.is_set() and not self._drawn:
            self._say_stopping()
        return self._asked.is_set()

    def show(self, text: str) -> None:
        """Words for the user: on stdout, or on stderr while stdout belongs to a document."""
        self._end_live()
        self._write(self._err if self.json else self._out, text)

    def result(self, document: Mapping[str, Any], text: str = "") -> None:
        """What the command found: the document with --json, else the text."""
        self._end_live()
        self._write(self._out, document_text(document) if self.json else text)

    def warn(self, text: str) -> None:
        """Words on stderr, whatever stdout is for."""
        self._end_live()
        self._write(self._err, text)

    def problems(self, error: UserError) -> int:
        """Every problem on a line of its own on stderr. The exit code."""
        self.warn("\n".join(str(problem) for problem in error.problems))
        return error.exit_code

    def _asked_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked.is_set():
            self._leave()
        self._asked.set()
        # what cannot be broken off (a compiler, a drawing) must not hold the user longer than promised;
        # every commit is atomic and every child holds a lifeline, so leaving loses nothing
        self._deadline = threading.Timer(LEAVE_S, self._leave)
        self._deadline.daemon = True
        self._deadline.start()

    def _leave(self) -> NoReturn:
        if self._drawn:
            self._err.write("\x1b[?25h\n")
            self._err.flush()
        os._exit(EXIT_INTERRUPTED)

    def _say(self, line: str) -> None:
        self._write(self._err, line)

    def _say_stopping(self) -> None:
        if self._asked.is_set() and not self._said_stopping:
            self._said_stopping = True
            self._say(STOPPING)

    def _write(self, stream: Lasting, text: str) -> None:
        if text:
            stream.write(text.rstrip("\n") + "\n")
            stream.flush()

    def _live_view(self) -> Live:
        if self._live is None:
            self._live = Live(console=self._console, refresh_per_second=5, vertical_overflow="crop")
            self._live.start()
        return self._live

    def _end_live(self) -> None:
        if self._live is not None:
            self._live.update(self._picture())
            self._live.stop()
            self._live = None

    def _picture(self) -> RenderableType:
        narrow = self._console.width < NARROW
        rows = Table.grid(padding=(0, 1), expand=False)
        for name in self._board.names():
            rows.add_row(*_row(name, self._board.stages.get(name), narrow))
        parts: list[RenderableType] = [rows]
        if live := self._board.live(self._clock()):
            parts.append(_figures(live, narrow))
        if self._asked.is_set():
            parts.append(Text(STOPPING, style="yellow"))
        return Group(*parts)


def _row(name: str, stage: Stage | None, narrow: bool) -> list[RenderableType]:
    if stage is None:
        return [Text(name, style="dim", overflow="ellipsis", no_wrap=True)]
    mark = Text(name, style="green" if stage.finished else "bold", overflow="ellipsis", no_wrap=True)
    share = stage.share
    text = Text(stage.text, overflow="ellipsis", no_wrap=True)
    if narrow:
        return [mark, Text(units.percent(round(share or 0.0, 2)), no_wrap=True), text]
    bar = ProgressBar(total=1.0, completed=share or 0.0, width=20, pulse=share is None)
    return [mark, bar, Text(_time(stage), style="dim", no_wrap=True), text]


def _time(stage: Stage) -> str:
    if stage.finished:
        return units.duration(round(stage.took_s, 1))
    left_s = stage.left_s()
    return "" if left_s is None else f"left {units.duration(round(left_s))}"


def _figures(stage: Stage, narrow: bool) -> RenderableType:
    """The live figures of a running replay, names over values."""
    pairs = named(stage.figures)
    if narrow:
        return Text("\n".join(f"{name} {value}" for name, value in pairs), overflow="ellipsis", no_wrap=True)
    grid = Table.grid(padding=(0, 2))
    wide = 5
    for at in range(0, len(pairs), wide):
        part = pairs[at : at + wide]
        grid.add_row(*(Text(name, style="dim", no_wrap=True) for name, _ in part))
        grid.add_row(*(Text(value, style="bold", no_wrap=True) for _, value in part))
    return grid
