"""POST /messages/send, described."""

from __future__ import annotations

from loadtests.sendapi.formats_braze import CHANNEL_OF, PATH, USERS_MAX, WANTED
from loadtests.sendapi.schemas import COUNT, FILLED, TEXT, Json, many, record, refused, said

CREDENTIALS = ("brazeKey", {"type": "http", "scheme": "bearer"}, "^Bearer [A-Za-z0-9._-]+$")
_MESSAGES: Json = record(
    {}, {name: record(dict.fromkeys(WANTED.get(name, ()), FILLED)) for name in CHANNEL_OF}, closed=True
) | {"minProperties": 1}
_BODY = record(
    {"external_user_ids": many(FILLED, 1, USERS_MAX), "messages": _MESSAGES}, {"campaign_id": TEXT}
)
_RATE: Json = {f"X-RateLimit-{name}": {"schema": COUNT} for name in ("Limit", "Remaining", "Reset")}


def operations() -> Json:
    """Its one route."""
    accepted = record({"dispatch_id": FILLED, "message": {"const": "success"}}, closed=True)
    return {
        PATH: {
            "operationId": "braze_messages_send",
            "summary": "Braze messages/send: a message for each user on each channel",
            "requestBody": {"required": True, "content": {"application/json": {"schema": _BODY}}},
            "responses": {
                "201": said("Every message is on disk", accepted),
                **refused(
                    record({"message": FILLED}, {"errors": many(FILLED, 1)}, closed=True),
                    *(400, 401, 405, 413, 415, 422, 429, 500, 503),
                    headers={429: _RATE},
                ),
            },
        }
    }
