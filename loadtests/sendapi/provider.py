"""Carries messages to an HTTP provider on this machine, in the format of any target."""

from __future__ import annotations

import os
import re
import time
import zlib
from collections.abc import Sequence
from urllib.parse import quote

from loadtests.replay.fates import Reply
from loadtests.replay.stencils import ID_DIGITS
from loadtests.sendapi.blocks import Entry, Lane
from loadtests.sendapi.carriers import DELIVERED, Fate
from loadtests.sendapi.loopback import Loopback, Unanswered
from loadtests.targets.credentials import environment
from loadtests.targets.encoding import ESCAPES
from loadtests.targets.frames import OPEN_COUNT, OPEN_ID, Filling, Frame, Rows, frame
from loadtests.targets.rendering import signed
from loadtests.targets.replies import Reader
from loadtests.targets.safety import Address
from loadtests.targets.target import Target
from loadtests.targets.wire import Operation

TIMEOUT_S = 30.0
MARK = "peakdayIdOfOurOwn"
"""Stands where a message's own id goes: letters that no encoding changes."""
_NUMBER = re.compile(r"(\d+)$").search
_OPEN = f"{MARK}-".encode() + OPEN_ID


class HttpCarrier:
    """One target. A message keeps the id that it came with; its recipient is made from it."""

    def __init__(self, target: Target, address: Address, connections: int) -> None:
        self.connections = connections
        self.most = max(_most(operation) for operation in target.operations)
        self._target = target
        self._secrets = environment(target, os.environ)
        self._reader = Reader(target)
        self._client = Loopback(address, TIMEOUT_S)
        self._run_time = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._frames: dict[tuple[int, str, str, str], Frame] = {}

    async def carry(self, lane: Lane, entry: Entry, places: Sequence[int]) -> list[Fate]:
        """As few requests as the target's format allows."""
        index = self._target.operation_for(lane.channel, entry.campaign, lane.priority)
        if index is None:
            return [Fate("never", f"the provider carries no {lane.channel}")] * len(places)
        ids = [entry.ids[place] for place in places]
        most = _most(self._target.operations[index])
        fates: list[Fate] = []
        for at in range(0, len(ids), most):
            fates += await self._ask(index, lane, entry.campaign, ids[at : at + most])
        return fates

    async def close(self) -> None:
        """Hang up."""
        self._client.close_idle()

    async def _ask(self, index: int, lane: Lane, campaign: str, ids: list[str]) -> list[Fate]:
        request = self._rendered(index, lane, campaign, ids)
        try:
            response = await self._client.ask(request)
        except Unanswered as error:
            return [Fate("later", str(error))] * len(ids)
        said = self._reader.read(response.status, response.head, response.body, len(ids), index)
        return [_fate(response.status, *said)] * len(ids)

    def _rendered(self, index: int, lane: Lane, campaign: str, ids: list[str]) -> bytes:
        operation = self._target.operations[index]
        key = (index, lane.channel, campaign, lane.priority)
        found = self._frames.get(key)
        if found is None:
            filling = Filling(lane.channel, campaign, lane.priority, MARK, self._run_time, self._secrets)
            found = self._frames[key] = frame(self._target, operation, filling)
        escape = ESCAPES[operation.body.encoding]
        own = [(escape(one).encode(), _digits(one)) for one in ids]
        body = b"".join(_part(part, own) for part in found.parts)
        head = _closed(found.head, (quote(ids[0], safe="").encode(), own[0][1]), len(ids))
        request = head + b"%d\r\n\r\n" % len(body) + body
        return request if found.signer is None else signed(request, found.signer, time.time())


def _part(part: bytes | Rows, own: list[tuple[bytes, bytes]]) -> bytes:
    if isinstance(part, Rows):
        return part.separator.join(_closed(part.row, one, len(own)) for one in own)
    return _closed(part, own[0], len(own))


def _closed(text: bytes, own: tuple[bytes, bytes], count: int) -> bytes:
    return text.replace(_OPEN, own[0]).replace(OPEN_ID, own[1]).replace(OPEN_COUNT, b"%d" % count)


def _digits(message_id: str) -> bytes:
    """What stands for the customer: the number that an id ends in, else one made from it."""
    number = _NUMBER(message_id)
    value = int(number[1]) if number else zlib.crc32(message_id.encode())
    return b"%0*d" % (ID_DIGITS, value % 10**ID_DIGITS)


def _most(operation: Operation) -> int:
    """One where entries are told of one by one: their order in the answer is the provider's own."""
    return 1 if operation.replies.entries is not None else operation.messages_per_request


def _fate(status: int, reply: Reply, accepted: int, after_s: float | None) -> Fate:  # noqa: ARG001 - as read
    if reply is Reply.ACCEPTED:
        return DELIVERED
    reason = f"{status} {reply.name.lower()}"
    if reply in (Reply.REJECTED, Reply.PARTLY):
        return Fate("never", reason)
    return Fate("later", reason, after_s)
