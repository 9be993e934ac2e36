"""One message of a queued request as a letter, whatever wire format it came in."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Any
from urllib.parse import parse_qs

import msgspec

from loadtests.sendapi.blocks import Entry

SENDER = "season@example.com"
UNKNOWN = "unknown@example.com"
ID_HEADER = "X-Peakday-Id"


@dataclass(frozen=True)
class Letter:
    """`recipients`: e-mail addresses; made up at example.com where the wire format knows none."""

    id: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    text: str

    def message(self) -> EmailMessage:
        """As MIME."""
        mail = EmailMessage()
        mail["From"] = self.sender
        mail["To"] = ", ".join(self.recipients)
        mail["Subject"] = _one_line(self.subject)
        mail["Date"] = formatdate()
        mail[ID_HEADER] = _one_line(self.id)
        mail.set_content(self.text)
        return mail


def letters(entry: Entry) -> Callable[[int], Letter]:
    """The letter at a place of `entry.ids`."""
    read = _READERS.get(entry.wire)
    if read is None:  # queued by a version that did not say
        return lambda place: Letter(entry.ids[place], SENDER, (UNKNOWN,), "", "")
    document = _DOCUMENTS.get(entry.wire, msgspec.json.decode)(entry.body)

    def letter(place: int) -> Letter:
        at = entry.places[place] if entry.places else place
        return read(document, at, entry.ids[place])

    return letter


def _form(body: bytes) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _of_sendgrid(mail: dict[str, Any], at: int, message_id: str) -> Letter:
    person = mail["personalizations"][at]
    everybody = (address for kind in ("to", "cc", "bcc") for address in person.get(kind, ()))
    content = mail.get("content") or [{"value": f"template {mail.get('template_id', '')}"}]
    return Letter(
        message_id,
        mail["from"]["email"],
        tuple(address["email"] for address in everybody),
        person.get("subject") or mail.get("subject", ""),
        content[0]["value"],
    )


def _of_twilio(form: dict[str, str], _: int, message_id: str) -> Letter:
    number = form["To"].rpartition(":")[2]
    return Letter(message_id, SENDER, (f"{number}@sms.example.com",), "", form.get("Body", ""))


def _of_braze(document: dict[str, Any], at: int, message_id: str) -> Letter:
    users = document["external_user_ids"]
    user = users[at % len(users)]
    address = f"user-{zlib.crc32(user.encode()):08x}@users.example.com"
    email = document["messages"].get("email", {})
    return Letter(message_id, SENDER, (address,), email.get("subject", ""), email.get("body", user))


def _of_ses(document: dict[str, Any], at: int, message_id: str) -> Letter:
    bulk = document.get("BulkEmailEntries")
    destination = bulk[at]["Destination"] if bulk else document["Destination"]
    kinds = (destination.get(f"{kind}Addresses") or () for kind in ("To", "Cc", "Bcc"))
    recipients = tuple(parseaddr(address)[1] for kind in kinds for address in kind)
    simple = (document.get("Content") or {}).get("Simple") or {}
    body = simple.get("Body") or {}
    text = (body.get("Text") or body.get("Html") or {}).get("Data", "")
    subject = (simple.get("Subject") or {}).get("Data", "")
    return Letter(message_id, parseaddr(document["FromEmailAddress"])[1], recipients, subject, text)


def _of_postmark(document: Any, at: int, message_id: str) -> Letter:
    message = document[at] if isinstance(document, list) else document
    lists = (message.get(kind) or "" for kind in ("To", "Cc", "Bcc"))
    to = tuple(parseaddr(address)[1] for each in lists if each for address in each.split(","))
    text = message.get("TextBody") or message.get("HtmlBody") or ""
    return Letter(message_id, parseaddr(message["From"])[1], to, message.get("Subject") or "", text)


def _one_line(text: str) -> str:
    return " ".join(text.split())


_DOCUMENTS: dict[str, Callable[[bytes], Any]] = {"twilio": _form}
_READERS: dict[str, Callable[[Any, int, str], Letter]] = {
    "sendgrid": _of_sendgrid,
    "twilio": _of_twilio,
    "braze": _of_braze,
    "ses": _of_ses,
    "postmark": _of_postmark,
}
