"""SendGrid v3 mail/send: a body read into messages, or every bad field named as the provider would.

Two faces of one law: `read` decodes straight into typed records and checks them in bulk; only where that
fails, `complaints` walks the untyped document and names every bad field. A property test holds them equal.
Shape and limits: SendGrid's v3 mail/send. One personalization is one message.
"""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from loadtests.sendapi.complaints import (
    EMAIL,
    MAX_EMAIL_LENGTH,
    MAX_PERSONALIZATIONS,
    MAX_RECIPIENTS,
    FieldError,
    complaints,
)
from scenarios.words import Channel, Priority

_all_match = re.compile(rf"(?:{EMAIL}\n)++").fullmatch
_Filled = Annotated[str, msgspec.Meta(min_length=1)]


class Group(msgspec.Struct, frozen=True):
    """Messages of one request that go the same way. `places`: their personalizations, [] = all."""

    channel: Channel
    priority: Priority
    campaign: str
    ids: list[str]
    places: list[int]


class Accepted(msgspec.Struct, frozen=True):
    """A request that passed every check: its messages in groups; `sandbox` = checked only, not to be sent."""

    groups: list[Group]
    messages: int
    sandbox: bool


class Refused(msgspec.Struct, frozen=True):
    """A request that the provider would answer 400: every bad field."""

    errors: list[FieldError]


class _Address(msgspec.Struct, gc=False):
    email: str


class _Arguments(msgspec.Struct, gc=False, frozen=True):
    peakday_id: str = ""
    campaign: str = ""
    channel: Channel | msgspec.UnsetType = msgspec.UNSET
    priority: Priority | msgspec.UnsetType = msgspec.UNSET


_NO_ARGUMENTS = _Arguments()


_Copies = list[_Address] | msgspec.UnsetType
"""UNSET where there are none: an empty list for each message is work for the garbage collector."""


class _Personalization(msgspec.Struct, gc=False):
    to: Annotated[list[_Address], msgspec.Meta(min_length=1)]
    cc: _Copies = msgspec.UNSET
    bcc: _Copies = msgspec.UNSET
    subject: str = ""
    custom_args: _Arguments = _NO_ARGUMENTS


class _Content(msgspec.Struct, gc=False):
    type: _Filled
    value: _Filled


class _Sandbox(msgspec.Struct, gc=False, frozen=True):
    enable: bool = False


class _Settings(msgspec.Struct, gc=False, frozen=True):
    sandbox_mode: _Sandbox = _Sandbox()


class _Mail(msgspec.Struct):
    sender: _Address = msgspec.field(name="from")
    personalizations: Annotated[
        list[_Personalization], msgspec.Meta(min_length=1, max_length=MAX_PERSONALIZATIONS)
    ]
    subject: str = ""
    content: list[_Content] = []
    template_id: str = ""
    custom_args: _Arguments = _NO_ARGUMENTS
    mail_settings: _Settings = _Settings()


_decode = msgspec.json.Decoder(_Mail).decode


def read(body: bytes, message_id: str) -> Accepted | Refused:
    """The messages of a mail/send body. `message_id` names those that bring no `peakday_id` of their own."""
    try:
        mail = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _refused(body)
    if not _is_sound(mail):
        return _refused(body)
    return Accepted(
        _groups(mail, message_id), len(mail.personalizations), mail.mail_settings.sandbox_mode.enable
    )


def _refused(body: bytes) -> Refused:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Refused([FieldError("Bad Request")])
    return Refused(complaints(document))


def _is_sound(mail: _Mail) -> bool:
    """What types alone cannot say. False sends the body to `complaints`, which finds out what is wrong."""
    people = mail.personalizations
    emails = [address.email for person in people for address in person.to]
    emails += [
        address.email
        for person in people
        if person.cc or person.bcc
        for address in (person.cc or []) + (person.bcc or [])
    ]
    if len(emails) > MAX_RECIPIENTS:
        return False
    emails.append(mail.sender.email)
    lines = "\n".join(emails) + "\n"
    return (
        _all_match(lines) is not None
        and lines.count("\n") == len(emails)
        and max(map(len, emails)) <= MAX_EMAIL_LENGTH
        and bool(mail.template_id or (mail.content and (mail.subject or all(p.subject for p in people))))
    )


def _groups(mail: _Mail, message_id: str) -> list[Group]:
    """Nearly every request is one group: what all its messages share is looked at first."""
    common = mail.custom_args
    people = mail.personalizations
    if len(people) == 1:
        own = people[0].custom_args
        return [Group(*_way(own, common), [own.peakday_id or common.peakday_id or message_id], [])]
    ids = _ids(people, common.peakday_id or message_id)
    all_own = [person.custom_args for person in people]
    if not any([a.channel or a.priority or a.campaign for a in all_own]):  # noqa: C419 - a list is twice as fast here
        return [Group(*_way(common, common), ids, [])]
    ways = [_way(own, common) for own in all_own]
    if ways.count(ways[0]) == len(ways):
        return [Group(*ways[0], ids, [])]
    places: dict[tuple[Channel, Priority, str], list[int]] = {}
    for place, way in enumerate(ways):
        places.setdefault(way, []).append(place)
    return [Group(*way, [ids[place] for place in chosen], chosen) for way, chosen in places.items()]


def _way(own: _Arguments, common: _Arguments) -> tuple[Channel, Priority, str]:
    channel = own.channel or common.channel or "email"
    priority = own.priority or common.priority or "marketing"
    return channel, priority, own.campaign or common.campaign


def _ids(people: list[_Personalization], common: str) -> list[str]:
    """A message's own id; else the request's with its place behind it."""
    ids = [person.custom_args.peakday_id for person in people]
    if all(ids):
        return ids
    return [name or f"{common}.{place}" for place, name in enumerate(ids)]
