"""Every bad field of an SES v2 request, worded as AWS services word their constraints (from memory)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from loadtests.sendapi.complaints import is_email

RECIPIENTS_MAX = 50


def of_single(document: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a SendEmail."""
    yield from _sender(document)
    yield from of_destination(document.get("Destination"), "destination")
    yield from _content(document)
    yield from _tags(document.get("EmailTags"), "emailTags")


def of_bulk(document: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a SendBulkEmail as a whole; a bad destination is told in its entry's result."""
    yield from _sender(document)
    yield from _entries(document.get("BulkEmailEntries"))
    yield from _default_content(document)
    yield from _tags(document.get("DefaultEmailTags"), "defaultEmailTags")


def _null(field: str) -> str:
    return f"Value at '{field}' failed to satisfy constraint: Member must not be null"


def _sender(document: dict[str, Any]) -> Iterator[str]:
    sender = document.get("FromEmailAddress")
    if sender is None:
        yield _null("fromEmailAddress")
    elif not is_email(_bare(sender)):
        yield "Value at 'fromEmailAddress' failed to satisfy constraint: Missing or invalid address"


def of_destination(found: Any, path: str) -> Iterator[str]:
    """What is wrong with a Destination that stands at `path`."""
    if not isinstance(found, dict):
        yield _null(path)
        return
    addresses = [_listed(found.get(f"{kind}Addresses")) for kind in ("To", "Cc", "Bcc")]
    if not all(isinstance(kind, list) for kind in addresses):
        yield f"Value at '{path}' failed to satisfy constraint: addresses must be lists"
        return
    everybody = [address for kind in addresses for address in kind]
    if not everybody:
        yield f"Value at '{path}' failed to satisfy constraint: Member must have at least one recipient"
    if len(everybody) > RECIPIENTS_MAX:
        yield f"Recipient count exceeds {RECIPIENTS_MAX}"
    for address in everybody:
        if not is_email(_bare(address)):
            yield f"Value at '{path}' failed to satisfy constraint: Illegal address {address!r}"


def _content(document: dict[str, Any]) -> Iterator[str]:
    content = document.get("Content")
    kinds = {"Simple": _simple, "Raw": _raw, "Template": _template}
    if not isinstance(content, dict) or not content.keys() & kinds.keys():
        yield _null("content")
        return
    for kind, check in kinds.items():
        if kind in content:
            yield from check(content[kind], f"content.{kind.lower()}")


def _simple(found: Any, path: str) -> Iterator[str]:
    simple = found if isinstance(found, dict) else {}
    for field in ("Subject", "Body"):
        if not isinstance(simple.get(field), dict):
            yield _null(f"{path}.{field.lower()}")
    subject = simple.get("Subject")
    if isinstance(subject, dict) and not isinstance(subject.get("Data"), str):
        yield _null(f"{path}.subject.data")


def _raw(found: Any, path: str) -> Iterator[str]:
    if not isinstance(found, dict) or not isinstance(found.get("Data"), str) or not found["Data"]:
        yield _null(f"{path}.data")


def _template(found: Any, path: str) -> Iterator[str]:
    """By name, by ARN, or its content itself."""
    if not isinstance(found, dict):
        yield _null(path)
        return
    if not found.keys() & {"TemplateName", "TemplateArn", "TemplateContent"}:
        yield _null(f"{path}.templateName")
    for key, kind in (("TemplateName", str), ("TemplateArn", str), ("TemplateContent", dict)):
        if key in found and not (isinstance(found[key], kind) and found[key]):
            yield _null(f"{path}.{key[0].lower()}{key[1:]}")
    if not isinstance(found.get("TemplateData", ""), str):
        yield f"Value at '{path}.templateData' failed to satisfy constraint: Member must be a string"


def _default_content(document: dict[str, Any]) -> Iterator[str]:
    content = document.get("DefaultContent")
    if isinstance(content, dict):
        yield from _template(content.get("Template"), "defaultContent.template")
    else:
        yield _null("defaultContent")


def _tags(found: Any, path: str) -> Iterator[str]:
    tags = _listed(found)
    listed = tags if isinstance(tags, list) else []
    pairs = [(tag.get("Name"), tag.get("Value")) for tag in listed if isinstance(tag, dict)]
    if not isinstance(tags, list) or len(pairs) < len(tags) or not all(_is_text(pair) for pair in pairs):
        yield f"Value at '{path}' failed to satisfy constraint: Members must have a name and a value"


def _is_text(pair: tuple[Any, Any]) -> bool:
    return all(isinstance(text, str) and text for text in pair)


def _listed(found: Any) -> Any:
    """What is absent or null is an empty list."""
    return [] if found is None else found


def _entries(found: Any) -> Iterator[str]:
    if not isinstance(found, list) or not found:
        yield _null("bulkEmailEntries")
    elif len(found) > RECIPIENTS_MAX:
        at_most = f"at most {RECIPIENTS_MAX} destinations"
        yield f"Value at 'bulkEmailEntries' failed to satisfy constraint: {at_most}"
    elif not all(isinstance(entry, dict) for entry in found):
        yield "Value at 'bulkEmailEntries' failed to satisfy constraint: Members must be structures"
    else:
        for place, entry in enumerate(found):
            path = f"bulkEmailEntries.{place + 1}.member.replacementTags"
            yield from _tags(entry.get("ReplacementTags"), path)


def _bare(address: Any) -> Any:
    """`Name <a@example.com>` without the name."""
    if isinstance(address, str) and address.endswith(">"):
        return address[:-1].rpartition("<")[2]
    return address
