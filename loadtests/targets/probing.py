"""One message sent, and all that can be said of it: what came back, what it counts as, what would be seen."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urljoin

from loadtests.targets import credentials, safety
from loadtests.targets.asking import Answer, exchange
from loadtests.targets.auth import QueryKey
from loadtests.targets.figure import Meaning, Observe
from loadtests.targets.observing import Observer
from loadtests.targets.pointers import text_at
from loadtests.targets.rendering import Renderer
from loadtests.targets.replies import Reader
from loadtests.targets.rules import decoded, header
from loadtests.targets.target import Target
from loadtests.targets.wire import Operation
from scenarios.problems import nearest, user_error
from scenarios.words import CHANNELS

SHOWN_CHARACTERS = 800
SETTLE_S_MIN = 0.4
"""The far side has this long to count the message, or one and a half readings of its slowest figure."""
STANDARD_HEADERS = ("Content-Type", "Retry-After", "Location")


@dataclass(frozen=True)
class Seen:
    """A figure before and after the message; None where it could not be read."""

    name: str
    unit: str
    meaning: Meaning
    before: float | None
    after: float | None


@dataclass(frozen=True)
class Probe:
    """What one message showed. `headers`: those that matter. `reply`: accepted, partly, limited, rejected or
    failed, by the rule in `because`; `accepted`: messages it would count. `not_tested`: streams that no
    operation carries."""

    target: str
    operation: str
    method: str
    url: str
    channel: str
    request_bytes: int
    status: int
    took_s: float
    headers: tuple[tuple[str, str], ...]
    body: str
    reply: str
    accepted: int
    because: str
    error: str
    retry_after_s: float | None
    message_id: str
    observed: tuple[Seen, ...]
    not_tested: tuple[str, ...]


def probe(
    target: Target,
    streams: Sequence[tuple[str, str, str]],
    *,
    operation: str = "",
    channel: str = "",
    run: str = "",
) -> Probe:
    """Send one message by an operation (default: the first) to an address of its channel.

    `streams`: (channel, name, priority) of what is to be rehearsed; `run`: what the message's id begins with
    (default: `run_name`). Raises UserError, exit code 4 where the
    target must not be loaded, does not answer, or answers with what is no HTTP.
    """
    asked = _operation(target, operation)
    alone = _only(target, asked)
    address = safety.check(alone)
    chosen = channel or next((name for name in asked.carries if name in CHANNELS), CHANNELS[0])
    environment = credentials.environment(alone, os.environ)
    request = Renderer(alone, environment, run or run_name()).render(0, 1, chosen, "probe")
    with Observer(target, safety.permitted(target)[0]) as observer:
        before = _readings(observer, target.observe)
        answer = exchange(address, request, ca_file=target.ca_file, http=target.http)
        after = _readings(observer, target.observe)
    observed = _seen(target, before, after)
    return _explained(alone, answer, request, chosen, observed, not_tested(target, streams))


def run_name() -> str:
    """What the id of a probe's message begins with: another one for each."""
    return f"probe-{secrets.token_hex(4)}"


def not_tested(target: Target, streams: Sequence[tuple[str, str, str]]) -> tuple[str, ...]:
    """Names of the streams that no operation carries."""
    return tuple(stream[1] for stream in streams if target.operation_for(*stream) is None)


def _operation(target: Target, name: str) -> Operation:
    names = [operation.name for operation in target.operations]
    if not name:
        return target.operations[0]
    if name not in names:
        allowed = ", ".join(names)
        hint = f"; did you mean {near!r}?" if (near := nearest(name, names)) else ""
        message = f"the target has no such operation{hint}"
        raise user_error(message, key="--operation", found=name, allowed=allowed)
    return target.operations[names.index(name)]


def _only(target: Target, operation: Operation) -> Target:
    """The target as if it had this operation alone, for every stream."""
    base_url = operation.base_url or target.base_url
    alone = operation.model_copy(update={"carries": (), "base_url": ""})
    return target.model_copy(update={"operations": (alone,), "base_url": base_url})


def _readings(observer: Observer, figures: Sequence[Observe]) -> Mapping[str, float]:
    if figures:
        time.sleep(max(SETTLE_S_MIN, 1.5 * max(figure.every_s for figure in figures)))
    return observer.newest()


def _seen(target: Target, before: Mapping[str, float], after: Mapping[str, float]) -> tuple[Seen, ...]:
    return tuple(
        Seen(f.name, f.unit, f.meaning, before.get(f.name), after.get(f.name)) for f in target.observe
    )


def _explained(
    target: Target,
    answer: Answer,
    request: bytes,
    channel: str,
    observed: tuple[Seen, ...],
    missing: tuple[str, ...],
) -> Probe:
    operation = target.operations[0]
    reader = Reader(target)
    judged = reader.explain(answer.status, answer.head, answer.body, 1)
    method, path, _ = request.partition(b"\r\n")[0].decode("ascii").split(" ")
    return Probe(
        target=target.title,
        operation=operation.name,
        method=method,
        url=urljoin(target.base_url, _without_key(operation, path)),
        channel=channel,
        request_bytes=len(request),
        status=answer.status,
        took_s=answer.took_s,
        headers=_headers(operation, answer.head),
        body=answer.body.decode("utf-8", "replace")[:SHOWN_CHARACTERS],
        reply=judged.reply.name.lower(),
        accepted=judged.accepted,
        because=judged.because,
        error=_first(operation.replies.error, answer.body) if judged.accepted == 0 else "",
        retry_after_s=reader.come_again_s(answer.head) if judged.accepted == 0 else None,
        message_id=reader.message_id(answer.head, answer.body),
        observed=observed,
        not_tested=missing,
    )


def _without_key(operation: Operation, path: str) -> str:
    """A path as it may be shown."""
    if not isinstance(operation.auth, QueryKey):
        return path
    return re.sub(rf"([?&]{re.escape(quote(operation.auth.name))}=)[^&]*", r"\1…", path)


def _headers(operation: Operation, head: bytes) -> tuple[tuple[str, str], ...]:
    """Those that the target's file names, and those that say something of any response."""
    of = operation.replies
    named = (of.message_id_header, of.retry_after, of.limit, of.remaining, of.reset_in, of.reset_at)
    looked_at = (*(name for name in named if name), *(when.header for when in of.when if when.header))
    names = {name.lower(): name for name in (*STANDARD_HEADERS, *looked_at)}
    found = ((name, header(head, name)) for name in names.values())
    return tuple((name, text) for name, text in found if text)


def _first(pointers: Sequence[str], body: bytes) -> str:
    document = decoded(body)
    return next((text for pointer in pointers if (text := text_at(document, pointer))), "")
