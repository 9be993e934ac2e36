"""An objective from one line of text: quantity, operator, limit, window, share of good windows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from scenarios.problems import BadValueError, nearest
from scenarios.quantities import parse_count, parse_duration, parse_share

Subject = Literal["send api", "season"]
Kind = Literal["duration", "share", "count"]

FORM = "`QUANTITY <= LIMIT` or `QUANTITY >= LIMIT`, then `over WINDOW`, then `, SHARE of them`"


@dataclass(frozen=True)
class Objective:
    """`QUANTITY OP LIMIT [over WINDOW [, SHARE of them]]`, e.g. `p99<=250ms over 10s, 95%`.

    Quantities of the send API, judged on a measured trial: p50, p90, p95, p99, p999 (latency, seconds),
    error_share, goodput_share; delivery_p50 … delivery_p99 (from the due time to the delivery, seconds) and
    lost_share (of what was accepted), where deliveries are observed. Of the season, judged on an Outcome:
    fresh_share, delay_p50 … delay_p99 (seconds), expired_share, failed_share, drain (seconds), backlog
    (messages); each may name a stream: `fresh_share[flash-push]>=99%`, and all but the last two, over the
    whole season, tenants by rank: `fresh_share[tenants 2-5000]>=99%`. `limit` is in seconds, messages or a
    share 0-1. `window_s` 0 = over the whole hold. `window_share` is the share of windows that must be good:
    1 = every one.
    """

    text: str
    subject: Subject
    quantity: str
    stream: str
    at_most: bool
    limit: float
    window_s: float = 0.0
    window_share: float = 1.0


@dataclass(frozen=True)
class Quantity:
    """What an objective may speak of: the kind of its limit, and which side of the limit is good."""

    kind: Kind
    at_most: bool
    example: str


_LATENCY = Quantity("duration", True, "250ms")
_DELAY = Quantity("duration", True, "30s")
QUANTITIES: dict[Subject, dict[str, Quantity]] = {
    "send api": {
        **dict.fromkeys(("p50", "p90", "p95", "p99", "p999"), _LATENCY),
        "error_share": Quantity("share", True, "1%"),
        "goodput_share": Quantity("share", False, "99%"),
        **dict.fromkeys(("delivery_p50", "delivery_p90", "delivery_p95", "delivery_p99"), _DELAY),
        "lost_share": Quantity("share", True, "0%"),
    },
    "season": {
        "fresh_share": Quantity("share", False, "99%"),
        **dict.fromkeys(("delay_p50", "delay_p90", "delay_p95", "delay_p99"), _DELAY),
        "expired_share": Quantity("share", True, "1%"),
        "failed_share": Quantity("share", True, "1%"),
        "drain": Quantity("duration", True, "10min"),
        "backlog": Quantity("count", True, "500k"),
    },
}

_FORM = re.compile(
    r"\s*(?P<quantity>[A-Za-z_0-9]+)\s*(?:\[\s*(?P<stream>[^\[\]]*?)\s*\])?"
    r"\s*(?P<operator><=|>=|≤|≥|<|>|==?)\s*(?P<limit>[^,]+?)"
    r"(?:\s+over\s+(?P<window>[^,]+?)(?:\s*,\s*(?P<share>[^,]+?)(?:\s+of\s+them)?)?)?\s*"
)


def parse_objective(text: str, subject: Subject) -> Objective:
    """The objective that a line of text states about `subject`. Raises BadValueError."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise BadValueError(f"{text!r} is not an objective", f"{FORM}, as in {_example(subject)}")
    name = match["quantity"]
    quantity = _quantity(name, subject)
    stream = match["stream"]
    if stream is not None and (subject == "send api" or not stream):
        raise BadValueError(
            "an empty stream name" if not stream else f"{name} of the send API is not told by stream",
            f"{name}{_operator(quantity)}{quantity.example}",
        )
    _check_operator(match["operator"], name, quantity)
    return Objective(
        text=text.strip(),
        subject=subject,
        quantity=name,
        stream=stream or "",
        at_most=quantity.at_most,
        limit=_limit(match["limit"], quantity.kind),
        window_s=_window_s(match["window"]),
        window_share=parse_share(match["share"]) if match["share"] else 1.0,
    )


def judged_names(lines: Sequence[str]) -> list[str]:
    """The streams, or tenants, that those lines name that state an objective of the season."""
    matches = [match for line in lines if (match := _FORM.fullmatch(line))]
    return [match["stream"] for match in matches if match["stream"]]


def scaled_objective(text: str, subject: Subject, scale: float) -> str:
    """The same objective for a season `scale` times as large: only limits in messages change, at least 1."""
    objective = parse_objective(text, subject)
    match = _FORM.fullmatch(text)
    if match is None or QUANTITIES[subject][objective.quantity].kind != "count":
        return text
    start, end = match.span("limit")
    return f"{text[:start]}{max(1, round(objective.limit * scale))}{text[end:]}"


def _quantity(name: str, subject: Subject) -> Quantity:
    known = QUANTITIES[subject]
    if name in known:
        return known[name]
    other: Subject = "season" if subject == "send api" else "send api"
    if name in QUANTITIES[other]:
        place = "[objectives] send_api" if other == "send api" else "[objectives] season"
        reason = f"{name} is a quantity of the {_spoken(other)} and belongs into {place}"
        raise BadValueError(reason, ", ".join(known))
    raise BadValueError(
        f"unknown quantity {name!r} of the {_spoken(subject)}", ", ".join(known), nearest(name, tuple(known))
    )


def _check_operator(operator: str, name: str, quantity: Quantity) -> None:
    wanted = _operator(quantity)
    if {"≤": "<=", "≥": ">="}.get(operator, operator) != wanted:
        good = "small" if quantity.at_most else "large"
        raise BadValueError(
            f"{name} {operator} states no objective: it is good when it is {good}",
            f"{name}{wanted}{quantity.example}",
            f"{name}{wanted}{quantity.example}",
        )


def _operator(quantity: Quantity) -> str:
    return "<=" if quantity.at_most else ">="


def _limit(text: str, kind: Kind) -> float:
    if kind == "duration":
        return parse_duration(text)
    return parse_share(text) if kind == "share" else float(parse_count(text))


def _window_s(text: str | None) -> float:
    window_s = parse_duration(text) if text else 0.0
    if text and window_s <= 0.0:
        raise BadValueError("a window of no length", '"over 10s"')
    return window_s


def _spoken(subject: Subject) -> str:
    return "send API" if subject == "send api" else "season"


def _example(subject: Subject) -> str:
    return "`p99<=250ms over 10s, 95%`" if subject == "send api" else "`fresh_share[flash-push]>=99%`"
