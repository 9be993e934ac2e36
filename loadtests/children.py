"""Child processes that cannot outlive us: own session, lifeline, progress pipe.

The parent holds the write end of the lifeline. When it closes - on purpose, or because the parent was
killed - every child that watches its end leaves within GRACE_S. Commands go down the same pipe as JSON
lines; what the child tells comes up a second pipe as JSON lines.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scenarios.problems import Problem, UserError

GRACE_S = 1.0
ROOM_S = 0.5
"""How often a child that waits for room in its pipe looks again."""
REFUSED = "refused"
LIFELINE = "PEAKDAY_LIFELINE_FD"
PROGRESS = "PEAKDAY_PROGRESS_FD"
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "NUMBA_CACHE_DIR", "PYTHONPATH", "VIRTUAL_ENV")


class ChildFailed(Exception):  # noqa: N818 - the field says "failed"
    """A child left or fell silent before it was asked to; `log_tail` is the end of what it printed."""

    def __init__(self, name: str, reason: str, log_tail: str) -> None:
        self.name = name
        self.log_tail = log_tail
        super().__init__(f"{name}: {reason}" + (f"\n{log_tail}" if log_tail else ""))


class Lines:
    """JSON lines from a file descriptor, cut out of whatever pieces arrive."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.closed = False
        self._pending = b""
        self._ready: list[dict[str, Any]] = []

    def read(self, timeout_s: float) -> dict[str, Any] | None:
        """The next message, or None when none came in time or the other side is gone."""
        deadline = time.monotonic() + timeout_s
        while not self._ready and not self.closed:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self.fd], [], [], left)[0]:
                return None
            self._feed(os.read(self.fd, 65536))
        return self._ready.pop(0) if self._ready else None

    def _feed(self, data: bytes) -> None:
        if not data:
            self.closed = True
            return
        *lines, self._pending = (self._pending + data).split(b"\n")
        self._ready.extend(json.loads(line) for line in lines if line.strip())


class Child:
    """A running child process. `argv` runs as it is; use `python_module` for one of our own.

    `inherit`: file descriptors that it is given under their own numbers."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        inherit: Sequence[int] = (),
    ) -> None:
        self.name = name
        self.log = log
        life_read, self._life = os.pipe()
        told_read, told_write = os.pipe()
        environment = {k: os.environ[k] for k in KEPT_VARIABLES if k in os.environ}
        environment |= {LIFELINE: str(life_read), PROGRESS: str(told_write)} | dict(env or {})
        try:
            with log.open("ab") as out:
                self.process = subprocess.Popen(
                    list(argv),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    cwd=cwd,
                    pass_fds=(life_read, told_write, *inherit),
                    start_new_session=True,
                )
        except BaseException:
            os.close(self._life)
            os.close(told_read)
            raise
        finally:
            os.close(life_read)
            os.close(told_write)
        self._lines = Lines(told_read)
        self._stopped = False

    def read(self, timeout_s: float) -> dict[str, Any] | None:
        """The next thing the child told; None when nothing came. Raises ChildFailed once it is gone."""
        message = self._lines.read(timeout_s)
        if message is None and self._lines.closed and not self._stopped:
            code = self._wait(GRACE_S)
            raise ChildFailed(self.name, f"left with exit code {code}", self.log_tail())
        return message

    def expect(self, kind: str, timeout_s: float) -> dict[str, Any]:
        """The next message of `kind`; others are passed over. Raises ChildFailed after `timeout_s`, and the
        UserError that the child says it cannot go on for."""
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            message = self.read(left)
            if message is not None and message.get("kind") == REFUSED:
                problems = (Problem(**problem) for problem in message["problems"])
                raise UserError(problems, int(message["exit_code"]))
            if message is not None and message.get("kind") == kind:
                return message
        raise ChildFailed(self.name, f"said no {kind!r} within {timeout_s:g} s", self.log_tail())

    def send(self, message: Mapping[str, Any]) -> None:
        """One command down the lifeline."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._life, json.dumps(message).encode() + b"\n")

    def running(self) -> bool:
        """False once the process has ended."""
        return self.process.poll() is None

    def stop(self, grace_s: float = GRACE_S) -> int:
        """Close the lifeline, wait, and kill the child's whole session if it stays. Its exit code."""
        if not self._stopped:
            self._stopped = True
            os.close(self._life)
            if self._wait(grace_s) is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                self._wait(GRACE_S)
            os.close(self._lines.fd)
        return self.process.returncode if self.process.returncode is not None else -int(signal.SIGKILL)

    def log_tail(self, lines: int = 12) -> str:
        """The last lines that the child printed."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait(self, timeout_s: float) -> int | None:
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None


def python_module(module: str, *arguments: str) -> list[str]:
    """The command line of one of our own modules as a child."""
    return [sys.executable, "-m", module, *arguments]


def _line(kind: str, figures: Mapping[str, Any]) -> bytes:
    return json.dumps({"kind": kind, **figures}).encode() + b"\n"


class Link:
    """The child's side: tell the parent, hear its commands, notice its death."""

    def __init__(self, lifeline_fd: int, progress_fd: int) -> None:
        self.lines = Lines(lifeline_fd)
        self._progress_fd = progress_fd

    def tell(self, kind: str, **figures: Any) -> None:
        """One JSON line up; a parent that is gone is no error here, the lifeline says so.

        On a pipe that was set not to block, a line that a parent fallen behind leaves no room for is lost.
        """
        with contextlib.suppress(BrokenPipeError, BlockingIOError):
            os.write(self._progress_fd, _line(kind, figures))

    def refuse(self, error: UserError) -> None:
        """What the user has to mend before this process can do anything; the parent's `expect` raises it."""
        problems = [asdict(problem) for problem in error.problems]
        self.tell(REFUSED, problems=problems, exit_code=error.exit_code)

    def tell_surely(self, kind: str, **figures: Any) -> None:
        """One JSON line up that waits for room, for as long as the parent lives."""
        line = _line(kind, figures)
        with contextlib.suppress(BrokenPipeError):
            while line:
                try:
                    # Up to PIPE_BUF bytes are written whole or not at all, so that no line is torn.
                    line = line[os.write(self._progress_fd, line[: select.PIPE_BUF]) :]
                except BlockingIOError:
                    select.select([], [self._progress_fd], [], ROOM_S)

    def watch(self, on_command: Callable[[dict[str, Any]], None], on_gone: Callable[[], None]) -> None:
        """Start a daemon thread: commands as they come, then `on_gone` once when the lifeline closes."""

        def listen() -> None:
            while not self.lines.closed:
                message = self.lines.read(3600.0)
                if message is not None:
                    on_command(message)
            on_gone()

        threading.Thread(target=listen, name="lifeline", daemon=True).start()


def link() -> Link | None:
    """The pipes that a parent handed to this process, or None when it was started by hand."""
    if LIFELINE not in os.environ or PROGRESS not in os.environ:
        return None
    lifeline, progress = int(os.environ.pop(LIFELINE)), int(os.environ.pop(PROGRESS))
    os.set_inheritable(lifeline, False)
    os.set_inheritable(progress, False)
    return Link(lifeline, progress)
