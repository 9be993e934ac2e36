"""Event webhooks: what is posted, and that the official SDKs' own verifiers accept its signatures."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from loadtests.sendapi.ecdsa import key_in
from loadtests.sendapi.knobs import Knobs
from loadtests.sendapi.server import start
from scenarios.problems import UserError

KEY = "token"
ACCOUNT = "AC" + "1" * 32


@dataclass
class Receiver:
    """A webhook: keeps what is posted; answers the first posts with `refusals`."""

    url: str = ""
    refusals: list[int] = field(default_factory=list)
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def events(self) -> list[dict[str, Any]]:
        return [event for _, body in self.posts for event in json.loads(body)]


@contextmanager
def receiving() -> Iterator[Receiver]:
    found = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = found.refusals.pop(0) if found.refusals else 204
            if status == 204:
                found.posts.append((dict(self.headers), body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        found.url = f"http://127.0.0.1:{server.server_address[1]}/events?for=peakday"
        yield found
        server.shutdown()
        thread.join()


def test_delivered_events_are_batched_signed_and_posted_again_until_they_are_taken(
    start_in, client_of, mail, eventually
) -> None:
    verifier = pytest.importorskip("sendgrid.helpers.eventwebhook").EventWebhook()
    with receiving() as webhook, start_in(queue="sqlite", webhook=webhook.url) as api:
        webhook.refusals = [500]
        client = client_of(api)
        assert client.post(mail(messages=300, custom_args={"campaign": "launch"})).status == 202
        assert eventually(lambda: len(webhook.events()) == 300)
        assert eventually(lambda: api.health().webhook.posted == 300)  # the answer is read a moment later
        state = api.health().webhook
        assert b"peakday_webhook_posted_events_total 300.0" in client.ask("GET", "/metrics").body
    assert (state.posted, state.waiting, state.given_up) == (300, 0, 0)
    assert len(webhook.posts) < 10
    for headers, body in webhook.posts:
        stamp = headers["X-Twilio-Email-Event-Webhook-Timestamp"]
        signature = headers["X-Twilio-Email-Event-Webhook-Signature"]
        key = verifier.convert_public_key_to_ecdsa(state.public_key)
        assert verifier.verify_signature(body.decode(), signature, stamp, key)
        assert not verifier.verify_signature(body.decode() + " ", signature, stamp, key)
    events = webhook.events()
    assert sorted(int(event["peakday_id"]) for event in events) == list(range(300))
    assert len({event["sg_event_id"] for event in events}) == 300
    first = min(events, key=lambda event: int(event["peakday_id"]))
    assert (first["event"], first["email"], first["campaign"]) == ("delivered", "user0@example.com", "launch")


def test_twilio_messages_are_told_one_by_one_with_a_signature_of_twilios(
    start_in, client_of, eventually
) -> None:
    validator = pytest.importorskip("twilio.request_validator").RequestValidator(KEY)
    from base64 import b64encode

    basic = b64encode(f"{ACCOUNT}:{KEY}".encode()).decode()
    headers = {"authorization": f"Basic {basic}", "content-type": "application/x-www-form-urlencoded"}
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    with receiving() as webhook, start_in(queue="sqlite", key=KEY, webhook=webhook.url) as api:
        sids = set()
        for _ in range(3):
            body = b"To=%2B999000000000001&From=%2B15005550006&Body=now"
            sids.add(json.loads(client_of(api).ask("POST", path, body, headers).body)["sid"])
        assert eventually(lambda: len(webhook.posts) == 3)
    for found, body in webhook.posts:
        fields = dict(parse_qsl(body.decode()))
        assert validator.validate(webhook.url, fields, found["X-Twilio-Signature"])
        assert (fields["MessageStatus"], fields["To"]) == ("delivered", "+999000000000001")
        sids.discard(fields["MessageSid"])
    assert not sids


def test_what_is_deferred_refused_or_stale_is_told_as_such(
    start_in, client_of, mail, eventually, tmp_path: Path
) -> None:
    with (
        receiving() as webhook,
        start(Knobs(queue="sqlite", key="other"), tmp_path / "provider") as provider,
        start_in(
            queue="sqlite", sink=f"sendgrid+{provider.base_url}", webhook=webhook.url, key="SG.key"
        ) as api,
    ):
        client_of(api).post(mail(messages=2))
        assert eventually(lambda: len(webhook.events()) == 2)
    assert {event["event"] for event in webhook.events()} == {"bounce"}
    assert {event["reason"] for event in webhook.events()} == {"401 rejected"}


def test_stale_messages_are_dropped_events(start_in, client_of, mail, eventually) -> None:
    with (
        receiving() as webhook,
        start_in(queue="sqlite", webhook=webhook.url, limit_per_s=1.0, freshness_s=0.5) as api,
    ):
        client_of(api).post(mail(messages=5))
        assert eventually(lambda: len(webhook.events()) == 5)
    kinds = [event["event"] for event in webhook.events()]
    assert kinds.count("delivered") >= 1
    assert kinds.count("dropped") >= 3


def test_a_key_is_kept_for_the_next_start(tmp_path: Path) -> None:
    assert key_in(tmp_path).public == key_in(tmp_path).public
    assert (tmp_path / "webhook-key.pem").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("url", ["http://192.0.2.1/events", "ftp://127.0.0.1/x", "nowhere"])
def test_a_webhook_elsewhere_starts_nothing(url: str, tmp_path: Path) -> None:
    with pytest.raises(UserError), start(Knobs(webhook=url), tmp_path / "never"):
        pass
    assert not (tmp_path / "never").exists()


def test_a_status_callback_is_told_without_any_webhook_being_set(start_in, client_of, eventually) -> None:
    from base64 import b64encode

    basic = b64encode(f"{ACCOUNT}:{KEY}".encode()).decode()
    headers = {"authorization": f"Basic {basic}", "content-type": "application/x-www-form-urlencoded"}
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    form = {"To": "+999000000000001", "From": "+15005550006", "Body": "now"}
    with receiving() as first, receiving() as second, start_in(queue="sqlite", key=KEY) as api:
        assert api.health().webhook is None
        for url in (first.url, second.url, "", "http://192.0.2.1:80/x"):
            body = urlencode(form | ({"StatusCallback": url} if url else {})).encode()
            assert client_of(api).ask("POST", path, body, headers).status == 201
        assert eventually(lambda: (len(first.posts), len(second.posts)) == (1, 1))
        assert eventually(lambda: (api.health().delivered, api.health().backlog) == (4, 0))
        assert eventually(lambda: (api.health().webhook.posted, api.health().webhook.given_up) == (2, 1))
