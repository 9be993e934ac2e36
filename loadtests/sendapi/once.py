"""Idempotency keys: one key, one answer, its messages stored once - also after a crash, for KEPT_S.

The record of an answer is stored in the transaction that stores its messages, under a hash of the route, the
caller's authorization and the key. Only successes are kept: what was refused may be sent again, mended.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from loadtests.sendapi.answer import Answer, Asked, Wire
from loadtests.sendapi.blocks import Once

HEADER = b"idempotency-key"
KEPT_S = 24 * 3600.0
LENGTH_MAX = 255
BAD_KEY = f"the Idempotency-Key must have 1 to {LENGTH_MAX} visible ASCII characters"
OTHER_BODY = "this Idempotency-Key was used for another request"


class _Record(msgspec.Struct, frozen=True, array_like=True):
    """The first answer, and a hash of the body that it was given for."""

    body_hash: bytes
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Record).decode


def is_good(key: bytes) -> bool:
    """Whether a key may be used."""
    return 0 < len(key) <= LENGTH_MAX and all(0x20 < letter < 0x7F for letter in key)


def once_of(asked: Asked, key: bytes, body: bytes, answer: Answer) -> Once:
    """What is to be kept of a request that would be answered so."""
    whose = b"\0".join((asked.path.encode(), asked.headers.get(b"authorization", b""), key))
    record = _Record(_hash(body), answer.status, answer.headers, answer.body)
    return Once(_hash(whose), _encode(record), KEPT_S)


def answer_again(wire: Wire, earlier: bytes, body: bytes) -> Answer:
    """The answer that the key had before; 422 where it came with another body."""
    record = _decode(earlier)
    if record.body_hash != _hash(body):
        return wire.told(422, OTHER_BODY, [])
    return Answer(record.status, record.headers, record.body)


def _hash(text: bytes) -> bytes:
    return blake2b(text, digest_size=16).digest()
