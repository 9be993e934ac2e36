"""Tells what becomes of messages: to a URL on this machine, or where a message itself asks for it.

Twilio's StatusCallback is such a URL. Each has a line of its own, so that one that takes nothing keeps no
other waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from loadtests.sendapi.blocks import Entry, Lane
from loadtests.sendapi.carriers import Fate
from loadtests.sendapi.events import TWILIO
from loadtests.sendapi.line import Line
from loadtests.sendapi.posts import Signing

if TYPE_CHECKING:
    from loadtests.sendapi.ecdsa import EcdsaKey

LINES_MAX = 64
"""Different URLs that messages may ask for; events of others are given up."""
THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
"""How a StatusCallback must call it: a name is not looked up for each message."""
_CALLBACK = b"StatusCallback="


class Webhook:
    """`url` "" = only who asks is told. `key` signs SendGrid's events, `token` Twilio's callbacks."""

    def __init__(self, url: str, key: EcdsaKey | None, token: str) -> None:
        self.url = url
        self.key = key
        self._token = token
        self._lines: dict[str, Line] = {}
        self._refused = 0
        if url:
            self._line(url)

    @property
    def is_used(self) -> bool:
        """Whether anything is or was to be told."""
        return bool(self._lines) or self._refused > 0

    @property
    def posted(self) -> int:
        """Events that were taken."""
        return sum(line.posted for line in self._lines.values())

    @property
    def given_up(self) -> int:
        """Events that nobody took."""
        return self._refused + sum(line.given_up for line in self._lines.values())

    @property
    def waiting(self) -> int:
        """Events that are still to be posted."""
        return sum(line.waiting for line in self._lines.values())

    def hears(self, entry: Entry) -> bool:
        """Whether anybody wants to know what becomes of these messages."""
        return bool(self.url) or (entry.wire == TWILIO and _CALLBACK in entry.body)

    def told(self, lane: Lane, entry: Entry, places: Sequence[int], fate: Fate, attempt: int) -> None:
        """Keep it for the next post."""
        url = self.url
        if entry.wire == TWILIO and _CALLBACK in entry.body:
            url = _callback_of(entry) or url
        if not url:
            return
        line = self._line(url)
        if line is None:
            self._refused += len(places)
        else:
            line.told(lane, entry, places, fate, attempt)

    def start(self) -> None:
        """Begin to post; lines that come later begin by themselves."""
        for line in self._lines.values():
            line.start()

    async def stop(self, longest_s: float) -> None:
        """Post what waits, `longest_s` at most, and leave."""
        await asyncio.gather(*(line.stop(longest_s) for line in self._lines.values()))

    def _line(self, url: str) -> Line | None:
        line = self._lines.get(url)
        if line is not None:
            return line
        if url != self.url and (len(self._lines) >= LINES_MAX or not _is_here(url)):
            return None
        line = self._lines[url] = Line(Signing(url, self.key, self._token))
        if url != self.url:
            line.start()
        return line


def _callback_of(entry: Entry) -> str:
    """Where a message of Twilio's wants its status to be posted to."""
    return parse_qs(entry.body.decode("utf-8", "replace")).get("StatusCallback", [""])[-1]


def _is_here(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and parts.hostname in THIS_MACHINE and bool(parts.port)
    except ValueError:
        return False
