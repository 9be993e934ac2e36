"""How each provider speaks: its wire, where the messages of a request stand, how it tells of a limit."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from loadtests.sendapi.answer import Answer, Headers, Taken, Wire, json_answer, retry_after
from loadtests.sendapi.formats_braze import Braze
from loadtests.sendapi.formats_postmark import BATCH, Postmark
from loadtests.sendapi.formats_sendgrid import SendGrid
from loadtests.sendapi.formats_ses import BULK, Ses
from loadtests.sendapi.formats_twilio import Twilio
from loadtests.standin.gate import Standing
from loadtests.targets.behind import StandInName

Entry = dict[str, Any]
_OUR_WORDS = re.compile(rb'"(channel|priority|campaign|peakday_id)"\s*:')
DAILY = ("rolling quota", "daily cap")


class _SendGridMail(msgspec.Struct):
    personalizations: list[msgspec.Raw] = []


class _SesBulk(msgspec.Struct):
    entries: list[msgspec.Raw] = msgspec.field(name="BulkEmailEntries", default_factory=list)


class _BrazeUsers(msgspec.Struct):
    users: list[msgspec.Raw] = msgspec.field(name="external_user_ids", default_factory=list)


@dataclass(frozen=True)
class Voice:
    """One provider.

    `pieces(path, body)`: the part of a body that belongs to each of its messages, [] = it cannot be parted.
    `headers(standing)`: what an answer tells of limits - every one where `tells_all`, else refusals alone.
    `too_many(standing)`: the words of a 429.
    `readable(body)`: the body without what only the reference send API looks at.
    `entry(standing)`: the result of one message that is not taken inside a 200 - limited, or refused where
    None -; `results(answer, entries by place)` puts such results into an answer; None: all or nothing.
    """

    wire: Wire
    tells_all: bool
    pieces: Callable[[str, bytes], list[bytes]]
    headers: Callable[[Standing], Headers]
    readable: Callable[[bytes], bytes] = lambda body: body
    too_many: Callable[[Standing], str] = lambda _: "too many requests"
    entry: Callable[[Standing | None], Entry] | None = None
    results: Callable[[Answer, Mapping[int, Entry]], Answer] = lambda answer, _: answer

    def parted(self, path: str, body: bytes) -> list[bytes]:
        """A body's pieces: the whole body where it is one message's."""
        pieces = self.pieces(path, body)
        return pieces if len(pieces) > 1 else [body]

    def says_each(self, path: str) -> bool:
        """Whether an answer there has a result for each message."""
        return self.entry is not None and path in (BULK, BATCH)


def taken_places(taken: Taken, pieces: int) -> set[int]:
    """Which pieces of a request the wire let pass; a wire that parts requests otherwise lets all pass."""
    places = [place for group in taken.request.groups for place in group.places]
    return set(places) if places or not taken.request.groups else set(range(pieces))


def _json_pieces(kind: type, name: str) -> Callable[[str, bytes], list[bytes]]:
    decoder = msgspec.json.Decoder[Any](kind)

    def pieces(_path: str, body: bytes) -> list[bytes]:
        try:
            return [bytes(raw) for raw in getattr(decoder.decode(body), name)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return []

    return pieces


def _without_our_words(body: bytes) -> bytes:
    """Custom arguments that mean something to the reference send API are anybody's here: any text will do."""
    return _OUR_WORDS.sub(rb'"x-\1":', body)


_postmark_batch = msgspec.json.Decoder(list[msgspec.Raw])


def _postmark_pieces(path: str, body: bytes) -> list[bytes]:
    if path != BATCH:
        return []
    try:
        return [bytes(raw) for raw in _postmark_batch.decode(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []


def _nothing_parted(_path: str, _body: bytes) -> list[bytes]:
    return []


def _rate_headers(standing: Standing) -> Headers:
    """X-RateLimit-*: the reset is a moment in whole Unix seconds, never too early."""
    if not standing.kind:
        return []
    resets_at = math.ceil(time.time() + min(standing.wait_s, 86400.0))
    figures = {b"limit": standing.limit, b"remaining": standing.remaining, b"reset": resets_at}
    return [(b"x-ratelimit-" + name, str(int(figure)).encode()) for name, figure in figures.items()]


def _no_headers(_standing: Standing) -> Headers:
    return []


def _come_again(standing: Standing) -> Headers:
    """Retry-After where it was refused. Postmark documents none; it is a courtesy of HTTP (RFC 6585)."""
    return retry_after(min(standing.wait_s, 86400.0)) if standing.wait_s > 0.0 else []


def _ses_words(standing: Standing) -> str:
    return "Daily message quota exceeded." if standing.kind in DAILY else "Maximum sending rate exceeded."


def _ses_entry(standing: Standing | None) -> Entry:
    if standing is None:
        return {"Status": "TRANSIENT_FAILURE", "Error": "the message could not be taken"}
    status = "ACCOUNT_DAILY_QUOTA_EXCEEDED" if standing.kind in DAILY else "ACCOUNT_THROTTLED"
    return {"Status": status, "Error": _ses_words(standing)}


def _postmark_entry(standing: Standing | None) -> Entry:
    if standing is None:
        return {"ErrorCode": 406, "Message": "You tried to send to an inactive recipient."}
    return {"ErrorCode": 429, "Message": "Rate limit exceeded."}


def _with_entries(key: str) -> Callable[[Answer, Mapping[int, Entry]], Answer]:
    """Puts results into the list at `key` of an answer, "" = the answer is the list."""

    def results(answer: Answer, entries: Mapping[int, Entry]) -> Answer:
        document = msgspec.json.decode(answer.body)
        told = document[key] if key else document
        for place, entry in entries.items():
            told[place] = entry
        others = [header for header in answer.headers if not header[0].startswith(b"content-")]
        return json_answer(answer.status, document, others)

    return results


VOICES: dict[StandInName, Voice] = {
    "sendgrid": Voice(
        SendGrid(),
        True,
        _json_pieces(_SendGridMail, "personalizations"),
        _rate_headers,
        _without_our_words,
    ),
    "twilio": Voice(Twilio(), False, _nothing_parted, _no_headers),
    "braze": Voice(Braze(), True, _json_pieces(_BrazeUsers, "users"), _rate_headers),
    "ses": Voice(
        Ses(),
        False,
        _json_pieces(_SesBulk, "entries"),
        _no_headers,
        too_many=_ses_words,
        entry=_ses_entry,
        results=_with_entries("BulkEmailEntryResults"),
    ),
    "postmark": Voice(
        Postmark(),
        False,
        _postmark_pieces,
        _come_again,
        entry=_postmark_entry,
        results=_with_entries(""),
    ),
}
