"""POST /v3/mail/send, described."""

from __future__ import annotations

from loadtests.sendapi.complaints import CHOICES, EMAIL, MAX_EMAIL_LENGTH, MAX_PERSONALIZATIONS
from loadtests.sendapi.formats_sendgrid import PATH
from loadtests.sendapi.schemas import COUNT, FILLED, TEXT, Json, many, nullable, record, refused, said

CREDENTIALS = ("sendgridKey", {"type": "http", "scheme": "bearer"}, "^Bearer [A-Za-z0-9._-]+$")
_EMAIL: Json = {
    "type": "string",
    "maxLength": MAX_EMAIL_LENGTH,
    "pattern": f"^{EMAIL.replace('++', '+')}$",  # JSON Schema knows no possessive repeats
}
_ADDRESS = record({"email": _EMAIL}, {"name": {}})
_ARGUMENTS = record(
    {},
    {"peakday_id": TEXT, "campaign": TEXT}
    | {name: {"type": "string", "enum": list(allowed)} for name, allowed in CHOICES.items()},
)
_COPIES: Json = {"cc": many(_ADDRESS), "bcc": many(_ADDRESS), "custom_args": _ARGUMENTS}
_PERSON = record({"to": many(_ADDRESS, 1)}, _COPIES | {"subject": TEXT})
_PERSON_WITH_A_SUBJECT = record({"to": many(_ADDRESS, 1), "subject": FILLED}, _COPIES)
_BLOCK = record({"type": FILLED, "value": FILLED})
_SANDBOX = record({}, {"sandbox_mode": record({}, {"enable": {"type": "boolean"}})})


def _mail(person: Json, **required: Json) -> Json:
    """A mail/send body that has these fields at least."""
    free = {
        "subject": TEXT,
        "content": many(_BLOCK),
        "template_id": TEXT,
        "custom_args": _ARGUMENTS,
        "mail_settings": _SANDBOX,
    }
    people = {"personalizations": many(person, 1, MAX_PERSONALIZATIONS), "from": _ADDRESS}
    return record(people | required, {name: schema for name, schema in free.items() if name not in required})


_MAIL: Json = {
    "anyOf": [
        _mail(_PERSON, subject=FILLED, content=many(_BLOCK, 1)),
        _mail(_PERSON, template_id=FILLED),
        _mail(_PERSON_WITH_A_SUBJECT, content=many(_BLOCK, 1)),
    ]
}
_ERROR = record({"message": FILLED, "field": nullable(TEXT), "help": nullable(TEXT)}, closed=True)
_RATE: Json = {f"X-RateLimit-{name}": {"schema": COUNT} for name in ("Limit", "Remaining", "Reset")}


def operations() -> Json:
    """Its one route."""
    accepted = said("Every message is on disk", headers={"X-Message-Id": {"required": True, "schema": TEXT}})
    return {
        PATH: {
            "operationId": "sendgrid_mail_send",
            "summary": "SendGrid v3 mail/send: one message a personalization",
            "requestBody": {"required": True, "content": {"application/json": {"schema": _MAIL}}},
            "responses": {
                "200": said("Checked, not sent: sandbox mode"),
                "202": accepted,
                **refused(
                    record({"errors": many(_ERROR, 1)}, closed=True),
                    *(400, 401, 405, 413, 415, 422, 429, 500, 503),
                    headers={429: _RATE},
                ),
            },
        }
    }
