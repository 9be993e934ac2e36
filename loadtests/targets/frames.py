"""A target's operation filled in for one channel and campaign: a request with only its ids left open.

Ids stand as runs of NUL of a fixed length: a request's length depends on its number of messages alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus, urlsplit

from loadtests.targets.credentials import auth_headers
from loadtests.targets.target import Target
from loadtests.targets.wire import PLACEHOLDER, Operation

ID_DIGITS = 12
OPEN_ID = b"\x00" * ID_DIGITS

_ID = OPEN_ID.decode()
EMAIL = f"customer-{_ID}@example.com"
PHONE = f"+999{_ID}"
"""Country code 999 is assigned to nobody (ITU-T E.164), so such a number reaches no telephone."""
DEVICE = f"peakday-device-{_ID}"
RECIPIENTS = {"email": EMAIL, "sms": PHONE, "whatsapp": PHONE, "push": DEVICE}


@dataclass(frozen=True)
class Frame:
    """A request in pieces: `head` up to the number in Content-Length, then the body's `prefix`, its rows
    joined by `separator`, its `suffix`. Ids in head, prefix and suffix are the first message's."""

    head: bytes
    prefix: bytes
    row: bytes
    separator: bytes
    suffix: bytes


@dataclass(frozen=True)
class Filling:
    """What goes into the slots: `run` makes message ids unique across runs; `secrets` are values by name."""

    channel: str
    campaign: str
    run: str
    secrets: Mapping[str, str]

    def values(self) -> dict[str, str]:
        """Text by slot name, ids still open."""
        return {
            "campaign": self.campaign.replace("\x00", ""),
            "channel": self.channel,
            "message_id": f"{self.run}-{_ID}",
            "customer_id": _ID,
            "recipient": RECIPIENTS.get(self.channel, EMAIL),
            "email": EMAIL,
            "phone": PHONE,
            "device": DEVICE,
        }

    def fill(self, text: str, escape: Callable[[str], str]) -> str:
        """`text` with every slot and secret replaced, each value escaped as its place asks."""
        values = self.values()

        def value(match: object) -> str:
            slot, secret = match[1], match[2]  # type: ignore[index] # re.Match, as re.sub passes it
            raw = values[slot] if slot else self.secrets[secret]
            return _ID.join(escape(part) for part in raw.split(_ID))

        return PLACEHOLDER.sub(value, text)


def frame(target: Target, operation: Operation, filling: Filling) -> Frame:
    """The request of one operation with only its ids open."""
    body = operation.body
    escape = _ESCAPES[body.encoding]
    before, slot, after = body.template.partition("{{messages}}")
    prefix, row, suffix = (before, body.message, after) if slot else ("", body.template, "")
    return Frame(
        head=_head(target, operation, filling),
        prefix=filling.fill(prefix, escape).encode(),
        row=filling.fill(row, escape).encode(),
        separator=body.separator.encode() if slot else b"",
        suffix=filling.fill(suffix, escape).encode(),
    )


def _head(target: Target, operation: Operation, filling: Filling) -> bytes:
    address = urlsplit(target.base_url)
    path = address.path.rstrip("/") + filling.fill(operation.path, _path_text)
    headers = {"Host": address.netloc} | auth_headers(operation.auth, filling.secrets)
    headers |= {name: filling.fill(text, _header_text) for name, text in operation.headers.items()}
    lines = [f"{operation.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "Content-Length: "]).encode("ascii")


def _json_text(value: str) -> str:
    return json.dumps(value)[1:-1]


def _path_text(value: str) -> str:
    return quote(value, safe="")


def _header_text(value: str) -> str:
    return quote(value, safe=" !#$&'()*+,/:;=?@[]")


def _plain_text(value: str) -> str:
    return value


_ESCAPES: dict[str, Callable[[str], str]] = {"json": _json_text, "form": quote_plus, "text": _plain_text}
