"""One turn of a replay in compiled code, for requests and answers that are ordinary; all else is put aside.

Its arrays are laid out here and filled by `lane`. It waits, reads, recognises, records, picks what is due and
writes, by the C library's own calls; it decides nothing that Python would decide otherwise. All in one file:
numba keeps compiled code by the file that it was made from.
"""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from sim.pipeline.kernelcache import compiled, part

Ints = npt.NDArray[np.int64]

# Of `s`, the state: positions in the queue (they only grow: HEAD waits longest, from PICKED on nothing is
# due, at TAIL it ends), numbers, and addresses of the arrays that the system writes into.
HEAD, PICKED, TAIL, FREE, BUSY, FILLED, ODDS = range(7)
UNTIL_NS, SPIN_NS, RESERVED, OPENING, MORE, EPOLL, EVENTS_AT, INBOX_AT, TEXTS_AT, TIME_AT = range(7, 17)
STATE = 17

# A row of the queue: a send, when it was picked, its stencil (-1: none) or the bytes that it is in.
DUE_NS, REQUEST, FIRST_ID, MESSAGES, STREAM, PICKED_NS, STENCIL, BYTES_AT, BYTES = range(9)
QUEUE = 9
# A row of `held`, by descriptor: what the connection carries. The first columns are those of the queue.
STARTED_NS, OWNER, SERVED = range(6, 9)
HELD = 9
PYTHONS, IDLE, CARRIES = range(3)
"""OWNER: the connection is Python's, or the lane's without a send, or with one."""

# A row of `odd`: what is put aside. READ: bytes read, or an error below 0. WRITTEN: the same of a request.
# NEWS: events of the epoll.
KIND, DESCRIPTOR, VALUE, PLACE = range(4)
READ, WRITTEN, NEWS = range(3)

# A row of `stencils`: where its text is, its first place, how many. Of `places`: position, what is added.
TEXT_AT, TEXT_BYTES, FIRST_PLACE, PLACES = range(4)

EVENTS_AT_ONCE = 32
"""Few, so that a send that becomes due waits for few others' answers."""
STARTS_AT_ONCE = 32
ANSWER_BYTES = 16384
DIGITS = 12
STATUSES = 600
EVENT_INTS, EVENT_FD = (3, 1) if platform.machine() == "x86_64" else (4, 2)
"""struct epoll_event in 32-bit integers: packed on x86_64 alone."""

_IN = 1
_DONTWAIT_NOSIGNAL = 0x40 | 0x4000
_MONOTONIC = 1
_EPOLL_PWAIT2 = 441
_CR, _LF, _SPACE, _ZERO, _NINE = b"\r\n 09"
_VERSION = np.frombuffer(b"http/1.1 ", dtype=np.uint8)
_LENGTH = np.frombuffer(b"content-length:", dtype=np.uint8)
_CONNECTION = np.frombuffer(b"connection:", dtype=np.uint8)
_KEEP_ALIVE = np.frombuffer(b"keep-alive\r", dtype=np.uint8)
_ENCODING = np.frombuffer(b"transfer-encoding:", dtype=np.uint8)
_LENGTH_DIGITS_MAX = 9
_ACCEPTED = 1

_int, _long = types.int32, types.int64
_clock_gettime = types.ExternalFunction("clock_gettime", _int(_int, _long))
_recv = types.ExternalFunction("recv", _long(_int, _long, _long, _int))
_send = types.ExternalFunction("send", _long(_int, _long, _long, _int))
_syscall = types.ExternalFunction("syscall", _long(_long, _long, _long, _long, _long, _long, _long))
_errno_at = types.ExternalFunction("__errno_location", types.CPointer(_int)())


@part
def _now_ns(s: Ints, time: Ints) -> Any:
    _clock_gettime(_MONOTONIC, s[TIME_AT])
    return time[0] * 1_000_000_000 + time[1]


@part
def _wait(s: Ints, time: Ints, wait_ns: Any) -> Any:
    """Number of descriptors with news after at most that long; below 0 an error."""
    time[2] = wait_ns // 1_000_000_000
    time[3] = wait_ns % 1_000_000_000
    found = _syscall(_EPOLL_PWAIT2, s[EPOLL], s[EVENTS_AT], EVENTS_AT_ONCE, s[TIME_AT] + 16, 0, 8)
    return found if found >= 0 else -_errno_at()[0]


@part
def _put_aside(s: Ints, odd: Ints, kind: Any, descriptor: Any, value: Any, place: Any) -> None:
    row = odd[s[ODDS]]
    row[KIND] = kind
    row[DESCRIPTOR] = descriptor
    row[VALUE] = value
    row[PLACE] = place
    s[ODDS] += 1


@part
def _pick(s: Ints, queue: Ints, now_ns: Any) -> None:
    """What is due by now has been reached, whether or not a connection is free for it."""
    mask = queue.shape[0] - 1
    while s[PICKED] < s[TAIL] and queue[s[PICKED] & mask, DUE_NS] <= now_ns:
        queue[s[PICKED] & mask, PICKED_NS] = now_ns
        s[PICKED] += 1


@part
def _fill_in(texts: Any, stencils: Ints, places: Ints, stencil: Any, first_id: Any) -> None:
    """Write a request's ids over those of the last one."""
    text_at, first = stencils[stencil, TEXT_AT], stencils[stencil, FIRST_PLACE]
    for place in range(first, first + stencils[stencil, PLACES]):
        rest = first_id + places[place, 1]
        at = text_at + places[place, 0]
        for digit in range(DIGITS - 1, -1, -1):
            texts[at + digit] = _ZERO + rest % 10
            rest //= 10


@part
def _start(
    s: Ints,
    row: Ints,
    held: Ints,
    free: Ints,
    odd: Ints,
    texts: Any,
    stencils: Ints,
    places: Ints,
    time: Ints,
) -> None:
    """Send the oldest that waits on the connection that was free last."""
    s[FREE] -= 1
    s[BUSY] += 1
    fd = free[s[FREE]]
    at, length = row[BYTES_AT], row[BYTES]
    if row[STENCIL] >= 0:
        _fill_in(texts, stencils, places, row[STENCIL], row[FIRST_ID])
        at = s[TEXTS_AT] + stencils[row[STENCIL], TEXT_AT]
        length = stencils[row[STENCIL], TEXT_BYTES]
    job = held[fd]
    for column in range(STARTED_NS):
        job[column] = row[column]
    job[OWNER] = CARRIES
    job[STARTED_NS] = _now_ns(s, time)
    written = _send(fd, at, length, _DONTWAIT_NOSIGNAL)
    if written != length:
        _put_aside(s, odd, WRITTEN, fd, written if written >= 0 else -_errno_at()[0], s[HEAD])
    s[HEAD] += 1


@part
def _begins(data: Any, at: Any, end: Any, wanted: Any) -> Any:
    """Whether a line that starts at `at` begins so, in small letters or large."""
    if at + wanted.size > end:
        return False
    for i in range(wanted.size):
        letter = data[at + i]
        if letter >= 65 and letter <= 90:
            letter += 32
        if letter != wanted[i]:
            return False
    return True


@part
def _length_from(data: Any, at: Any, end: Any) -> Any:
    """A header's value that is a few digits and nothing else; -1 for anything else."""
    if at < end and data[at] == _SPACE:
        at += 1
    first, number = at, 0
    while at < end and data[at] >= _ZERO and data[at] <= _NINE:
        number = number * 10 + (data[at] - _ZERO)
        at += 1
    if at == first or at > first + _LENGTH_DIGITS_MAX or at >= end or data[at] != _CR:
        return -1
    return number


@part
def _body_from(data: Any, at: Any, end: Any, length: Any) -> Any:
    """From the CR of the status line: where the body begins; -1 where one of the headers or the body's
    length (which is `length` where that is not -1) is not what it mostly is."""
    while at + 4 <= end:
        if data[at] != _CR or data[at + 1] != _LF:
            at += 1
            continue
        at += 2
        if data[at] == _CR and data[at + 1] == _LF:
            return at + 2 if end - at - 2 == length else -1
        if _begins(data, at, end, _LENGTH):
            if length != -1:
                return -1
            length = _length_from(data, at + _LENGTH.size, end)
            if length < 0:
                return -1
        elif _begins(data, at, end, _ENCODING) or (
            _begins(data, at, end, _CONNECTION) and not _begins(data, at + _CONNECTION.size, end, _KEEP_ALIVE)
        ):
            return -1
    return -1


@part
def ordinary(data: Any, at: Any, end: Any) -> Any:
    """The status of an answer that is whole, of a stated length, and keeps the connection; 0: Python must
    look. `http1.Inbox` says the same of each one that this takes."""
    if at + 13 > end or not _begins(data, at, end, _VERSION):
        return 0
    status = 0
    for digit in range(at + 9, at + 12):
        if data[digit] < _ZERO or data[digit] > _NINE:
            return 0
        status = status * 10 + (data[digit] - _ZERO)
    if status < 200 or status >= STATUSES or (data[at + 12] != _SPACE and data[at + 12] != _CR):
        return 0
    return status if _body_from(data, at + 12, end, -1) >= 0 else 0


@part
def _hear(
    s: Ints,
    fd: Any,
    news: Any,
    place: Any,
    held: Ints,
    free: Ints,
    rows: Ints,
    odd: Ints,
    inbox: Any,
    accepts: Any,
    time: Ints,
) -> None:
    """Read an answer and record it; put aside what is none, or none to be taken here."""
    owner = held[fd, OWNER] if fd < held.shape[0] else PYTHONS
    if owner != CARRIES or news != _IN:
        _put_aside(s, odd, NEWS, fd, news, place)
        return
    at = place * ANSWER_BYTES
    got = _recv(fd, s[INBOX_AT] + at, ANSWER_BYTES, _DONTWAIT_NOSIGNAL)
    if got < 0:
        got = -_errno_at()[0]
    job = held[fd]
    status = ordinary(inbox, at, at + got) if got > 0 else 0
    if status == 0 or accepts[job[STREAM], status] == 0:
        _put_aside(s, odd, READ, fd, got, place)
        return
    row = rows[s[FILLED]]
    row[0] = job[REQUEST]
    row[1] = 1
    row[2] = job[PICKED_NS]
    row[3] = job[STARTED_NS]
    row[4] = _now_ns(s, time)
    row[5] = status
    row[6] = _ACCEPTED
    row[7] = 0
    row[8] = job[MESSAGES]
    s[FILLED] += 1
    job[OWNER] = IDLE
    job[SERVED] += 1
    free[s[FREE]] = fd
    s[FREE] += 1
    s[BUSY] -= 1


@part
def _start_waiting(
    s: Ints,
    queue: Ints,
    held: Ints,
    free: Ints,
    odd: Ints,
    texts: Any,
    stencils: Ints,
    places: Ints,
    time: Ints,
) -> Any:
    """Start some of what waits; True where one has not been rendered."""
    mask = queue.shape[0] - 1
    for _ in range(STARTS_AT_ONCE):
        if s[HEAD] >= s[PICKED] or s[FREE] == 0 or s[RESERVED]:
            return False
        row = queue[s[HEAD] & mask]
        if row[STENCIL] < 0 and row[BYTES_AT] == 0:
            return True
        _start(s, row, held, free, odd, texts, stencils, places, time)
    return False


@part
def _pause_ns(s: Ints, queue: Ints, now_ns: Any) -> Any:
    """How long there is nothing to do here; 0 also where Python has something to do."""
    waiting = s[PICKED] - s[HEAD]
    if (s[FREE] > 0 and (waiting > 0 or s[RESERVED])) or waiting > s[OPENING]:
        return 0
    until_ns = s[UNTIL_NS]
    if s[PICKED] < s[TAIL]:
        until_ns = min(until_ns, queue[s[PICKED] & (queue.shape[0] - 1), DUE_NS])
    elif s[MORE]:
        return 0
    return max(0, until_ns - s[SPIN_NS] - now_ns)


@part
def _is_over(s: Ints, rows: Ints, now_ns: Any) -> Any:
    waiting = s[PICKED] - s[HEAD]
    if s[ODDS] > 0 or now_ns >= s[UNTIL_NS] or s[FILLED] + EVENTS_AT_ONCE > rows.shape[0]:
        return True
    if waiting > s[OPENING] and s[FREE] == 0:
        return True
    return (s[PICKED] == s[TAIL] and s[MORE] != 0) or (s[RESERVED] != 0 and s[FREE] > 0)


@compiled
def turn(
    s: Ints,
    queue: Ints,
    held: Ints,
    free: Ints,
    rows: Ints,
    odd: Ints,
    events: Any,
    inbox: Any,
    texts: Any,
    stencils: Ints,
    places: Ints,
    accepts: Any,
    time: Ints,
) -> int:
    """Go on until UNTIL_NS, or until Python has something to do. An error of the epoll, or 0."""
    s[ODDS] = 0
    while True:
        now_ns = _now_ns(s, time)
        _pick(s, queue, now_ns)
        unrendered = _start_waiting(s, queue, held, free, odd, texts, stencils, places, time)
        if s[ODDS] > 0:
            return 0
        found = _wait(s, time, 0 if unrendered else _pause_ns(s, queue, now_ns))
        if found < 0:
            return -found
        for place in range(found):
            at = place * EVENT_INTS
            _hear(s, events[at + EVENT_FD], events[at], place, held, free, rows, odd, inbox, accepts, time)
        if unrendered or _is_over(s, rows, now_ns):
            return 0


def try_on_nothing() -> Any:
    """Compile the turn, or load it, and take one without an epoll; its error, EBADF where all is well."""

    def none(*shape: int) -> Ints:
        return np.zeros(shape, dtype=np.int64)

    s, time, events = none(STATE), none(4), np.zeros(EVENTS_AT_ONCE * EVENT_INTS, dtype=np.int32)
    s[EPOLL], s[EVENTS_AT], s[TIME_AT] = -1, events.ctypes.data, time.ctypes.data
    rows, texts, accepts = none(EVENTS_AT_ONCE, 9), np.zeros(1, np.uint8), np.zeros((1, STATUSES), np.uint8)
    arrays = (none(1, QUEUE), none(1, HELD), none(1), rows, none(1, 4), events, texts, texts, none(1, 4))
    return turn(s, *arrays, none(1, 2), accepts, time)
