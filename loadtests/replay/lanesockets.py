"""Writing to and reading from a connection in compiled code: as it is, or through OpenSSL's memory."""

from __future__ import annotations

from errno import EAGAIN
from typing import Any

from loadtests.replay.lanecalls import (
    errno_at,
    of_buffer,
    of_control,
    of_nothing,
    of_number,
    of_one,
    recv,
    send,
)
from loadtests.replay.lanelayout import (
    ANSWER_BYTES,
    BIO_CTRL,
    BIO_PENDING,
    BIO_READ,
    BIO_WRITE,
    CLEAR_ERRORS,
    CUT_OFF,
    GET_ERROR,
    INBOX_AT,
    INCOMING,
    OUTGOING,
    POINTER_AT,
    ROOM_BYTES,
    SEALED_AT,
    SSL_READ,
    SSL_WRITE,
    TLS,
    TLS_FAILED,
    Arrays,
)
from sim.pipeline.kernelcache import part

NOTHING = -EAGAIN
_DONTWAIT_NOSIGNAL = 0x40 | 0x4000
_PIECE_BYTES = 32768
"""Encrypted and sent at once, two records: a connection keeps what it needed for the most it ever had to."""
_BIO_CTRL_INFO = 3
_WANT_READ, _ZERO_RETURN = 2, 6


@part
def write(a: Arrays, fd: Any, at: Any, length: Any) -> Any:
    """Write a request of so many bytes at an address: how many are gone, below 0 an error; whether the socket
    took all. (TLS: how many are encrypted; the socket may not have taken all of these.)"""
    if a.held[fd, TLS] != 0:
        return _write_sealed(a, fd, at, length)
    written = send(fd, at, length, _DONTWAIT_NOSIGNAL)
    return (written if written >= 0 else -errno_at()[0]), written == length


@part
def read(a: Arrays, fd: Any, at: Any) -> Any:
    """Read what came into the inbox from `at` on: how many bytes, 0 at the end, below 0 an error or NOTHING;
    whether OpenSSL has more to tell."""
    if a.held[fd, TLS] != 0:
        return _read_sealed(a, fd, at)
    got = recv(fd, a.s[INBOX_AT] + at, ANSWER_BYTES, _DONTWAIT_NOSIGNAL)
    return (got if got >= 0 else -errno_at()[0]), False


@part
def _write_sealed(a: Arrays, fd: Any, at: Any, length: Any) -> Any:
    calls, tls = a.calls, a.held[fd, TLS]
    done = 0
    while done < length:
        size = min(length - done, _PIECE_BYTES)
        of_nothing(calls[CLEAR_ERRORS], ())
        if of_buffer(calls[SSL_WRITE], (tls, at + done, size)) != size:
            return TLS_FAILED, False
        done += size
        failed = _put_out(a, fd)
        if failed != 0:
            return (done if failed == NOTHING else failed), False
    return done, True


@part
def _put_out(a: Arrays, fd: Any) -> Any:
    """Send what OpenSSL has for the other side: 0 where that was all, NOTHING where the socket took a part,
    else an error."""
    calls, outgoing = a.calls, a.held[fd, OUTGOING]
    ready = of_control(calls[BIO_CTRL], (outgoing, _BIO_CTRL_INFO, 0, a.s[POINTER_AT]))
    if ready <= 0:
        return 0
    sent = send(fd, a.pointer[0], ready, _DONTWAIT_NOSIGNAL)
    if sent < 0:
        return -errno_at()[0]
    left = sent
    while left > 0:
        left -= of_buffer(calls[BIO_READ], (outgoing, a.s[SEALED_AT], min(left, ANSWER_BYTES)))
    return 0 if sent == ready else NOTHING


@part
def _read_sealed(a: Arrays, fd: Any, at: Any) -> Any:
    calls, sealed_at = a.calls, a.s[SEALED_AT]
    came = recv(fd, sealed_at, ANSWER_BYTES, _DONTWAIT_NOSIGNAL)
    if came <= 0:
        return (CUT_OFF if came == 0 else -errno_at()[0]), False
    of_buffer(calls[BIO_WRITE], (a.held[fd, INCOMING], sealed_at, came))
    got, error = _opened(a, fd, at)
    if error != 0 and error != _ZERO_RETURN and error != _WANT_READ:
        return TLS_FAILED, False
    if error == _ZERO_RETURN and got == 0:
        return 0, False
    is_left = of_one(calls[BIO_PENDING], (a.held[fd, INCOMING],)) != 0 or _put_out(a, fd) != 0
    has_more = error == _ZERO_RETURN or is_left
    return (got if got > 0 or has_more else NOTHING), has_more


@part
def _opened(a: Arrays, fd: Any, at: Any) -> Any:
    """Decrypt all that came: how many bytes, and OpenSSL's error where that stopped it."""
    calls, tls, incoming = a.calls, a.held[fd, TLS], a.held[fd, INCOMING]
    got = 0
    while got < ROOM_BYTES:
        of_nothing(calls[CLEAR_ERRORS], ())
        more = of_buffer(calls[SSL_READ], (tls, a.s[INBOX_AT] + at + got, ROOM_BYTES - got))
        if more <= 0:
            return got, of_number(calls[GET_ERROR], (tls, more))
        got += more
        if of_one(calls[BIO_PENDING], (incoming,)) == 0:
            return got, 0
    return got, 0
