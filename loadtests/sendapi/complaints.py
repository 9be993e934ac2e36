"""Every bad field of a mail/send document, named as SendGrid names it (`personalizations.0.to.0.email`).

Field paths and limits: SendGrid v3 mail/send. The wordings are written from memory of its replies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal, get_args

import msgspec

from scenarios.words import Channel, Priority

MAX_PERSONALIZATIONS = 1000
MAX_RECIPIENTS = 1000
MAX_EMAIL_LENGTH = 320
"""64 for the local part, 1 for the @, 255 for the domain (RFC 5321, 4.5.3.1)."""
EMAIL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]++@[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)++"
HELP = "http://sendgrid.com/docs/API_Reference/Web_API_v3/Mail/errors.html#message."
IDENTITY_FIELDS = ("peakday_id", "campaign")
CHOICES: dict[str, tuple[str, ...]] = {
    "channel": get_args(Channel),
    "priority": get_args(Priority),
}

_matches = re.compile(EMAIL).fullmatch
_Kind = Literal["to", "cc", "bcc"]


class FieldError(msgspec.Struct, frozen=True):
    """One entry of SendGrid's `errors`; `field` None where the request as a whole is meant."""

    message: str
    field: str | None = None
    help: str | None = None


def is_email(text: object) -> bool:
    """Whether the provider would take this as an address."""
    return isinstance(text, str) and len(text) <= MAX_EMAIL_LENGTH and _matches(text) is not None


def complaints(document: Any) -> list[FieldError]:
    """Every bad field of a decoded JSON document, in the order of the fields; [] where it is good."""
    if not isinstance(document, dict):
        return [FieldError("Bad Request")]
    return [
        *_personalizations(document),
        *_from(document.get("from", None)),
        *_subject(document),
        *_content(document),
        *_custom_args(document, ""),
        *_mail_settings(document),
    ]


def _bad(message: str, field: str, anchor: str = "") -> FieldError:
    return FieldError(message, field, HELP + (anchor or field.split(".")[0]))


def _personalizations(document: dict[str, Any]) -> Iterator[FieldError]:
    found = document.get("personalizations")
    if not isinstance(found, list) or not found:
        yield _bad(
            "The personalizations field is required and must have at least one personalization.",
            "personalizations",
        )
        return
    if len(found) > MAX_PERSONALIZATIONS:
        yield _bad(
            f"A maximum of {MAX_PERSONALIZATIONS} personalizations may be sent per request.",
            "personalizations",
        )
    if sum(_recipients(entry) for entry in found) > MAX_RECIPIENTS:
        yield _bad(
            f"The total number of recipients must be no more than {MAX_RECIPIENTS} per request.",
            "personalizations",
            "recipient-errors",
        )
    for place, entry in enumerate(found):
        yield from _personalization(entry, f"personalizations.{place}")


def _recipients(entry: Any) -> int:
    if not isinstance(entry, dict):
        return 0
    return sum(len(entry[kind]) for kind in ("to", "cc", "bcc") if isinstance(entry.get(kind), list))


def _personalization(entry: Any, path: str) -> Iterator[FieldError]:
    if not isinstance(entry, dict):
        yield _bad("A personalization must be an object.", path)
        return
    if not isinstance(entry.get("to"), list) or not entry["to"]:
        yield _bad(
            "The to array is required for all personalization objects, and must have at least one email "
            "object with a valid email address.",
            f"{path}.to",
            "personalizations.to",
        )
    else:
        yield from _addresses(entry["to"], f"{path}.to", "to")
    for kind in ("cc", "bcc"):
        yield from _copies(entry, path, kind)
    if "subject" in entry and not isinstance(entry["subject"], str):
        yield _bad("The subject must be a string.", f"{path}.subject", "personalizations.subject")
    yield from _custom_args(entry, f"{path}.")


def _copies(entry: dict[str, Any], path: str, kind: _Kind) -> Iterator[FieldError]:
    if kind not in entry:
        return
    if isinstance(entry[kind], list):
        yield from _addresses(entry[kind], f"{path}.{kind}", kind)
    else:
        yield _bad(f"The {kind} parameter must be an array.", f"{path}.{kind}", f"personalizations.{kind}")


def _addresses(found: Sequence[Any], path: str, kind: _Kind) -> Iterator[FieldError]:
    for place, address in enumerate(found):
        anchor = f"personalizations.{kind}"
        if not isinstance(address, dict):
            yield _bad("An address must be an object with an email.", f"{path}.{place}", anchor)
        elif not is_email(address.get("email")):
            yield _bad("Does not contain a valid address.", f"{path}.{place}.email", anchor)


def _from(found: Any) -> Iterator[FieldError]:
    email = found.get("email") if isinstance(found, dict) else None
    if email is None:
        yield _bad(
            "The from object must be provided for every email send. It is an object that requires the email "
            'parameter, but may also contain a name parameter. e.g. {"email" : "example@example.com"} or '
            '{"email" : "example@example.com", "name" : "Example Recipient"}.',
            "from.email",
        )
    elif not is_email(email):
        yield _bad("The from email does not contain a valid address.", "from.email")


def _subject(document: dict[str, Any]) -> Iterator[FieldError]:
    if not isinstance(document.get("template_id", ""), str):
        yield _bad("The template_id must be a string.", "template_id")
    if not isinstance(document.get("subject", ""), str):
        yield _bad("The subject must be a string.", "subject")
    elif not (document.get("subject") or document.get("template_id") or _each_has_a_subject(document)):
        yield _bad(
            "The subject is required. You can get around this requirement if you use a template with a "
            "subject defined or if every personalization has a subject defined.",
            "subject",
        )


def _each_has_a_subject(document: dict[str, Any]) -> bool:
    found = document.get("personalizations")
    return (
        isinstance(found, list)
        and bool(found)
        and all(isinstance(entry, dict) and bool(entry.get("subject")) for entry in found)
    )


def _content(document: dict[str, Any]) -> Iterator[FieldError]:
    if "content" not in document or document["content"] == []:
        if not document.get("template_id"):
            yield _bad(
                "Unless a valid template_id is provided, the content parameter is required. There must be at "
                "least one defined content block.",
                "content",
            )
        return
    if not isinstance(document["content"], list):
        yield _bad("The content parameter must be an array.", "content")
        return
    for place, block in enumerate(document["content"]):
        for key in ("type", "value"):
            text = block.get(key) if isinstance(block, dict) else None
            if not isinstance(text, str) or not text:
                yield _bad(
                    f"The content {key} must be a string at least one character in length.",
                    f"content.{place}.{key}",
                )


def _custom_args(owner: dict[str, Any], path: str) -> Iterator[FieldError]:
    found = owner.get("custom_args", {})
    field = f"{path}custom_args"
    if not isinstance(found, dict):
        yield _bad("The custom_args parameter must be an object.", field)
        return
    for key in IDENTITY_FIELDS:
        if not isinstance(found.get(key, ""), str):
            yield _bad("The value of a custom arg must be a string.", f"{field}.{key}")
    for key, allowed in CHOICES.items():
        if key in found and found[key] not in allowed:
            yield _bad(f"The {key} must be one of {', '.join(allowed)}.", f"{field}.{key}")


def _mail_settings(document: dict[str, Any]) -> Iterator[FieldError]:
    settings = document.get("mail_settings", {})
    if not isinstance(settings, dict):
        yield _bad("The mail_settings parameter must be an object.", "mail_settings")
        return
    sandbox = settings.get("sandbox_mode", {})
    if not isinstance(sandbox, dict):
        yield _bad("The sandbox_mode parameter must be an object.", "mail_settings.sandbox_mode")
    elif not isinstance(sandbox.get("enable", False), bool):
        yield _bad("The enable parameter must be a boolean.", "mail_settings.sandbox_mode.enable")
