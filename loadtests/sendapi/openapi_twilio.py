"""POST /2010-04-01/Accounts/{AccountSid}/Messages.json, described."""

from __future__ import annotations

from loadtests.sendapi.formats_twilio import ACCOUNT, BODY_LETTERS_MAX, NUMBER, SENDER
from loadtests.sendapi.schemas import FILLED, TEXT, Json, nullable, record, refused, said

CREDENTIALS = ("twilioToken", {"type": "http", "scheme": "basic"}, "^Basic [A-Za-z0-9+/]{40,}={0,2}$")
_FORM = record(
    {"To": {"type": "string", "pattern": f"^(?:{NUMBER})$"}},
    {
        "From": {"type": "string", "pattern": f"^(?:{SENDER})?$"},
        "MessagingServiceSid": TEXT,
        "Body": {"type": "string", "maxLength": BODY_LETTERS_MAX},
        "MediaUrl": TEXT,
        "ContentSid": TEXT,
        "StatusCallback": TEXT,
    },
) | {
    "allOf": [
        {"anyOf": [record({name: FILLED}) for name in ("From", "MessagingServiceSid")]},
        {"anyOf": [record({name: FILLED}) for name in ("Body", "MediaUrl", "ContentSid")]},
    ]
}
_RESOURCE = record(
    {
        "account_sid": FILLED,
        "body": TEXT,
        "date_created": FILLED,
        "direction": {"const": "outbound-api"},
        "error_code": {"type": "null"},
        "from": nullable(TEXT),
        "messaging_service_sid": nullable(TEXT),
        "sid": {"type": "string", "pattern": "^SM[0-9a-f]{32}$"},
        "status": {"const": "queued"},
        "to": FILLED,
        "uri": FILLED,
    }
)
_ERROR = record(
    {"code": {"type": "integer"}, "message": FILLED, "more_info": FILLED, "status": {"type": "integer"}},
    closed=True,
)


def operations() -> Json:
    """Its one route."""
    return {
        "/2010-04-01/Accounts/{AccountSid}/Messages.json": {
            "operationId": "twilio_messages",
            "summary": "Twilio Messages: one message",
            "parameters": [
                {
                    "name": "AccountSid",
                    "in": "path",
                    "required": True,
                    "schema": {"type": "string", "pattern": f"^{ACCOUNT}$"},
                }
            ],
            "requestBody": {
                "required": True,
                "content": {"application/x-www-form-urlencoded": {"schema": _FORM}},
            },
            "responses": {
                "201": said("On disk", _RESOURCE),
                **refused(_ERROR, 400, 401, 404, 405, 413, 415, 422, 429, 500, 503),
            },
        }
    }
