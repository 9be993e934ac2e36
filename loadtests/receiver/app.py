"""The receiver of an event webhook as raw ASGI: it takes every post, and records which messages it names."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

import msgspec

from loadtests.arrivals import Found, find
from loadtests.by_reply import found_by
from loadtests.receiver.checking import is_signed
from loadtests.receiver.shapes import BadEvents, Event, Shape, events_of, shape_of
from loadtests.sendapi.answer import NOTHING, Answer, Asked, json_answer
from loadtests.sendapi.asgi import HungUp, Receive, Scope, Send, asked_of, body_of, reply
from loadtests.standin.records import Outcome, Recorder
from loadtests.targets.delivery_words import Delivery

TAKEN = Answer(204, [])


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What a GET says. `posts`: taken; `events`: in them, `repeated` of them posted before; `delivered`:
    different messages; `refused`: posts without a good signature; `unread`: posts that are no such events."""

    peakday: Literal["webhook receiver"] = "webhook receiver"
    posts: int
    events: int
    delivered: int
    repeated: int
    unnamed: int
    refused: int
    unread: int


class App:
    """One receiver. An event that says delivered is kept as DELIVERED, any other as OTHER."""

    def __init__(
        self, delivery: Delivery, key: str, recorder: Recorder, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.repeated = 0
        self.refused = 0
        self.unread = 0
        self._delivery = delivery
        self._shape: Shape = shape_of(delivery)
        self._key = key
        self._recorder = recorder
        self._clock = clock
        self._known: set[int] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return
        at_s = self._clock()
        asked = asked_of(scope)
        if asked.method != "POST":
            await reply(send, scope, json_answer(200, self.counts()))
            return
        try:
            body = await body_of(receive)
        except HungUp:
            return
        await reply(send, scope, self._took(at_s, asked, body or b""))

    def counts(self) -> Counts:
        """The counts now."""
        of = self._recorder
        return Counts(
            posts=of.requests,
            events=of.attempts + self.repeated,
            delivered=of.delivered,
            repeated=self.repeated,
            unnamed=of.unnamed,
            refused=self.refused,
            unread=self.unread,
        )

    def _took(self, at_s: float, asked: Asked, body: bytes) -> Answer:
        if self._key and not is_signed(self._delivery.events, self._key, asked, body):
            self.refused += 1
            return Answer(403, [NOTHING])
        try:
            events = list(events_of(self._shape, body))
        except BadEvents:
            self.unread += 1
            return Answer(400, [NOTHING])
        new = [event for event in events if not self._is_repeated(event.identity)]
        outcomes = [Outcome.DELIVERED if event.delivered else Outcome.OTHER for event in new]
        self._recorder.add(at_s, [self._found(event) for event in new], outcomes, TAKEN.status)
        return TAKEN

    def _found(self, event: Event) -> Found:
        return found_by(event.own) if self._delivery.named_by == "reply" else find(event.text)

    def _is_repeated(self, identity: str) -> bool:
        """Whether an event was posted before: a sender that hears no answer posts it again."""
        if not identity:
            return False
        mark = hash(identity)
        if mark in self._known:
            self.repeated += 1
            return True
        self._known.add(mark)
        return False
