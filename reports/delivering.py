"""What was delivered of what was accepted, as tables and words: by message, over time, as a ceiling."""

from __future__ import annotations

from collections.abc import Iterator

from loadtests.ceiling.bounds import Bound
from loadtests.ceiling.ceiling import Ceiling
from loadtests.deliveries import Deliveries
from reports import units
from reports.findings import Cell, Column, DeliveryFinding, Flag, Interval, Table, finite
from reports.passing import NOT_KNOWN, time

NOT_OBSERVED = "delivery not observed"
SEEN_BY = {
    "webhook": "told by the target's event webhook",
    "poll": "asked for at the target's status URL",
    "stand-in": "seen at the provider that peakday played",
    "counters": "counted by the target itself",
}
SAME_SHARE = 0.05
"""Two ceilings that are nearer than this are not told apart."""


def delivered(of: Deliveries) -> Table:
    """Figure by figure, each with what it means here."""
    columns = (Column("figure"), Column("value"), Column("means"))
    title = f"What was delivered, {SEEN_BY[of.observed]}"
    return Table("delivered", title, "MEASURED", columns, tuple(_rows(of)), limits_of_sight(of))


def over_time(of: Deliveries) -> Table:
    """Accepted and delivered second by second, and what waits between them."""
    columns = (
        Column("since start", "s"),
        Column("accepted", "messages/s"),
        Column("delivered", "messages/s"),
        Column("waiting", "messages"),
    )
    rows = tuple((s.at_s, s.accepted, s.delivered, s.backlog) for s in of.seconds)
    return Table("delivery", "Accepted and delivered", "MEASURED", columns, rows, SEEN_BY[of.observed])


def ceilings(ceiling: Ceiling) -> Table:
    """The ceiling of what is accepted beside that of what is delivered."""
    columns = (
        Column("ceiling"),
        Column("estimate", "messages/s"),
        Column("held", "messages/s"),
        Column("broke at", "messages/s"),
        Column("in words"),
    )
    named = (("accepted", ceiling.accept), ("delivered", ceiling.delivery))
    rows = tuple((name, *_interval(bound), bound_words(bound)) for name, bound in named if ceiling.accept)
    title = "Two ceilings: accepted and delivered"
    return Table("ceilings", title, "MEASURED", columns, rows, which_binds(ceiling))


def finding(of: Deliveries) -> DeliveryFinding:
    """The same in numbers."""
    return DeliveryFinding(
        observed=of.observed,
        accepted=of.accepted,
        delivered=of.delivered,
        lost=of.lost,
        duplicated=of.duplicated,
        since_due_s_p50=finite(of.since_due_s.p50),
        since_due_s_p99=finite(of.since_due_s.p99),
        since_accepted_s_p50=finite(of.since_accepted_s.p50),
        since_accepted_s_p99=finite(of.since_accepted_s.p99),
        delivered_per_s=finite(of.delivered_per_s),
        kept_up=of.kept_up,
        backlog_max=of.backlog_max,
        valid=of.valid,
        invalid_because=of.invalid_because,
    )


def interval(of: Bound | None) -> Interval | None:
    """A ceiling's figures; None where it was not observed."""
    return (
        None if of is None else Interval(finite(of.point_per_s), finite(of.low_per_s), finite(of.high_per_s))
    )


def bound_words(of: Bound | None) -> str:
    """A ceiling in words: "1,234/s (held 1,200/s, broke at 1,250/s)"."""
    if of is None:
        return NOT_OBSERVED
    if of.is_lower_bound:
        return f"at least {units.rate(of.low_per_s)}: nothing broke"
    between = f"held {units.rate(of.low_per_s)}, broke at {units.rate(of.high_per_s)}"
    return f"{units.rate(of.point_per_s)} ({between})"


def which_binds(ceiling: Ceiling) -> str:
    """Which of the two ceilings is met first, in words."""
    accept, deliver = ceiling.accept, ceiling.delivery
    if accept is None or deliver is None:
        return NOT_OBSERVED
    accepts, delivers = units.rate(accept.point_per_s), units.rate(deliver.point_per_s)
    if deliver.is_lower_bound:
        return f"acceptance binds first: what was accepted was delivered, up to {delivers}"
    if deliver.point_per_s < (1.0 - SAME_SHARE) * accept.point_per_s:
        least = "at least " if accept.is_lower_bound else ""
        return f"delivery binds first: it delivers {delivers} where it accepts {least}{accepts}"
    return f"neither binds clearly first: it accepts {accepts} and delivers {delivers}"


def flag(of: Deliveries) -> Flag:
    """Whether what is said of deliveries can be trusted."""
    if not of.valid:
        return Flag("delivery", False, of.invalid_because)
    if of.observed == "counters":
        return Flag("delivery", True, "counted by the target itself: how many, not which and how late")
    if of.lost is None:
        under_way = f"{of.under_way:,} messages were still on their way when the wait ended"
        return Flag("delivery", False, f"{under_way}: what is lost is not known")
    return Flag("delivery", True, f"{of.delivered:,} of {of.accepted:,} accepted messages, each by its id")


def limits_of_sight(of: Deliveries) -> str:
    """What cannot be said."""
    if not of.valid:
        return f"NOT VALID: {of.invalid_because}"
    if of.observed == "counters":
        return "numbers alone: neither delays nor losses can be told"
    ended = f"nothing more came for {of.quiet_s:g} s" if of.settled else "deliveries still went on at the end"
    return f"{of.by}; {ended}; a message that comes later than that counts as lost"


def _rows(of: Deliveries) -> Iterator[tuple[Cell, ...]]:
    part = f", 1 in {of.every} of all" if of.every > 1 else ""
    yield "accepted", units.count(of.accepted), f"of {of.messages:,} messages sent{part}"
    yield "delivered", units.count(of.delivered), "at least once"
    yield "lost", NOT_KNOWN if of.lost is None else units.count(of.lost), _lost(of)
    if of.duplicated is not None:
        again = f"deliveries beyond the first; {of.resent:,} of them after we had sent again"
        yield "duplicated", units.count(of.duplicated), again
    if of.observed != "counters":
        yield "send to delivered", _times(of, "since_due_s"), "from the due time; lost: never"
        yield "accepted to delivered", _times(of, "since_accepted_s"), "from the target's yes; lost: never"
    kept = "it kept up with what it accepted" if of.kept_up else "less than it accepted, so a backlog grew"
    yield "delivery rate", units.rate(of.delivered_per_s), f"in the later half; {kept}"
    yield "waiting at most", units.count(of.backlog_max), "accepted and not delivered at a second's end"
    if of.unnamed:
        yield "not matched", units.count(of.unnamed), "events without an id or address of ours"


def _lost(of: Deliveries) -> str:
    if of.lost is not None:
        return "accepted and never seen delivered"
    return f"{of.under_way:,} were still on their way" if of.valid else of.invalid_because


def _times(of: Deliveries, name: str) -> str:
    found = getattr(of, name)
    quantiles = (("p50", found.p50), ("p95", found.p95), ("p99", found.p99))
    return ", ".join(f"{quantile} {time(value)}" for quantile, value in quantiles)


def _interval(of: Bound | None) -> tuple[Cell, ...]:
    found = interval(of)
    return (None, None, None) if found is None else (found.point, found.low, found.high)
