"""What a service passed on, as tables: seen at its exit, by a provider that peakday played."""

from __future__ import annotations

from collections.abc import Iterator

from loadtests.passage import Class, Passage
from loadtests.percentiles import Percentiles
from reports import units
from reports.findings import Cell, Column, ExitFinding, Flag, Table, finite

NOT_KNOWN = "not known"
Rows = Iterator[tuple[Cell, ...]]


def behind(of: Passage) -> Table:
    """Figure by figure, each with what it means here."""
    columns = (Column("figure"), Column("value"), Column("means"))
    title = f"Behind the service: {of.stand_in}, played by peakday, limits {of.limits}"
    return Table("behind", title, "MEASURED", columns, tuple(_rows(of)), limits_of_sight(of))


def finding(of: Passage) -> ExitFinding:
    """The same in numbers."""
    return ExitFinding(
        stand_in=of.stand_in,
        limits=of.limits,
        accepted=of.accepted,
        delivered=of.delivered,
        lost=of.lost,
        duplicated=of.duplicated,
        attempts_per_message=finite(of.attempts_per_message),
        inversions=of.inversions,
        delivered_per_s=finite(of.delivered_per_s),
        kept_up=of.kept_up,
        arrival_s_p50=finite(of.arrival_s.p50),
        arrival_s_p99=finite(of.arrival_s.p99),
        delivery_s_p50=finite(of.delivery_s.p50),
        delivery_s_p99=finite(of.delivery_s.p99),
        valid=of.valid,
        invalid_because=of.invalid_because,
    )


def classes(of: Passage) -> Table:
    """Delays and overtaking by priority, the most urgent first."""
    columns = (
        Column("priority"),
        Column("sent", "messages"),
        Column("delivered", "messages"),
        Column("delay p50", "s"),
        Column("delay p99", "s"),
        Column("delay max", "s"),
        Column("overtaken by, mean", "messages"),
        Column("overtaken by, most", "messages"),
    )
    note = "it waits from the service's yes to its delivery; whatever less urgent left meanwhile overtook it"
    rows = tuple(_class(each) for each in of.classes)
    return Table("priorities", "Delays behind the service by priority", "MEASURED", columns, rows, note)


def flag(of: Passage) -> Flag:
    """Whether what is said of the exit can be trusted."""
    if not of.valid:
        return Flag("behind the service", False, of.invalid_because)
    if of.lost is None:
        under_way = f"{of.under_way:,} messages were still in the service when the wait ended"
        return Flag("behind the service", False, f"{under_way}: what is lost is not known")
    return Flag("behind the service", True, f"{of.attempts:,} arrivals, each with its message's id")


def limits_of_sight(of: Passage) -> str:
    """What cannot be said."""
    if not of.valid:
        return f"NOT VALID: {of.invalid_because}"
    ended = f"nothing more came for {of.quiet_s:g} s" if of.settled else "arrivals still went on at the end"
    return f"{ended}; a message that the service would send later than that counts as lost"


def _rows(of: Passage) -> Rows:
    """Figure, value in words, what it means."""
    again = f"{of.resent:,} of them after we had sent again"
    attempts = f"{of.attempts:,} attempts, {of.attempts_max} at most for one; {_met(of)}"
    yield "accepted by the service", units.count(of.accepted), f"of {of.messages:,} messages sent"
    yield "delivered at its exit", units.count(of.delivered), "taken by the provider at least once"
    yield "lost", NOT_KNOWN if of.lost is None else units.count(of.lost), _lost(of)
    yield "duplicated", units.count(of.duplicated), f"deliveries beyond the first; {again}"
    if of.unasked:
        yield "delivered without a yes", units.count(of.unasked), "the service had not said yes to these"
    yield "attempts per message", units.significant(of.attempts_per_message), attempts
    yield "delivery rate", units.rate(of.delivered_per_s), _rate(of)
    yield "send to provider", _times(of.arrival_s), "from the due time to the first attempt there"
    yield "send to delivered", _times(of.delivery_s), "from the due time to the provider's yes; lost: never"
    if of.urgent:
        share = f"{units.percent(of.inverted / of.urgent)} of the urgent messages met any"
        means = f"less urgent messages that left while an urgent one waited; {share}"
        yield "priority inversions", units.count(of.inversions), means
    if of.unnamed or of.strangers:
        strange = f"{of.unnamed:,} without an id, {of.strangers:,} of another run"
        yield "arrivals not matched", units.count(of.unnamed + of.strangers), strange


def _lost(of: Passage) -> str:
    if of.lost is None:
        return f"{of.under_way:,} were still in the service" if of.valid else of.invalid_because
    parts = f"{of.never_seen:,} never came to the provider, {of.given_up:,} were given up"
    return f"accepted and never delivered: {parts}"


def _met(of: Passage) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in of.outcomes.items())


def _rate(of: Passage) -> str:
    if of.kept_up:
        return "in the later half; it kept up with what came in, so it can do at least that"
    overall = f", {units.rate(of.exit_per_s)} over the whole" if of.exit_per_s else ""
    return f"in the later half{overall}; less than came in, so this is what it can do"


def _times(of: Percentiles) -> str:
    quantiles = (("p50", of.p50), ("p90", of.p90), ("p99", of.p99))
    return ", ".join(f"{name} {time(value)}" for name, value in quantiles)


def time(seconds: float) -> str:
    """A delay in words: "never" where it is infinite."""
    if finite(seconds) is not None:
        return units.duration(seconds)
    return "never" if seconds == float("inf") else "unknown"


def _class(of: Class) -> tuple[Cell, ...]:
    delays = (finite(of.delivery_s.p50), finite(of.delivery_s.p99), finite(of.delivery_s.max))
    counts = (float(of.messages), float(of.delivered))
    return (of.priority, *counts, *delays, of.overtaken_mean, float(of.overtaken_max))
