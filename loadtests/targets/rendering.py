"""A batch of messages to the bytes of one complete HTTP/1.1 request, addressed to nobody real.

One message is one bytes-template; in a large batch numpy overwrites the digits of rows laid out beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from loadtests.targets.frames import ID_DIGITS, OPEN_ID, Filling, Frame, frame
from loadtests.targets.target import Target
from loadtests.targets.wire import Operation
from scenarios.problems import UserError, user_error

ID_MAX = 10**ID_DIGITS - 1
SMALL_BATCH_MAX = 6
TEMPLATES_MAX = 1024
BLOCKS_MAX = 64

_ID = np.dtype((np.void, ID_DIGITS))
_HEAD = np.dtype((np.void, ID_DIGITS - 3))
_THOUSANDS = np.array([list(b"%03d" % n) for n in range(1000)], dtype=np.uint8)


class Renderer:
    """Requests of one target.

    `secrets`: the target's environment variables by name (`credentials.environment`). `run` makes message ids
    unique across runs. Ids count the messages of a run, from 0 to ID_MAX.
    """

    def __init__(self, target: Target, secrets: Mapping[str, str], run: str = "peakday") -> None:
        self.target = target
        self._secrets = dict(secrets)
        self._run = run
        self._template = lru_cache(TEMPLATES_MAX)(self._new_template)
        self._block = lru_cache(BLOCKS_MAX)(self._new_block)

    def render(self, first_id: int, messages: int, channel: str, campaign: str) -> bytes:
        """A complete request for messages first_id … first_id + messages - 1.

        Raises UserError when no operation carries the stream or one request may not hold that many.
        """
        if first_id < 0 or first_id + messages - 1 > ID_MAX:
            raise ValueError(f"message ids go from 0 to {ID_MAX}")
        if messages > SMALL_BATCH_MAX:
            return self._block(channel, campaign).render(first_id, messages)
        template, offsets = self._template(messages, channel, campaign)
        return template % tuple([first_id + offset for offset in offsets])

    def operation(self, channel: str, campaign: str) -> Operation:
        """The operation that carries a stream. Raises UserError when the target has none."""
        index = self.target.operation_for(channel, campaign)
        if index is None:
            raise user_error(
                "no operation of the target carries this stream",
                key="operation.carries",
                found=f"{campaign} ({channel})",
                allowed=", ".join(sorted({name for o in self.target.operations for name in o.carries})),
            )
        return self.target.operations[index]

    def _frame(self, channel: str, campaign: str) -> Frame:
        filling = Filling(channel, campaign, self._run, self._secrets)
        return frame(self.target, self.operation(channel, campaign), filling)

    def _new_template(self, messages: int, channel: str, campaign: str) -> tuple[bytes, tuple[int, ...]]:
        most = self.operation(channel, campaign).messages_per_request
        if not 1 <= messages <= most:
            raise _wrong_batch(messages, most)
        return _template(self._frame(channel, campaign), messages)

    def _new_block(self, channel: str, campaign: str) -> _Block:
        most = self.operation(channel, campaign).messages_per_request
        return _Block(self._frame(channel, campaign), most)


def _template(of: Frame, messages: int) -> tuple[bytes, tuple[int, ...]]:
    """A %-template of the whole request and, for each of its ids, the message's place in the batch."""
    body = of.prefix + of.separator.join([of.row] * messages) + of.suffix
    whole = of.head + b"%d\r\n\r\n" % len(body) + body
    firsts = [0] * (of.head + of.prefix).count(OPEN_ID)
    in_rows = [index for index in range(messages) for _ in range(of.row.count(OPEN_ID))]
    lasts = [0] * of.suffix.count(OPEN_ID)
    template = whole.replace(b"%", b"%%").replace(OPEN_ID, b"%%0%dd" % ID_DIGITS)
    return template, (*firsts, *in_rows, *lasts)


class _Block:
    """A frame with its rows laid out, uint8 (messages_max, row and separator): one copy a request."""

    def __init__(self, of: Frame, messages_max: int) -> None:
        row = of.row + of.separator
        self._frame = of
        self._messages_max = messages_max
        self._row_bytes = len(row)
        rows = np.tile(np.frombuffer(row, dtype=np.uint8), messages_max)
        self._bytes = memoryview(rows.data)
        # numpy moves 12 bytes as one value several times faster than as 12 values
        self._ids = [
            np.ndarray((messages_max,), _ID, rows.data, offset=slot, strides=(len(row),))
            for slot in _positions(row)
        ]
        self._has_outer_ids = OPEN_ID in of.head + of.prefix + of.suffix

    def render(self, first_id: int, messages: int) -> bytes:
        if not 1 <= messages <= self._messages_max:
            raise _wrong_batch(messages, self._messages_max)
        digits = _digits(first_id, messages)
        for ids in self._ids:
            ids[:messages] = digits
        rows = self._bytes[: messages * self._row_bytes - len(self._frame.separator)]
        head, prefix, suffix = self._outer(first_id)
        length = b"%d\r\n\r\n" % (len(prefix) + len(rows) + len(suffix))
        return b"".join((head, length, prefix, rows, suffix))

    def _outer(self, first_id: int) -> tuple[bytes, bytes, bytes]:
        of = self._frame
        if not self._has_outer_ids:
            return of.head, of.prefix, of.suffix
        first = b"%0*d" % (ID_DIGITS, first_id)
        head, prefix, suffix = (part.replace(OPEN_ID, first) for part in (of.head, of.prefix, of.suffix))
        return head, prefix, suffix


def _positions(row: bytes) -> tuple[int, ...]:
    found, at = [], row.find(OPEN_ID)
    while at >= 0:
        found.append(at)
        at = row.find(OPEN_ID, at + ID_DIGITS)
    return tuple(found)


def _digits(first_id: int, messages: int) -> npt.NDArray[np.void]:
    """void12 (messages,): the ids' decimal digits, thousand by thousand."""
    thousand, begin = divmod(first_id, 1000)
    blocks = -(-(begin + messages) // 1000)
    digits = np.empty((blocks * 1000, ID_DIGITS), dtype=np.uint8)
    digits[:, -3:].reshape(blocks, 1000, 3)[:] = _THOUSANDS
    heads = np.ndarray((blocks, 1000), _HEAD, digits.data, strides=(1000 * ID_DIGITS, ID_DIGITS))
    for block in range(blocks):
        heads[block] = np.void(b"%0*d" % (ID_DIGITS - 3, thousand + block))
    whole = digits.view(_ID).reshape(-1)
    return whole[begin : begin + messages]


def _wrong_batch(messages: int, most: int) -> UserError:
    return user_error(
        "one request of this target cannot hold that many messages",
        key="batch",
        found=str(messages),
        allowed=f"1 to {most}",
    )
