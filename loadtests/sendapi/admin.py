"""/admin/faults: what goes wrong on purpose, read and switched with a key of its own."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from loadtests.sendapi.accesslog import Changed
from loadtests.sendapi.answer import Answer, Asked, json_answer
from loadtests.sendapi.complaints import FieldError
from loadtests.sendapi.faults import NONE, Faults, Switchboard, read
from loadtests.sendapi.formats_sendgrid import UNAUTHORIZED, errors, is_bearer, not_allowed
from scenarios.problems import UserError

PATH = "/admin/faults"
METHODS = ("GET", "HEAD", "PATCH", "DELETE")


class Admin:
    """Answers at PATH: GET reads, PATCH changes what it names, DELETE ends all faults."""

    def __init__(self, key: str, board: Switchboard, tell: Callable[[Changed], None]) -> None:
        self._key = key.encode()
        self._board = board
        self._tell = tell

    async def answer(self, asked: Asked, body: bytes) -> Answer:
        """The faults that hold afterwards; 401, or 400 with every mistake."""
        if asked.method not in METHODS:
            return not_allowed(METHODS)
        if not is_bearer(asked.headers.get(b"authorization", b""), self._key):
            return errors(401, UNAUTHORIZED)
        if asked.method in ("PATCH", "DELETE"):
            try:
                faults = NONE if asked.method == "DELETE" else read(_decoded(body), self._board.now)
            except UserError as error:
                wrong = [FieldError(problem.message, problem.key or None) for problem in error.problems]
                return errors(400, *wrong)
            self._switch(faults)
        return json_answer(200, self._board.now)

    def _switch(self, faults: Faults) -> None:
        self._board.switch(faults)
        self._tell(Changed(time.time(), msgspec.Raw(msgspec.json.encode(faults))))


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
