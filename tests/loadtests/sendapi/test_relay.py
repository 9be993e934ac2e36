"""Delivery to who may refuse, a real SMTP server and a real HTTP provider: retries, expiry, dead letters."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from loadtests.sendapi.blocks import Entry, Lane
from loadtests.sendapi.carriers import DELIVERED, Carrier, Fate
from loadtests.sendapi.deadletters import FILE, DeadLetters
from loadtests.sendapi.dispatcher import Dispatcher
from loadtests.sendapi.exits import carrier_of, exit_of
from loadtests.sendapi.health import Health
from loadtests.sendapi.knobs import Knobs, ProviderLimit
from loadtests.sendapi.opening import open_store
from loadtests.sendapi.relay import Rules
from loadtests.sendapi.server import Running, start
from loadtests.sendapi.sinks import CountingSink
from scenarios.pipeline import Retries
from scenarios.problems import UserError
from scenarios.words import CHANNELS, Channel

RETRIES = Retries.model_validate({"backoff": "20ms", "cap": "100ms", "attempts": 3})
EMAIL = Lane("marketing", "email")
URGENT = Lane("transactional", "email")
Batch = tuple[Lane, Sequence[str], float]


@dataclass
class Relayed:
    """What became of it; `left`: messages in the queue when it was opened again."""

    delivered: int
    expired: int
    failed: int
    deferred: int
    duplicated: int
    left: int
    dead: list[dict[str, Any]]


def entry(ids: Sequence[str], accepted_s: float = 0.0) -> Entry:
    """A SendGrid request of one message an id, to `ID@example.com`."""
    people = [{"to": [{"email": f"{name}@example.com"}]} for name in ids]
    content = [{"type": "text/plain", "value": "It starts now"}]
    sender = {"email": "shop@example.com"}
    document = {"personalizations": people, "from": sender, "subject": "Peak", "content": content}
    return Entry("m", accepted_s, "launch", list(ids), [], json.dumps(document).encode(), "sendgrid")


def relayed(folder: Path, carrier: Carrier, batches: Sequence[Batch], **rules: Any) -> Relayed:
    """Batches of (lane, ids, accepted at), relayed to their end."""

    async def test() -> Relayed:
        store = await open_store(Knobs(queue="sqlite"), folder)
        for lane, ids, accepted_s in batches:
            await store.put([(lane, entry(ids, accepted_s))], len(ids), 2)
        relaying = Rules(carrier, DeadLetters(folder), **({"retries": RETRIES} | rules))
        sink = CountingSink()
        provider = (ProviderLimit("p", CHANNELS),)
        dispatcher = Dispatcher(store, sink, provider, relaying=relaying, listeners=[sink])
        dispatcher.start()
        async with asyncio.timeout(30.0):
            while store.backlog():
                await asyncio.sleep(0.005)
        await dispatcher.stop()
        await carrier.close()
        await store.close()
        reopened = await open_store(Knobs(queue="sqlite"), folder)
        left = reopened.backlog()
        await reopened.close()
        path = folder / FILE
        dead = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        flow = dispatcher.flows()["p"]
        counts = (flow.delivered, dispatcher.expired, flow.failed, flow.deferred, sink.duplicated)
        return Relayed(*counts, left, dead)

    return asyncio.run(test())


def carrier_to(url: str, connections: int = 4) -> Carrier:
    found = exit_of(url)
    assert found is not None
    return carrier_of(found, connections)


class Mailbox:
    """An SMTP handler: keeps mails; answers a recipient as it is told to, once for each answer."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], Any]] = []
        self.answers: dict[str, list[str]] = {}

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802 - aiosmtpd's name
        if answers := self.answers.get(address):
            return answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.mails.append((envelope.rcpt_tos, message_from_bytes(envelope.content)))
        return "250 OK"


@contextmanager
def smtp_server(port: int = 0) -> Iterator[tuple[Mailbox, str]]:
    """A real server."""
    box = Mailbox()
    port = port or free_port()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield box, f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture(name="provider", scope="module")
def _provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An HTTP provider that checks what it gets: a second reference API."""
    with start(Knobs(queue="sqlite"), tmp_path_factory.mktemp("provider")) as running:
        yield running


def test_the_api_hands_mail_to_an_smtp_server(start_in, client_of, mail, eventually) -> None:
    with smtp_server() as (box, url), start_in(queue="sqlite", sink=url) as api:
        assert client_of(api).post(mail(messages=5, first=40)).status == 202
        assert eventually(lambda: api.health().backlog == 0)
        assert api.health().delivered == 5
    recipients, letter = min(box.mails, key=lambda found: found[0])
    assert recipients == ["user40@example.com"]
    told = [letter[name] for name in ("From", "Subject", "X-Peakday-Id")]
    assert told == ["shop@example.com", "Singles Day", "40"]
    assert letter.get_payload().strip() == "It starts now"


def test_a_greylisted_mail_comes_again_and_a_refused_one_is_a_dead_letter(tmp_path: Path) -> None:
    with smtp_server() as (box, url):
        box.answers = {
            "b@example.com": ["450 4.7.1 greylisted"],
            "c@example.com": ["550 5.1.1 no such user"],
            "d@example.com": ["451 busy"] * 3,
        }
        found = relayed(tmp_path, carrier_to(url), [(EMAIL, "abcde", 0.0)])
    assert (found.delivered, found.failed, found.deferred, found.left) == (3, 2, 3, 0)
    reached = {recipient for recipients, _ in box.mails for recipient in recipients}
    assert reached == {"a@example.com", "b@example.com", "e@example.com"}
    assert {(letter["id"], letter["attempts"], letter["reason"]) for letter in found.dead} == {
        ("c", 1, "550 5.1.1 no such user"),
        ("d", 3, "retries used up: 451 busy"),
    }


def test_an_smtp_server_that_is_away_is_tried_until_the_attempts_are_used_up(tmp_path: Path) -> None:
    found = relayed(tmp_path, carrier_to(f"smtp://127.0.0.1:{free_port()}"), [(EMAIL, "ab", 0.0)])
    assert (found.delivered, found.failed, found.deferred) == (0, 2, 4)
    assert "refused" in found.dead[0]["reason"].lower() or "connect" in found.dead[0]["reason"].lower()


@pytest.mark.parametrize(
    ("wire", "channel"), [("sendgrid", "push"), ("twilio", "sms"), ("braze", "email"), ("ses", "email")]
)
def test_messages_reach_an_http_provider_in_its_own_format(
    provider: Running, tmp_path: Path, wire: str, channel: Channel
) -> None:
    before = received(provider)
    ids = [f"{wire}-{n}" for n in range(120)]
    batches = [(Lane("marketing", channel), ids, 0.0)]
    found = relayed(tmp_path, carrier_to(f"{wire}+{provider.base_url}"), batches)
    assert (found.delivered, found.deferred, found.left) == (120, 0, 0)
    assert received(provider) - before == 120


def received(provider: Running) -> int:
    health: Health = provider.health()
    return health.received


def test_a_message_keeps_its_id_on_its_way_to_a_provider(
    provider: Running, tmp_path: Path, client_of, mail, eventually
) -> None:
    before = provider.health().duplicated
    relayed(tmp_path, carrier_to(f"sendgrid+{provider.base_url}"), [(EMAIL, ["9001", "9002"], 0.0)])
    client_of(provider).post(mail(messages=3, first=9000))
    assert eventually(lambda: provider.health().duplicated - before == 2)


def test_a_limited_provider_is_asked_again(tmp_path: Path) -> None:
    knobs = Knobs(queue="sqlite", queue_bound=5, limit_per_s=50.0)
    retries = RETRIES.model_copy(update={"attempts": 100})
    with start(knobs, tmp_path / "provider") as provider:
        batches = [(EMAIL, [f"{n}-{m}" for m in range(4)], 0.0) for n in range(4)]
        carrier = carrier_to(f"sendgrid+{provider.base_url}")
        found = relayed(tmp_path, carrier, batches, retries=retries)
        assert provider.health().received == 16
    assert found.deferred > 0
    assert (found.delivered, found.failed, found.duplicated) == (16, 0, 0)


class Scripted:
    """A carrier that answers each id as it is told to, then delivers; notes the order."""

    most = 1
    connections = 1

    def __init__(self, answers: dict[str, list[Fate]]) -> None:
        self.answers = answers
        self.carried: list[str] = []

    async def carry(self, lane: Lane, entry: Entry, places: Sequence[int]) -> list[Fate]:
        (name,) = (entry.ids[place] for place in places)
        self.carried.append(name)
        await asyncio.sleep(0)
        return [self.answers[name].pop(0) if self.answers.get(name) else DELIVERED]

    async def close(self) -> None:
        """Nothing is open."""


def test_urgent_messages_go_first_and_every_refusal_is_followed_by_an_attempt(tmp_path: Path) -> None:
    carrier = Scripted({"u1": [Fate("later", "busy", 0.0)]})
    found = relayed(tmp_path, carrier, [(EMAIL, ["m1", "m2"], 0.0), (URGENT, ["u1", "u2"], 0.0)])
    assert carrier.carried[:2] == ["u1", "u2"]
    assert sorted(carrier.carried) == ["m1", "m2", "u1", "u1", "u2"]
    assert (found.delivered, found.left) == (4, 0)


def test_what_is_stale_on_its_turn_or_after_its_backoff_expires(tmp_path: Path) -> None:
    now = [100.0]

    class Ageing(Scripted):
        async def carry(self, lane: Lane, entry: Entry, places: Sequence[int]) -> list[Fate]:
            fates = await super().carry(lane, entry, places)
            now[0] = 111.0
            return fates

    carrier = Ageing({"young": [Fate("later", "busy")]})
    batches = [(EMAIL, ["old"], 80.0), (EMAIL, ["young"], 100.0)]
    found = relayed(tmp_path, carrier, batches, freshness_s=10.0, unix_clock=lambda: now[0])
    assert carrier.carried == ["young"]
    assert (found.expired, found.delivered, found.left) == (2, 0, 0)


@pytest.mark.parametrize(
    "sink", ["smtp://192.0.2.1:25", "sendgrid+http://192.0.2.1:80", "smtp://10.0.0.1:25"]
)
def test_another_machine_is_refused_as_a_target_would_be(sink: str) -> None:
    with pytest.raises(UserError) as refused:
        exit_of(sink)
    assert refused.value.exit_code == 4


@pytest.mark.parametrize("sink", ["postfix", "embedded", "nobody+http://127.0.0.1:1", "smtp://"])
def test_a_sink_that_makes_no_sense_is_told(sink: str) -> None:
    with pytest.raises(UserError):
        exit_of(sink)
