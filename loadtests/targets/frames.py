"""A target's operation filled in for one stream: a request with only its ids and its count left open.

Ids stand as runs of NUL of a fixed length: a request's length depends on its number of messages alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from loadtests.replay.stencils import ID_DIGITS
from loadtests.targets.auth import QueryKey
from loadtests.targets.credentials import auth_headers, fill, signer
from loadtests.targets.encoding import BOUNDARY, ESCAPES, joined, json_text
from loadtests.targets.signing import Signer
from loadtests.targets.slots import PLACEHOLDER
from loadtests.targets.target import Target
from loadtests.targets.wire import CONTENT_TYPES, Body, Operation

OPEN_ID = b"\x00" * ID_DIGITS
OPEN_COUNT = b"\x01"

_ID = OPEN_ID.decode()
_COUNT = OPEN_COUNT.decode()
EMAIL = f"customer-{_ID}@example.com"
PHONE = f"+999{_ID}"
"""Country code 999 is assigned to nobody (ITU-T E.164), so such a number reaches no telephone."""
DEVICE = f"peakday-device-{_ID}"
RECIPIENTS = {"email": EMAIL, "sms": PHONE, "whatsapp": PHONE, "push": DEVICE}

Escape = Callable[[str], str]


@dataclass(frozen=True)
class Rows:
    """A place of the body that repeats: `row` once per message, joined by `separator`."""

    row: bytes
    separator: bytes


Part = bytes | Rows


@dataclass(frozen=True)
class Frame:
    """A request in pieces: `head` up to the number in Content-Length, then the body's `parts`. Ids outside
    Rows are the first message's. `signer`: who signs each request, for a target that asks for it."""

    head: bytes
    parts: tuple[Part, ...]
    signer: Signer | None = None


@dataclass(frozen=True)
class Filling:
    """What goes into the slots: `run` makes message ids unique across runs; `secrets` are values by name."""

    channel: str
    campaign: str
    priority: str
    run: str
    run_time: str
    secrets: Mapping[str, str]
    webhook_url: str = ""

    def values(self) -> dict[str, str]:
        """Text by slot name, ids and count still open."""
        return {
            "campaign": self.campaign.replace("\x00", "").replace("\x01", ""),
            "channel": self.channel,
            "priority": self.priority,
            "count": _COUNT,
            "run_time": self.run_time,
            "message_id": f"{self.run}-{_ID}",
            "customer_id": _ID,
            "recipient": RECIPIENTS.get(self.channel, EMAIL),
            "email": EMAIL,
            "phone": PHONE,
            "device": DEVICE,
            "webhook_url": self.webhook_url,
        }

    def fill(self, text: str, escape: Escape, literal: Escape = str) -> str:
        """`text` with every slot and secret replaced, each value escaped as its place asks; `literal` is what
        becomes of the text between them."""
        values = self.values()
        done, at = "", 0
        for match in PLACEHOLDER.finditer(text):
            slot, filtering, secret = match[1], match[2], match[3]
            raw = values[slot] if slot else self.secrets[secret]
            filled = escape_around_open(raw, json_text) if filtering else raw
            done += literal(text[at : match.start()]) + escape_around_open(filled, escape)
            at = match.end()
        return done + literal(text[at:])


def escape_around_open(raw: str, escape: Escape) -> str:
    """`raw` escaped, but for the ids and counts that are still open."""
    parts = (_COUNT.join(escape(bit) for bit in part.split(_COUNT)) for part in raw.split(_ID))
    return _ID.join(parts)


def frame(target: Target, operation: Operation, filling: Filling) -> Frame:
    """The request of one operation with only its ids and its count open."""
    text = _body_text(operation.body, filling)
    in_path = operation.body.encoding == "query"
    parts = () if in_path else _parts(text, operation.body, filling)
    query = text if in_path else ""
    return Frame(_head(target, operation, filling, query), parts, signer(operation.auth, filling.secrets))


def _body_text(body: Body, filling: Filling) -> str:
    """The body's text with everything filled in but its rows, whose places are still slots."""
    escape = ESCAPES[body.encoding]
    if body.template:
        return _keeping_rows(body.template, filling, escape, str)
    fields = {name: _keeping_rows(text, filling, escape, escape) for name, text in body.fields.items()}
    return joined(body.encoding, fields)


_ROW_PLACES = ("{{messages}}", "{{variables}}")


def _keeping_rows(text: str, filling: Filling, escape: Escape, literal: Escape) -> str:
    for place in _ROW_PLACES:
        before, found, after = text.partition(place)
        if found:
            parts = (_keeping_rows(part, filling, escape, literal) for part in (before, after))
            return place.join(parts)
    return filling.fill(text, escape, literal)


def _parts(text: str, body: Body, filling: Filling) -> tuple[Part, ...]:
    """The text cut at its rows; empty pieces are left out."""
    escape = ESCAPES[body.encoding]
    literal = str if body.template else escape
    separator = literal(body.separator).encode()
    rows = dict(zip(_ROW_PLACES, (body.message, body.variable), strict=True))
    parts: list[Part] = []
    while text:
        place = min((p for p in _ROW_PLACES if p in text), key=text.index, default="")
        before, _, text = text.partition(place) if place else (text, "", "")
        parts += [before.encode()] if before else []
        parts += [Rows(filling.fill(rows[place], escape, literal).encode(), separator)] if place else []
    return tuple(parts)


def _head(target: Target, operation: Operation, filling: Filling, query: str) -> bytes:
    address = urlsplit(operation.base_url or target.base_url)
    path = address.path.rstrip("/") + filling.fill(operation.path, _path_text)
    if isinstance(operation.auth, QueryKey):
        key = f"{quote(operation.auth.name)}={quote(fill(operation.auth.value, filling.secrets), safe='')}"
        query = f"{key}&{query}" if query else key
    if query:
        path += ("&" if "?" in path else "?") + query
    headers = {"Host": address.netloc} | auth_headers(operation.auth, filling.secrets)
    headers |= _content_type(operation)
    headers |= {name: filling.fill(text, _header_text) for name, text in operation.headers.items()}
    lines = [f"{operation.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "Content-Length: "]).encode("ascii")


def _content_type(operation: Operation) -> dict[str, str]:
    stated = any(name.lower() == "content-type" for name in operation.headers)
    kind = CONTENT_TYPES.get(operation.body.encoding, "")
    if operation.body.encoding == "multipart":
        kind += f"; boundary={BOUNDARY}"
    return {} if stated or not kind else {"Content-Type": kind}


def _path_text(value: str) -> str:
    return quote(value, safe="")


def _header_text(value: str) -> str:
    return quote(value, safe=" !#$&'()*+,/:;=?@[]")
