"""Braze /messages/send as a wire: up to 50 external user ids and a message object a channel.

Shape: braze.com/docs/api/endpoints/messaging/send_messages; the wordings of errors are from memory. A user
gets one message on each channel that the body has an object for. Audiences and segments are refused: there
are none here.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

import msgspec

from loadtests.sendapi.answer import Answer, Asked, Headers, Taken, json_answer, used_up
from loadtests.sendapi.formats import Accepted, Group
from loadtests.sendapi.formats_sendgrid import is_bearer
from scenarios.words import Channel

PATH = "/messages/send"
USERS_MAX = 50
HOURLY_REQUESTS = 250_000
CHANNEL_OF: dict[str, Channel] = {
    "email": "email",
    "sms": "sms",
    "apple_push": "push",
    "android_push": "push",
    "whats_app": "whatsapp",
}
WANTED = {"email": ("app_id", "from", "subject", "body"), "sms": ("subscription_group_id", "body")}
"""Keys that a message object cannot do without; of the others at least an object is asked."""


class Braze:
    """The wire."""

    name = "braze"

    def carries(self, path: str) -> bool:
        """Its one route."""
        return path == PATH

    def refuse(self, asked: Asked, key: str) -> Answer | None:
        """401 without a good key, 415 for what is not JSON."""
        if not is_bearer(asked.headers.get(b"authorization", b""), key.encode()):
            return _error(401, "Invalid API Key")
        if asked.content_type() != b"application/json":
            return _error(415, "Content-Type must be application/json")
        return None

    def read(self, asked: Asked, body: bytes, key: str, message_id: str) -> Taken | Answer:  # noqa: ARG002 - Wire's shape
        """201 with a dispatch id, 400 with every bad field."""
        try:
            document = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _error(400, "The request body is not valid JSON")
        found = list(_wrong(document))
        if found:
            return _error(400, found[0], {"errors": found})
        dispatch = secrets.token_hex(16)
        users = len(document["external_user_ids"])
        campaign = document.get("campaign_id") or ""
        channels = dict.fromkeys(CHANNEL_OF[name] for name in document["messages"])
        groups = [
            Group(channel, "marketing", campaign, [f"{dispatch}.{channel}.{n}" for n in range(users)], [])
            for channel in channels
        ]
        answer = json_answer(201, {"dispatch_id": dispatch, "message": "success"})
        return Taken(Accepted(groups, users * len(groups), sandbox=False), answer)

    def told(self, status: int, message: str, headers: Headers) -> Answer:
        """A refusal; a 429 with the headers of the hourly limit, unless it brings others."""
        if status == 429:
            headers = used_up(HOURLY_REQUESTS, headers)
        return _error(status, message, headers=headers)


def _error(
    status: int, message: str, more: dict[str, Any] | None = None, headers: Headers | None = None
) -> Answer:
    return json_answer(status, {"message": message} | (more or {}), headers)


def _wrong(document: Any) -> Iterator[str]:
    """Every bad field."""
    if not isinstance(document, dict):
        yield "The request body must be a JSON object"
        return
    users = document.get("external_user_ids")
    if not isinstance(users, list) or not users:
        yield "'external_user_ids' must be a non-empty array; audiences and segments are not known here"
    elif len(users) > USERS_MAX:
        yield f"'external_user_ids' is limited to {USERS_MAX} ids"
    elif not all(isinstance(user, str) and user for user in users):
        yield "'external_user_ids' must be an array of non-empty strings"
    if not isinstance(document.get("campaign_id", ""), str):
        yield "'campaign_id' must be a string"
    messages = document.get("messages")
    if not isinstance(messages, dict) or not messages:
        yield "'messages' must be an object with at least one message"
        return
    for name, message in messages.items():
        yield from _wrong_message(name, message)


def _wrong_message(name: str, message: Any) -> Iterator[str]:
    if name not in CHANNEL_OF:
        yield f"'messages.{name}' is not a known messaging channel"
    elif not isinstance(message, dict):
        yield f"'messages.{name}' must be an object"
    else:
        for key in WANTED.get(name, ()):
            if not isinstance(message.get(key), str) or not message[key]:
                yield f"'messages.{name}.{key}' is required"
