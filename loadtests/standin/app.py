"""A stand-in provider as raw ASGI: it answers as the provider would and records every attempt.

What it answers 2xx counts as delivered at once, also while the answer is still held back by a stall: a client
that gives up waiting and sends again makes a duplicate, as it would there.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Literal

import msgspec

from loadtests.arrivals import find
from loadtests.sendapi.answer import Answer, Asked, Taken, json_answer
from loadtests.sendapi.app import entries_of
from loadtests.sendapi.asgi import TOO_LARGE, HungUp, Receive, Scope, Send, asked_of, body_of, refusal, reply
from loadtests.sendapi.carriers import DELIVERED
from loadtests.sendapi.health import WebhookState, state_of
from loadtests.sendapi.webhook import Webhook
from loadtests.standin.gate import Gate, Standing
from loadtests.standin.records import Outcome, Recorder
from loadtests.standin.settings import Settings
from loadtests.standin.trouble import Trouble
from loadtests.standin.voices import VOICES, Entry, taken_places

OUTAGE_WORDS, ERROR_WORDS = "service unavailable", "internal server error"


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What /healthz says. `attempts`: messages in all requests; `delivered`: different messages taken;
    `unnamed`: attempts whose message could not be told; `idle_s`: since the last request, null = none yet."""

    peakday: Literal["stand-in"] = "stand-in"
    provider: str
    requests: int
    attempts: int
    delivered: int
    duplicated: int
    limited: int
    failed: int
    unnamed: int
    idle_s: float | None
    webhook: WebhookState | None = None


class App:
    """One provider."""

    def __init__(
        self,
        settings: Settings,
        recorder: Recorder,
        clock: Callable[[], float] = time.monotonic,
        webhook: Webhook | None = None,
    ) -> None:
        now_s = clock()
        self._settings = settings
        self._recorder = recorder
        self._clock = clock
        self._voice = VOICES[settings.provider]
        self._gate = Gate(settings.limits, settings.counts, now_s, time.time() - now_s)
        self._trouble = Trouble(settings)
        self._prefix = secrets.token_urlsafe(12)
        self._requests = 0
        self._webhook = webhook

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return
        at_s = self._clock()
        if not self._voice.wire.carries(scope["path"]):
            await reply(send, scope, self._other_route(scope))
            return
        asked = asked_of(scope)
        try:
            body = await body_of(receive)
        except HungUp:
            return
        answer = self._met(at_s, asked, body)
        if (held_s := self._trouble.held_s(at_s, taken=answer.status < 300)) > 0.0:
            await asyncio.sleep(held_s)
        await reply(send, scope, answer)

    def counts(self) -> Counts:
        """The counts now."""
        of = self._recorder
        taken = of.outcomes[Outcome.DELIVERED]
        unnamed_taken = taken - of.delivered_named
        return Counts(
            provider=self._settings.provider,
            requests=of.requests,
            attempts=of.attempts,
            delivered=of.delivered + unnamed_taken,
            duplicated=of.delivered_named - of.delivered,
            limited=of.outcomes[Outcome.LIMITED],
            failed=of.outcomes[Outcome.ERROR] + of.outcomes[Outcome.OUTAGE],
            unnamed=of.unnamed,
            idle_s=self._clock() - of.last_at_s if of.requests else None,
            webhook=state_of(self._webhook) if self._webhook else None,
        )

    def _met(self, at_s: float, asked: Asked, body: bytes | None) -> Answer:
        """What a request gets, recorded."""
        pieces = self._voice.parted(asked.path, body or b"")
        found = self._read(asked, body) if not self._trouble.is_out(at_s) else None
        answer, outcomes = self._decided(at_s, asked, found, len(pieces))
        self._recorder.add(at_s, [find(piece) for piece in pieces], outcomes, answer.status)
        if isinstance(found, Taken) and Outcome.DELIVERED in outcomes:
            self._tell(found, body or b"", outcomes)
        return answer

    def _tell(self, found: Taken, body: bytes, outcomes: list[Outcome]) -> None:
        """The webhook, of what was taken: it is delivered at once."""
        if self._webhook is None:
            return
        for lane, entry in entries_of(self._voice.wire.name, found, self._message_id(), body):
            places = entry.places if len(outcomes) > 1 and entry.places else range(len(entry.ids))
            alone = len(outcomes) == 1
            taken = [i for i, at in enumerate(places) if alone or outcomes[at] == Outcome.DELIVERED]
            if taken and self._webhook.hears(entry):
                self._webhook.told(lane, entry, taken, DELIVERED, 1)

    def _decided(
        self, at_s: float, asked: Asked, found: Taken | Answer | None, pieces: int
    ) -> tuple[Answer, list[Outcome]]:
        """The answer, and what becomes of each piece of the body; `found` None: nothing is read now."""
        wire = self._voice.wire
        if found is None:
            return wire.told(503, OUTAGE_WORDS, []), [Outcome.OUTAGE] * pieces
        if isinstance(found, Answer):
            return found, [Outcome.REJECTED] * pieces
        if self._trouble.fails():
            return wire.told(500, ERROR_WORDS, []), [Outcome.ERROR] * pieces
        places = taken_places(found, pieces)
        if self._voice.says_each(asked.path):
            return self._each(at_s, found.answer, places, pieces)
        refused = self._gate.admit(at_s, max(1, found.request.messages))
        if refused is not None:
            words, headers = self._voice.too_many(refused), self._voice.headers(refused)
            return wire.told(429, words, headers), [Outcome.LIMITED] * pieces
        outcomes = [Outcome.DELIVERED if place in places else Outcome.REJECTED for place in range(pieces)]
        return self._yes(at_s, found.answer), outcomes

    def _yes(self, at_s: float, answer: Answer) -> Answer:
        if not self._voice.tells_all:
            return answer
        headers = [*answer.headers, *self._voice.headers(self._gate.standing(at_s))]
        return Answer(answer.status, headers, answer.body)

    def _read(self, asked: Asked, body: bytes | None) -> Taken | Answer:
        wire, key = self._voice.wire, self._settings.key
        refused = refusal(wire, asked, key)
        if refused is not None:
            return refused
        if body is None:
            return wire.told(413, TOO_LARGE, [])
        self._requests += 1
        return wire.read(asked, self._voice.readable(body), key, self._message_id())

    def _message_id(self) -> str:
        return f"{self._prefix}.{self._requests:x}"

    def _each(
        self, at_s: float, answer: Answer, places: set[int], pieces: int
    ) -> tuple[Answer, list[Outcome]]:
        """An answer with a result for each message: the first ones pass, as far as the limits let them."""
        wanted = sorted(places)
        passing = self._gate.passing(at_s, len(wanted))
        standing: Standing | None = self._gate.admit(at_s, 1) if passing < len(wanted) else None
        outcomes = [Outcome.REJECTED] * pieces
        entries: dict[int, Entry] = {}
        entry = self._voice.entry
        assert entry is not None
        refused = {wanted[place] for place in self._trouble.refused(passing)}
        for rank, place in enumerate(wanted):
            if rank >= passing:
                outcomes[place], entries[place] = Outcome.LIMITED, entry(standing)
            elif place in refused:
                outcomes[place], entries[place] = Outcome.REFUSED, entry(None)
            else:
                outcomes[place] = Outcome.DELIVERED
        return self._voice.results(answer, entries) if entries else answer, outcomes

    def _other_route(self, scope: Scope) -> Answer:
        if scope["path"] == "/healthz" and scope["method"] in ("GET", "HEAD"):
            return json_answer(200, self.counts())
        return self._voice.wire.told(404, "not found", [])
