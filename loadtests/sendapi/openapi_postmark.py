"""POST /email and /email/batch, described."""

from __future__ import annotations

from loadtests.sendapi.complaints import EMAIL, MAX_EMAIL_LENGTH
from loadtests.sendapi.formats_postmark import BATCH, INVALID, MESSAGES_MAX, RECIPIENTS_MAX, SINGLE, TEXTS
from loadtests.sendapi.schemas import COUNT, FILLED, TEXT, Json, many, nullable, record, refused, said

_TOKEN: Json = {"type": "apiKey", "in": "header", "name": "X-Postmark-Server-Token"}
CREDENTIALS = ("postmarkToken", _TOKEN, "^[A-Za-z0-9._-]+$")
_ADDRESS: Json = {
    "type": "string",
    "maxLength": MAX_EMAIL_LENGTH,
    "pattern": f"^{EMAIL.replace('++', '+')}$",  # JSON Schema knows no possessive repeats
    "description": f"Also with a name, `Shop <shop@example.com>`; of recipients up to {RECIPIENTS_MAX}, "
    "separated by commas.",
}
_FREE: Json = {
    **{name: {"anyOf": [_ADDRESS, {"enum": ["", None]}]} for name in ("Cc", "Bcc")},
    **{name: nullable(TEXT) for name in TEXTS},
    "Metadata": {"type": "object", "additionalProperties": TEXT},
}
_PEOPLE: Json = {"From": _ADDRESS, "To": _ADDRESS}
_MAIL: Json = {
    "anyOf": [
        record(_PEOPLE | {"TextBody": FILLED}, {name: _FREE[name] for name in _FREE if name != "TextBody"}),
        record(_PEOPLE | {"HtmlBody": FILLED}, {name: _FREE[name] for name in _FREE if name != "HtmlBody"}),
    ]
}
_ACCEPTED = record(
    {
        "To": FILLED,
        "SubmittedAt": {"type": "string", "format": "date-time"},
        "MessageID": {"type": "string", "format": "uuid"},
        "ErrorCode": {"const": 0},
        "Message": {"const": "OK"},
    },
    closed=True,
)
_REFUSED = record({"ErrorCode": {"const": INVALID}, "Message": FILLED}, closed=True)
_REFUSALS = refused(
    record({"ErrorCode": COUNT, "Message": FILLED}, closed=True),
    *(400, 401, 405, 413, 415, 422, 429, 500, 503),
)


def operations() -> Json:
    """Both routes."""
    results = many({"anyOf": [_ACCEPTED, _REFUSED]}, 1, MESSAGES_MAX)
    batch: Json = {"description": "Each is checked by itself.", **many({}, 1, MESSAGES_MAX)}
    return {
        SINGLE: _operation("email", "one message", _MAIL, said("The message is on disk", _ACCEPTED)),
        BATCH: _operation(
            "email_batch",
            f"up to {MESSAGES_MAX} messages, each answered by itself",
            batch,
            said("Every message with ErrorCode 0 is on disk", results),
        ),
    }


def _operation(name: str, what: str, body: Json, success: Json) -> Json:
    return {
        "operationId": f"postmark_{name}",
        "summary": f"Postmark {name.replace('_', '/')}: {what}",
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": success, **_REFUSALS},
    }
