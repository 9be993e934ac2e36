"""The operating system's own calls and settings: as gevent found them, not as it left them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from loadtests.replay.compiling import compiled

_PR_SET_TIMERSLACK = 29
_OTHER_DESCRIPTORS = 64
_NICE = -10


@dataclass(frozen=True)
class Kernel:
    """`socket` makes sockets, `epoll` an epoll object; `select` sleeps microseconds where epoll sleeps ms;
    `compiled`: whether turns can be taken in compiled code now."""

    socket: type[socket.socket]
    epoll: Callable[[], Any]
    select: Callable[..., Any]
    compiled: Callable[[], bool]


def plain_kernel() -> Kernel:
    """The calls of a process that nobody patched."""
    return Kernel(socket.socket, select.epoll, select.select, compiled)


def wake_on_time() -> None:
    """Let this thread's sleeps end when they should: Linux adds up to 50 us to each unless told not to."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)


def go_first() -> None:
    """Run before others that want the processor, where this user may (root): lateness is our fault, and the
    generator's own needs are the same whether it waits or not. Not in real time: a target on the same machine
    would be starved by what loads it."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)


def affordable_connections(wanted: int) -> int:
    """Raise this process's limit of descriptors as far as it may; the connections that then fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_DESCRIPTORS
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - _OTHER_DESCRIPTORS))
