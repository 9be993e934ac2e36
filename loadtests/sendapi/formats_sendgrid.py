"""SendGrid v3 mail/send as a wire: keys, kinds of content, errors as a list of fields."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from loadtests.sendapi.answer import NOTHING, Answer, Asked, Headers, Taken, json_answer, used_up
from loadtests.sendapi.complaints import FieldError
from loadtests.sendapi.formats import Refused, read

PATH = "/v3/mail/send"
RATE_PER_S = 10_000
"""Requests that older documentation of mail/send speaks of."""
UNAUTHORIZED = FieldError("The provided authorization grant is invalid, expired, or revoked")
_SANDBOXED = Answer(200, [NOTHING])


class SendGrid:
    """The wire."""

    name = "sendgrid"

    def carries(self, path: str) -> bool:
        """Its one route."""
        return path == PATH

    def refuse(self, asked: Asked, key: str) -> Answer | None:
        """401 without a good key, 415 for what is not JSON."""
        if not is_bearer(asked.headers.get(b"authorization", b""), key.encode()):
            return errors(401, UNAUTHORIZED)
        if asked.content_type() != b"application/json":
            return errors(415, FieldError("Content-Type should be application/json."))
        return None

    def read(self, asked: Asked, body: bytes, key: str, message_id: str) -> Taken | Answer:  # noqa: ARG002 - Wire's shape
        """202 with an id, 200 in sandbox mode, 400 with every bad field."""
        request = read(body, message_id)
        if isinstance(request, Refused):
            return errors(400, *request.errors)
        if request.sandbox:
            return Taken(request, _SANDBOXED)
        return Taken(request, Answer(202, [NOTHING, (b"x-message-id", message_id.encode())]))

    def told(self, status: int, message: str, headers: Headers) -> Answer:
        """One error that means the request as a whole."""
        if status == 413:
            message = "The JSON payload you have included in your request is too large."
        if status == 429:
            headers = used_up(RATE_PER_S, headers)
        return errors(status, FieldError(message), headers=headers)


def errors(status: int, *found: FieldError, headers: Headers | None = None) -> Answer:
    """SendGrid's body of errors."""
    return json_answer(status, {"errors": found}, headers)


def not_allowed(methods: Sequence[str]) -> Answer:
    """405 with the methods that are."""
    allowed = ", ".join(methods)
    message = FieldError(f"{allowed} method allowed only")
    return errors(405, message, headers=[(b"allow", allowed.encode())])


def is_bearer(authorization: bytes, key: bytes) -> bool:
    """Whether the header carries the key; any key where `key` is b""."""
    scheme, _, given = authorization.partition(b" ")
    given = given.strip()
    return scheme.lower() == b"bearer" and bool(given) and (not key or hmac.compare_digest(given, key))
