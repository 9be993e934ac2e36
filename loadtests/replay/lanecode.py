"""One turn of a replay in compiled code, for requests and answers that are ordinary; all else is put aside.

It waits, reads, recognises, records, picks what is due and writes, by the C library's own calls, on the
arrays of `lanelayout`; it decides nothing that Python would decide otherwise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite.binding import get_host_cpu_name

from loadtests.replay import answercode, lanecalls, lanelayout, lanesockets
from loadtests.replay.answercode import STATUSES, ordinary
from loadtests.replay.lanecalls import clock_gettime, errno_at, syscall
from loadtests.replay.lanelayout import (
    BUSY,
    BYTES,
    BYTES_AT,
    CARRIES,
    DUE_NS,
    EPOLL,
    EVENT_FD,
    EVENT_INTS,
    EVENTS_AT,
    EVENTS_AT_ONCE,
    FILLED,
    FIRST_ID,
    FIRST_PLACE,
    FREE,
    HEAD,
    IDLE,
    MESSAGES,
    MORE,
    NEWS,
    ODDS,
    OPENING,
    OWNER,
    PICKED,
    PICKED_NS,
    PLACES,
    READ,
    READ_ON,
    REQUEST,
    RESERVED,
    ROOM_BYTES,
    SERVED,
    SPIN_NS,
    STARTED_NS,
    STARTS_AT_ONCE,
    STENCIL,
    STREAM,
    TAIL,
    TEXT_AT,
    TEXT_BYTES,
    TEXTS_AT,
    TIME_AT,
    UNTIL_NS,
    WRITTEN,
    Arrays,
)
from loadtests.replay.lanesockets import NOTHING, read, write
from loadtests.replay.rows import FIELDS
from loadtests.replay.stencils import ID_DIGITS
from sim.pipeline.kernelcache import compiled, kept_by, part

_IN = 1
_MONOTONIC = 1
_EPOLL_PWAIT2 = 441
_ACCEPTED = 1
_DIGIT_0 = ord("0")


@part
def _now_ns(a: Arrays) -> Any:
    clock_gettime(_MONOTONIC, a.s[TIME_AT])
    return a.time[0] * 1_000_000_000 + a.time[1]


@part
def _wait(a: Arrays, wait_ns: Any) -> Any:
    """Number of descriptors with news after at most that long; below 0 an error."""
    a.time[2] = wait_ns // 1_000_000_000
    a.time[3] = wait_ns % 1_000_000_000
    s = a.s
    found = syscall(_EPOLL_PWAIT2, s[EPOLL], s[EVENTS_AT], EVENTS_AT_ONCE, s[TIME_AT] + 16, 0, 8)
    return found if found >= 0 else -errno_at()[0]


@part
def _put_aside(a: Arrays, kind: Any, descriptor: Any, value: Any, place: Any) -> None:
    at = a.s[ODDS]
    a.odd[at, 0] = kind
    a.odd[at, 1] = descriptor
    a.odd[at, 2] = value
    a.odd[at, 3] = place
    a.s[ODDS] = at + 1


@part
def _pick(a: Arrays, now_ns: Any) -> None:
    """What is due by now has been reached, whether or not a connection is free for it."""
    s, queue = a.s, a.queue
    mask = queue.shape[0] - 1
    while s[PICKED] < s[TAIL] and queue[s[PICKED] & mask, DUE_NS] <= now_ns:
        queue[s[PICKED] & mask, PICKED_NS] = now_ns
        s[PICKED] += 1


@part
def _fill_in(a: Arrays, stencil: Any, first_id: Any) -> None:
    """Write a request's ids over those of the last one."""
    text_at, first = a.stencils[stencil, TEXT_AT], a.stencils[stencil, FIRST_PLACE]
    for place in range(first, first + a.stencils[stencil, PLACES]):
        rest = first_id + a.places[place, 1]
        at = text_at + a.places[place, 0]
        for digit in range(ID_DIGITS - 1, -1, -1):
            a.texts[at + digit] = _DIGIT_0 + rest % 10
            rest //= 10


@part
def _start(a: Arrays, row: Any) -> None:
    """Send the oldest that waits, row `row` of the queue, on the connection that was free last."""
    s, held, queue = a.s, a.held, a.queue
    s[FREE] -= 1
    s[BUSY] += 1
    fd = a.free[s[FREE]]
    at, length, stencil = queue[row, BYTES_AT], queue[row, BYTES], queue[row, STENCIL]
    if stencil >= 0:
        _fill_in(a, stencil, queue[row, FIRST_ID])
        at = s[TEXTS_AT] + a.stencils[stencil, TEXT_AT]
        length = a.stencils[stencil, TEXT_BYTES]
    for column in range(STARTED_NS):
        held[fd, column] = queue[row, column]
    held[fd, OWNER] = CARRIES
    held[fd, STARTED_NS] = _now_ns(a)
    written, all_of_it = write(a, fd, at, length)
    if not all_of_it:
        _put_aside(a, WRITTEN, fd, written, s[HEAD])
    s[HEAD] += 1


@part
def _start_waiting(a: Arrays) -> Any:
    """Start some of what waits; True where one has not been rendered."""
    s = a.s
    mask = a.queue.shape[0] - 1
    for _ in range(STARTS_AT_ONCE):
        if s[HEAD] >= s[PICKED] or s[FREE] == 0 or s[RESERVED]:
            return False
        row = s[HEAD] & mask
        if a.queue[row, STENCIL] < 0 and a.queue[row, BYTES_AT] == 0:
            return True
        _start(a, row)
    return False


@part
def _record(a: Arrays, fd: Any, status: Any, body_bytes: Any) -> None:
    """An answer that accepts everything."""
    s, rows, held = a.s, a.rows, a.held
    at = s[FILLED]
    rows[at, 0] = held[fd, REQUEST]
    rows[at, 1] = 1
    rows[at, 2] = held[fd, PICKED_NS]
    rows[at, 3] = held[fd, STARTED_NS]
    rows[at, 4] = _now_ns(a)
    rows[at, 5] = status
    rows[at, 6] = _ACCEPTED
    rows[at, 7] = 0
    rows[at, 8] = held[fd, MESSAGES]
    rows[at, 9] = body_bytes
    s[FILLED] = at + 1
    held[fd, OWNER] = IDLE
    held[fd, SERVED] += 1
    a.free[s[FREE]] = fd
    s[FREE] += 1
    s[BUSY] -= 1


@part
def _hear(a: Arrays, fd: Any, news: Any, place: Any) -> None:
    """Read an answer and record it; put aside what is none, or none to be taken here."""
    if fd >= a.held.shape[0] or a.held[fd, OWNER] != CARRIES or news != _IN:
        _put_aside(a, NEWS, fd, news, place)
        return
    at = place * ROOM_BYTES
    got, has_more = read(a, fd, at)
    if got == NOTHING:
        return
    status, body_bytes = ordinary(a.inbox, at, at + got) if got > 0 and not has_more else (0, 0)
    if status == 0 or a.accepts[a.held[fd, STREAM], status] == 0:
        _put_aside(a, READ_ON if has_more else READ, fd, got, place)
    else:
        _record(a, fd, status, body_bytes)


@part
def _pause_ns(a: Arrays, now_ns: Any) -> Any:
    """How long there is nothing to do here; 0 also where Python has something to do."""
    s = a.s
    waiting = s[PICKED] - s[HEAD]
    if waiting > s[OPENING] or (s[FREE] > 0 and (waiting > 0 or s[RESERVED] != 0)):
        return 0
    until_ns = s[UNTIL_NS]
    if s[PICKED] < s[TAIL]:
        until_ns = min(until_ns, a.queue[s[PICKED] & (a.queue.shape[0] - 1), DUE_NS])
    elif s[MORE]:
        return 0
    return max(0, until_ns - s[SPIN_NS] - now_ns)


@part
def _is_over(a: Arrays, now_ns: Any) -> Any:
    s = a.s
    if s[ODDS] > 0 or now_ns >= s[UNTIL_NS] or s[FILLED] + EVENTS_AT_ONCE > a.rows.shape[0]:
        return True
    if s[PICKED] - s[HEAD] > s[OPENING] and s[FREE] == 0:
        return True
    return (s[PICKED] == s[TAIL] and s[MORE] != 0) or (s[RESERVED] != 0 and s[FREE] > 0)


def _turn(a: Arrays) -> Any:
    """Go on until UNTIL_NS, or until Python has something to do. An error of the epoll, or 0."""
    a.s[ODDS] = 0
    while True:
        now_ns = _now_ns(a)
        _pick(a, now_ns)
        unrendered = _start_waiting(a)
        if a.s[ODDS] > 0:
            return 0
        found = _wait(a, 0 if unrendered else _pause_ns(a, now_ns))
        if found < 0:
            return -found
        for place in range(found):
            at = place * EVENT_INTS
            _hear(a, a.events[at + EVENT_FD], a.events[at], place)
        if unrendered or _is_over(a, now_ns):
            return 0


_PARTS = (answercode, lanecalls, lanelayout, lanesockets)
_SOURCES = tuple(Path(str(file)) for file in (__file__, *(part.__file__ for part in _PARTS)))
with kept_by(*_SOURCES):
    turn = compiled(_turn, waits=True)


def mark() -> Path | None:
    """The file that stands where this code is kept compiled for this machine; None: nowhere."""
    if not numba.config.CACHE_DIR:
        return None
    return Path(numba.config.CACHE_DIR) / f"replay-{identity(_SOURCES)}"


def identity(sources: Sequence[Path]) -> str:
    """What numba knows compiled code again by: itself, this processor, the sources - of the first, which is
    the compiled function's, also where it lies and when it was written."""
    own = sources[0].stat()
    machine = (numba.__version__, get_host_cpu_name(), str(sources[0].resolve()), str(own.st_mtime_ns))
    what = [*(word.encode() for word in machine), *(source.read_bytes() for source in sources)]
    return hashlib.sha256(b"/".join(what)).hexdigest()[:16]


def try_on_nothing() -> Any:
    """Compile the turn, or load it, and take one without an epoll; its error, EBADF where all is well."""
    arrays = lanelayout.arrays(
        np.zeros((EVENTS_AT_ONCE, FIELDS), dtype=np.int64), 1, 1, np.zeros((1, STATUSES), dtype=np.uint8)
    )
    arrays.s[EPOLL] = -1
    return turn(arrays)
