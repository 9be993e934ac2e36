"""Requests to a stand-in, in this process and on a clock of its own: the application as a server calls it."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import msgspec

from loadtests.standin.app import App
from loadtests.standin.records import Recorder
from loadtests.standin.settings import Settings
from loadtests.targets.signing import Signer

ACCOUNT = "AC" + "0" * 32
MAIL_SEND, MESSAGES_SEND, EMAIL, BATCH = "/v3/mail/send", "/messages/send", "/email", "/email/batch"
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
SES_SINGLE, SES_BULK = "/v2/email/outbound-emails", "/v2/email/outbound-bulk-emails"


@dataclass
class Got:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass
class StandIn:
    """A stand-in whose clock is set by hand."""

    settings: Settings
    now_s: float = 1000.0
    recorder: Recorder = field(default_factory=lambda: Recorder(None))

    def __post_init__(self) -> None:
        self.app = App(self.settings, self.recorder, clock=lambda: self.now_s)

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Got:
        return asyncio.run(call(self.app, path, body, headers))

    def outcomes(self) -> list[tuple[int, str]]:
        """(number, outcome) of every message in every request so far."""
        from loadtests.standin.records import Outcome

        return [(row[3], Outcome(row[5]).name.lower()) for row in self.recorder.rows]


async def call(app: App, path: str, body: bytes, headers: Mapping[str, str], method: str = "POST") -> Got:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    told = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": told}
    await app(scope, receive, send)
    start, whole = sent
    got = {name.decode(): value.decode() for name, value in start["headers"]}
    return Got(start["status"], got, whole["body"])


def json_of(document: Any) -> bytes:
    return msgspec.json.encode(document)


def email_of(number: int) -> str:
    return f"customer-{number:012d}@example.com"


def mail(*numbers: int, **more: Any) -> bytes:
    people = [{"to": [{"email": email_of(number)}], **more} for number in numbers]
    content = [{"type": "text/plain", "value": "x"}]
    return json_of(
        {"personalizations": people, "from": {"email": "a@example.com"}, "subject": "s", "content": content}
    )


def sms(number: int) -> bytes:
    return urlencode({"To": f"+999{number:012d}", "From": "+15005550006", "Body": "hello"}).encode()


def braze(*numbers: int) -> bytes:
    users = [f"{number:012d}" for number in numbers]
    email = {"app_id": "a", "from": "a@example.com", "subject": "s", "body": "b"}
    return json_of({"external_user_ids": users, "messages": {"email": email}})


def ses(number: int) -> bytes:
    content = {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "b"}}}}
    to = {"ToAddresses": [email_of(number)]}
    return json_of({"FromEmailAddress": "a@example.com", "Destination": to, "Content": content})


def ses_bulk(*numbers: int) -> bytes:
    entries = [{"Destination": {"ToAddresses": [email_of(number)]}} for number in numbers]
    content = {"Template": {"TemplateName": "t", "TemplateData": "{}"}}
    document = {"FromEmailAddress": "a@example.com", "BulkEmailEntries": entries, "DefaultContent": content}
    return json_of(document)


def postmark(number: int) -> dict[str, str]:
    return {"From": "a@example.com", "To": email_of(number), "Subject": "s", "TextBody": "b"}


def postmark_batch(*numbers: int) -> bytes:
    return json_of([postmark(number) for number in numbers])


JSON = {"Content-Type": "application/json"}
BEARER = JSON | {"Authorization": "Bearer key"}
TOKEN = JSON | {"X-Postmark-Server-Token": "token"}
FORM = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Authorization": "Basic " + base64.b64encode(f"{ACCOUNT}:token".encode()).decode(),
}


def signed(path: str, body: bytes) -> dict[str, str]:
    import time

    host = {"host": "127.0.0.1", "content-type": "application/json"}
    added = Signer("AKIA", "secret", "us-east-1", "ses").headers("POST", path, host, body, time.time())
    return host | added
