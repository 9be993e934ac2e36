"""Which answers are ordinary, in compiled code: those that a send API mostly gives, and nothing unclear."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim.pipeline.kernelcache import part

STATUSES = 600
_CR, _LF, _SPACE, _ZERO, _NINE = b"\r\n 09"
_VERSION = np.frombuffer(b"HTTP/1.1 ", dtype=np.uint8)
_LENGTH = np.frombuffer(b"content-length:", dtype=np.uint8)
_CONNECTION = np.frombuffer(b"connection:", dtype=np.uint8)
_KEEP_ALIVE = np.frombuffer(b" keep-alive\r\n", dtype=np.uint8)
_ENCODING = np.frombuffer(b"transfer-encoding:", dtype=np.uint8)
_LENGTH_DIGITS_MAX = 9
_NO_CONTENT, _NOT_MODIFIED = 204, 304
"""Without a body, whatever they say of its length."""


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
    ends = at + 1 < end and data[at] == _CR and data[at + 1] == _LF
    return number if ends and first < at <= first + _LENGTH_DIGITS_MAX else -1


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
    """Status and bytes of the body of an answer that is whole, of a stated length, and keeps the connection;
    0, 0: Python must look. `http1.Inbox` says the same of each one that this takes."""
    if at + 13 > end:
        return 0, 0
    for i in range(_VERSION.size):
        if data[at + i] != _VERSION[i]:
            return 0, 0
    status = 0
    for digit in range(at + 9, at + 12):
        if data[digit] < _ZERO or data[digit] > _NINE:
            return 0, 0
        status = status * 10 + (data[digit] - _ZERO)
    if status < 200 or status >= STATUSES or status in (_NO_CONTENT, _NOT_MODIFIED):
        return 0, 0
    if data[at + 12] != _SPACE and data[at + 12] != _CR:
        return 0, 0
    body_at = _body_from(data, at + 12, end, -1)
    return (status, end - body_at) if body_at >= 0 else (0, 0)
