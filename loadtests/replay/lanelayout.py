"""The arrays that Python and the compiled turn share: which column means what."""

from __future__ import annotations

import platform
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from loadtests.replay.pauses import Ints

# Of `s`, the state: positions in the queue (they only grow: HEAD waits longest, from PICKED on nothing is
# due, at TAIL it ends), numbers, and addresses of the arrays that the system writes into.
HEAD, PICKED, TAIL, FREE, BUSY, FILLED, ODDS = range(7)
UNTIL_NS, SPIN_NS, RESERVED, OPENING, MORE, EPOLL, EVENTS_AT, INBOX_AT, TEXTS_AT, TIME_AT = range(7, 17)
SEALED_AT, POINTER_AT = range(17, 19)
STATE = 19

# A row of the queue: a send, when it was picked, its stencil (-1: none) or the bytes that it is in.
DUE_NS, REQUEST, FIRST_ID, MESSAGES, STREAM, PICKED_NS, STENCIL, BYTES_AT, BYTES = range(9)
QUEUE = 9
# A row of `held`, by descriptor: what the connection carries. The first columns are those of the queue; the
# last are OpenSSL's own, its SSL and the BIOs that it reads and writes, 0 where there is no TLS.
STARTED_NS, OWNER, SERVED, TLS, INCOMING, OUTGOING = range(6, 12)
HELD = 12
PYTHONS, IDLE, CARRIES = range(3)
"""OWNER: the connection is Python's, or the lane's without a send, or with one."""

# A row of `odd`: what is put aside. READ: bytes read, or an error below 0. READ_ON: the same, and OpenSSL has
# more to tell. WRITTEN: the same of a request. NEWS: events of the epoll.
KIND, DESCRIPTOR, VALUE, PLACE = range(4)
READ, READ_ON, WRITTEN, NEWS = range(4)
CUT_OFF, TLS_FAILED = -10_001, -10_002
"""Errors that the C library has no number for: a close without TLS's farewell, and whatever OpenSSL says."""

# Of `calls`: where OpenSSL's functions are, as `libssl.CALLED` has them.
CLEAR_ERRORS, SSL_WRITE, SSL_READ, GET_ERROR, BIO_WRITE, BIO_READ, BIO_CTRL, BIO_PENDING = range(8)
CALLS = 8

# A row of `stencils`: where its text is, its first place, how many. Of `places`: position, what is added.
TEXT_AT, TEXT_BYTES, FIRST_PLACE, PLACES = range(4)

EVENTS_AT_ONCE = 32
"""Few, so that a send that becomes due waits for few others' answers."""
STARTS_AT_ONCE = 32
ANSWER_BYTES = 16384
"""Read at once from a socket."""
ROOM_BYTES = 2 * ANSWER_BYTES
"""For an answer: a record of TLS whose first part came before may come to its end."""
EVENT_INTS, EVENT_FD = (3, 1) if platform.machine() == "x86_64" else (4, 2)
"""struct epoll_event in 32-bit integers: packed on x86_64 alone."""

Bytes = npt.NDArray[np.uint8]


class Arrays(NamedTuple):
    """s: int64 (STATE,). queue, held, odd, stencils, places: int64 rows of the columns above; `queue` is a
    ring of a power of two. free: int64, descriptors of connections without a send, the last used last. rows:
    int64, rows.ROW. events: int32, epoll_event. inbox: uint8, ROOM_BYTES for each event. texts: uint8.
    accepts: uint8 (streams, statuses). time: int64, two timespecs: the clock's and the wait's. sealed: uint8,
    ANSWER_BYTES, what is still encrypted. pointer: int64, one that OpenSSL gives out. calls: int64 (CALLS,).
    """

    s: Ints
    queue: Ints
    held: Ints
    free: Ints
    rows: Ints
    odd: Ints
    events: npt.NDArray[np.int32]
    inbox: Bytes
    texts: Bytes
    stencils: Ints
    places: Ints
    accepts: Bytes
    time: Ints
    sealed: Bytes
    pointer: Ints
    calls: Ints


def arrays(rows: Ints, queue: int, descriptors: int, accepts: Bytes) -> Arrays:
    """All of them, empty, with the addresses that the system writes to."""

    def ints(*shape: int) -> Ints:
        return np.zeros(shape, dtype=np.int64)

    made = Arrays(
        s=ints(STATE),
        queue=ints(queue, QUEUE),
        held=ints(descriptors, HELD),
        free=ints(descriptors),
        rows=rows,
        odd=ints(2 * EVENTS_AT_ONCE, 4),
        events=np.zeros(EVENTS_AT_ONCE * EVENT_INTS, dtype=np.int32),
        inbox=np.zeros(EVENTS_AT_ONCE * ROOM_BYTES, dtype=np.uint8),
        texts=np.zeros(1, dtype=np.uint8),
        stencils=ints(1, 4),
        places=ints(1, 2),
        accepts=accepts,
        time=ints(4),
        sealed=np.zeros(ANSWER_BYTES, dtype=np.uint8),
        pointer=ints(1),
        calls=ints(CALLS),
    )
    written: list[npt.NDArray[Any]] = [made.events, made.inbox, made.time, made.sealed, made.pointer]
    addresses = (EVENTS_AT, INBOX_AT, TIME_AT, SEALED_AT, POINTER_AT)
    for address, array in zip(addresses, written, strict=True):
        made.s[address] = array.ctypes.data
    return made
