"""What spans several values of a target file: mistakes that no single value shows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from loadtests.targets.answers import Entries, Replies, When
from loadtests.targets.auth import HeaderKey
from loadtests.targets.behind_soundness import behind_complaints
from loadtests.targets.delivery_soundness import delivery_complaints, slot_complaints
from loadtests.targets.figure import MESSAGE_MEANINGS, Observe
from loadtests.targets.slots import PLACEHOLDER
from loadtests.targets.target_words import Target
from loadtests.targets.wire import OURS_TO_SET, Body, Operation
from scenarios.complaints import Complaint
from scenarios.positions import KeyPath
from scenarios.problems import nearest
from scenarios.salvage import held
from scenarios.words import Word

Found = Iterator[Complaint]
AnyWord = TypeVar("AnyWord", bound=Word)

MESSAGES, VARIABLES = "{{messages}}", "{{variables}}"


def complaints(target: Target, shipped: Sequence[str], *, complete: bool = True) -> list[Complaint]:
    """Every mistake, also of a target that could be read in part. `shipped`: names that `like` may take.

    `complete`: the file is to stand alone, with an address.
    """
    found = held(_whole, target, shipped, complete)
    for place, operation in enumerate(getattr(target, "operations", ())):
        found += _of_operation(operation, ("operation", place), held(_watches_messages, target))
    for place, figure in enumerate(getattr(target, "observe", ())):
        found += held(_of_figure, figure, ("observe", place))
    if behind := getattr(target, "behind", None):
        found += held(behind_complaints, behind, target)
    if delivery := getattr(target, "delivery", None):
        found += held(delivery_complaints, delivery, target)
    return found


def _whole(target: Target, shipped: Sequence[str], complete: bool) -> Found:
    if target.like and target.like not in shipped:
        yield Complaint(("like",), "unknown wire format", ", ".join(shipped), nearest(target.like, shipped))
    if not target.operations and not target.like:
        example = f'one or more [[operation]], or like = "{shipped[-1]}"'
        yield Complaint(("operation",), "the file describes no operation", example, points_at="table")
    if complete and not target.base_url and target.asks_its_base_url:
        message = 'is missing; write base_url = "http://127.0.0.1:8025"'
        yield Complaint(("base_url",), message, points_at="table")
    yield from _carried_once(target.operations)
    yield from slot_complaints(target)


def _carried_once(operations: Sequence[Operation]) -> Found:
    carrier: dict[str, str] = {}
    for place, operation in enumerate(operations):
        for name in operation.carries or ("",):
            other = carrier.setdefault(name, operation.name)
            if other != operation.name:
                what = repr(name) if name else "everything that no other operation names"
                message = f"{what} is carried by {other!r} already; this operation would never get it"
                yield Complaint(("operation", place, "carries"), message, points_at="value")


def _watches_messages(target: Target) -> Iterator[Observe]:
    return (figure for figure in target.observe if figure.meaning in ("received", "delivered"))


def _of_operation(operation: Operation, path: KeyPath, watched: Sequence[Observe]) -> Iterable[Complaint]:
    found = held(_body_and_batch, operation, (*path,), bool(watched))
    found += held(_auth, operation, (*path, "auth"))
    if "body" in operation.__dict__:
        found += held(_body, operation.body, (*path, "body"))
    if "replies" in operation.__dict__:
        found += held(_replies, operation.replies, (*path, "replies"))
    return found


def _body_and_batch(operation: Operation, path: KeyPath, watched: bool) -> Found:
    whole = "".join(operation.body.texts().values())
    repeats = MESSAGES in whole or VARIABLES in whole
    batch = (*path, "messages_per_request")
    if operation.fan_out == "observed":
        if repeats:
            message = "one call reaches many, so the body names no message; take {{messages}} out"
            yield Complaint((*path, "fan_out"), message)
        if not watched:
            message = "nothing shows how many it reached; add an [[observe]] that means received or delivered"
            yield Complaint((*path, "fan_out"), message)
    elif operation.messages_per_request > 1 and not repeats:
        yield Complaint(batch, "the body has no {{messages}}, so a request carries one", "1")
    if operation.body.encoding == "query" and repeats:
        yield Complaint((*path, "body", "encoding"), "a query carries one message, not {{messages}}")
    if operation.method == "GET" and operation.body.encoding != "query":
        yield Complaint((*path, "method"), "a GET has no body", 'POST, or body.encoding = "query"')


def _auth(operation: Operation, path: KeyPath) -> Found:
    if isinstance(operation.auth, HeaderKey):
        name = operation.auth.name.lower()
        if name in OURS_TO_SET - {"authorization"}:
            yield Complaint((*path, "name"), f"{operation.auth.name} is set by peakday itself")


def _body(body: Body, path: KeyPath) -> Found:
    if bool(body.template) == bool(body.fields):
        message = "a body is either a template or fields: one of the two"
        yield Complaint((*path, "template"), message, points_at="value" if body.template else "table")
        return
    if body.fields and body.encoding in ("json", "text"):
        yield Complaint((*path, "encoding"), "fields make a form", '"form", "multipart" or "query"')
    if body.template and body.encoding == "multipart":
        yield Complaint((*path, "template"), "multipart is made of fields", "[operation.body.fields]")
    whole = "".join(body.texts().values())
    for place, key in ((MESSAGES, "message"), (VARIABLES, "variable")):
        yield from _rows(whole.count(place), bool(getattr(body, key)), place, (*path, key))
    if body.template and body.encoding == "json" and (reason := _no_json(body)):
        yield Complaint((*path, "template"), f"not JSON once it is filled in: {reason}")


def _rows(times: int, given: bool, place: str, path: KeyPath) -> Found:
    if times > 1:
        yield Complaint(path, f"{place} stands {times} times; once is allowed", points_at="value")
    if times and not given:
        yield Complaint(path, f"is missing; it is what {place} repeats", points_at="table")
    if given and not times:
        yield Complaint(path, f"is never used; the body has no {place}")


def _no_json(body: Body) -> str:
    """Why the body is not JSON with 0 in every slot, which can stand bare or in quotes; "" where it is."""
    text = body.template
    for place, row in ((MESSAGES, body.message), (VARIABLES, body.variable)):
        text = text.replace(place, body.separator.join([row, row]))
    try:
        json.loads(PLACEHOLDER.sub("0", text))
    except ValueError as error:
        return str(error)
    return ""


def _replies(replies: Replies, path: KeyPath) -> Found:
    for place, when in enumerate(replies.when):
        yield from held(_when, when, (*path, "when", place))
    if replies.entries is not None:
        yield from held(_entries, replies.entries, (*path, "entries"))


def _when(when: When, path: KeyPath) -> Found:
    if when.header is not None and when.pointer is not None:
        yield Complaint((*path, "pointer"), "a rule looks at a header or at a pointer: one of the two")
    if when.equals and when.holds:
        yield Complaint((*path, "holds"), "a rule says equals or holds: one of the two")
    if when.absent and (when.equals or when.holds or (when.header is None and when.pointer is None)):
        yield Complaint((*path, "absent"), "what is absent is a header or a pointer, and has no value")
    if when.header is None and when.pointer is None and not when.equals and not when.holds:
        message = "matches every reply; say what it looks at"
        yield Complaint((*path, "means"), message, "header, pointer, equals or holds")


def _entries(entries: Entries, path: KeyPath) -> Found:
    ways: tuple[Any, ...] = (entries.results, entries.refused, entries.count)
    if sum(way is not None for way in ways) != 1:
        yield Complaint(path, "says which entries were accepted in one way", "results, refused or count")
    if entries.results is None and (entries.status or entries.accepted or entries.limited):
        yield Complaint((*path, "results"), "is missing; status stands within its entries", points_at="table")


def _of_figure(figure: Observe, path: KeyPath) -> Found:
    if (figure.pointer is None) is (not figure.promql):
        message = "a figure is read by a pointer into JSON or by a promql query: one of the two"
        yield Complaint((*path, "pointer"), message, points_at="table")
    if figure.promql and figure.url.startswith("/"):
        yield Complaint((*path, "url"), "promql is asked of a Prometheus", '"http://127.0.0.1:9090"')
    if figure.provider and figure.meaning not in MESSAGE_MEANINGS:
        allowed = ", ".join(MESSAGE_MEANINGS)
        yield Complaint((*path, "provider"), "only counts of messages are told by provider", allowed)
