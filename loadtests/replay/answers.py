"""What answers mean: read once, and recognised byte for byte when they come again."""

from __future__ import annotations

from loadtests.replay.agenda import Agenda, Send
from loadtests.replay.fates import Reply
from loadtests.replay.http1 import Inbox

KNOWN_MAX = 64
"""Answers kept a stream. A send API repeats itself within a second, but for one that numbers its answers."""


class Answers:
    """The meaning of answers to the sends of an agenda."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self.known: list[dict[bytes, tuple[int, int, int]]] = [{} for _ in agenda.schedule.streams]
        """By stream: a whole answer that kept the connection and accepted all -> (status, messages, bytes of
        its body)."""

    def read(self, send: Send, inbox: Inbox, data: bytes) -> tuple[Reply, int, float | None]:
        """(reply, messages accepted, seconds until it is worth coming again) of a complete answer.

        `data`: its bytes where it came in one piece, else b"".
        """
        read = self._agenda.read(send, inbox.status, inbox.head, inbox.body)
        if self._agenda.giving is not None:
            return read
        if data and inbox.keep_alive and read == (Reply.ACCEPTED, send[3], None):
            known = self.known[send[4]]
            if len(known) >= KNOWN_MAX:
                known.clear()
            known[data] = (inbox.status, send[3], len(inbox.body))
        return read
