"""A batch of messages to the bytes of one complete HTTP/1.1 request, addressed to nobody real.

One message is one bytes-template; in a large batch numpy overwrites the digits of rows laid out beforehand.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from loadtests.replay.stencils import ID_DIGITS, Stencil
from loadtests.targets.frames import OPEN_COUNT, OPEN_ID, Filling, Frame, Rows, frame
from loadtests.targets.signing import Signer
from loadtests.targets.target import Target
from loadtests.targets.wire import Operation
from scenarios.problems import UserError, user_error

ID_MAX = 10**ID_DIGITS - 1
SMALL_BATCH_MAX = 6
TEMPLATES_MAX = 1024
BLOCKS_MAX = 64
SIGNED_HEADERS = frozenset({"host", "content-type"})

Stream = tuple[str, str, str]
"""Channel, campaign, priority."""

_ID = np.dtype((np.void, ID_DIGITS))
_HEAD = np.dtype((np.void, ID_DIGITS - 3))
_THOUSANDS = np.array([list(b"%03d" % n) for n in range(1000)], dtype=np.uint8)


class Renderer:
    """Requests of one target.

    `secrets`: the target's environment variables by name (`credentials.environment`). `run` makes message ids
    unique across runs. Ids count the messages of a run, from 0 to ID_MAX. `now_s`: seconds since 1970, for
    signatures and for the moment that the run began.
    """

    def __init__(
        self,
        target: Target,
        secrets: Mapping[str, str],
        run: str = "peakday",
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self.target = target
        self._secrets = dict(secrets)
        self._run = run
        self._now_s = now_s
        self._run_time = datetime.fromtimestamp(now_s(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._template = lru_cache(TEMPLATES_MAX)(self._new_template)
        self._block = lru_cache(BLOCKS_MAX)(self._new_block)

    def render(
        self, first_id: int, messages: int, channel: str, campaign: str, priority: str = "marketing"
    ) -> bytes:
        """A complete request for messages first_id … first_id + messages - 1.

        Raises UserError when no operation carries the stream or one request may not hold that many.
        """
        if first_id < 0 or first_id + messages - 1 > ID_MAX:
            raise ValueError(f"message ids go from 0 to {ID_MAX}")
        stream = (channel, campaign, priority)
        form = self._template(messages, stream) if messages <= SMALL_BATCH_MAX else self._block(stream)
        request = form.render(first_id, messages)
        return request if form.signer is None else signed(request, form.signer, self._now_s())

    def stencil(
        self, messages: int, channel: str, campaign: str, priority: str = "marketing"
    ) -> Stencil | None:
        """What `render` fills in for that many messages; None where it does more, as for large batches and
        signatures. Raises UserError as `render` does."""
        if messages > SMALL_BATCH_MAX:
            return None
        return self._template(messages, (channel, campaign, priority)).stencil()

    def operation(self, channel: str, campaign: str, priority: str = "") -> Operation:
        """The operation that carries a stream. Raises UserError when the target has none."""
        index = self.target.operation_for(channel, campaign, priority)
        if index is None:
            raise user_error(
                "no operation of the target carries this stream",
                key="operation.carries",
                found=f"{campaign} ({channel})",
                allowed=", ".join(sorted({name for o in self.target.operations for name in o.carries})),
            )
        return self.target.operations[index]

    def _frame(self, stream: Stream) -> Frame:
        delivery = self.target.delivery
        url = delivery.webhook_url if delivery else ""
        filling = Filling(*stream, self._run, self._run_time, self._secrets, url)
        return frame(self.target, self.operation(*stream), filling)

    def _new_template(self, messages: int, stream: Stream) -> _Template:
        most = self.operation(*stream).messages_per_request
        if not 1 <= messages <= most:
            raise _wrong_batch(messages, most)
        return _Template(self._frame(stream), messages)

    def _new_block(self, stream: Stream) -> _Block:
        most = self.operation(*stream).messages_per_request
        return _Block(self._frame(stream), most)


class _Template:
    """A %-template of the whole request and, for each of its ids, the message's place in the batch."""

    def __init__(self, of: Frame, messages: int) -> None:
        self.signer = of.signer
        count = b"%d" % messages
        head = of.head.replace(OPEN_COUNT, count)
        body, offsets = b"", [0] * head.count(OPEN_ID)
        for part in of.parts:
            if isinstance(part, Rows):
                body += part.separator.join([part.row] * messages).replace(OPEN_COUNT, count)
                offsets += [index for index in range(messages) for _ in range(part.row.count(OPEN_ID))]
            else:
                body += part.replace(OPEN_COUNT, count)
                offsets += [0] * part.count(OPEN_ID)
        whole = head + b"%d\r\n\r\n" % len(body) + body
        self._whole = whole
        self._text = whole.replace(b"%", b"%%").replace(OPEN_ID, b"%%0%dd" % ID_DIGITS)
        self._offsets = tuple(offsets)

    def stencil(self) -> Stencil | None:
        if self.signer is not None:
            return None
        return Stencil(self._whole, tuple(zip(_positions(self._whole), self._offsets, strict=True)))

    def render(self, first_id: int, messages: int) -> bytes:  # noqa: ARG002 - a block's shape
        return self._text % tuple([first_id + offset for offset in self._offsets])


class _Block:
    """A frame with its rows laid out beforehand: one copy a request."""

    def __init__(self, of: Frame, messages_max: int) -> None:
        self.signer = of.signer
        self._head = of.head
        self._messages_max = messages_max
        self._parts = [_RowBlock(p, messages_max) if isinstance(p, Rows) else p for p in of.parts]
        fixed = of.head + b"".join(part for part in of.parts if isinstance(part, bytes))
        self._is_open = OPEN_ID in fixed or OPEN_COUNT in fixed

    def render(self, first_id: int, messages: int) -> bytes:
        if not 1 <= messages <= self._messages_max:
            raise _wrong_batch(messages, self._messages_max)
        digits = _digits(first_id, messages)
        first, count = (b"%0*d" % (ID_DIGITS, first_id), b"%d" % messages)
        parts = [
            part.render(digits, messages) if isinstance(part, _RowBlock) else self._closed(part, first, count)
            for part in self._parts
        ]
        length = b"%d\r\n\r\n" % sum(map(len, parts))
        return b"".join((self._closed(self._head, first, count), length, *parts))

    def _closed(self, part: bytes, first: bytes, count: bytes) -> bytes:
        return part.replace(OPEN_ID, first).replace(OPEN_COUNT, count) if self._is_open else part


class _RowBlock:
    """Rows of one place laid out one after another, each with its separator."""

    def __init__(self, of: Rows, messages_max: int) -> None:
        row = of.row + of.separator
        self._separator = len(of.separator)
        self._row_bytes = len(row)
        rows = np.tile(np.frombuffer(row, dtype=np.uint8), messages_max)
        self._bytes = memoryview(rows.data)
        # numpy moves 12 bytes as one value several times faster than as 12 values
        self._ids = [
            np.ndarray((messages_max,), _ID, rows.data, offset=slot, strides=(len(row),))
            for slot in _positions(row)
        ]

    def render(self, digits: npt.NDArray[np.void], messages: int) -> memoryview:
        for ids in self._ids:
            ids[:messages] = digits
        return self._bytes[: messages * self._row_bytes - self._separator]


def signed(request: bytes, signer: Signer, now_s: float) -> bytes:
    """A request with the headers that sign it, put before its Content-Length."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    method, target, _ = first.split(" ")
    headers = dict(line.split(": ", 1) for line in lines[:-1])
    to_sign = {name: headers[name] for name in headers if name.lower() in SIGNED_HEADERS}
    added = signer.headers(method, target, to_sign, body, now_s)
    lines[-1:-1] = [f"{name}: {value}" for name, value in added.items()]
    return "\r\n".join([first, *lines]).encode("ascii") + b"\r\n\r\n" + body


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
