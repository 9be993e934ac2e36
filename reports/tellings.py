"""What one replay, one ceiling, one calibration says on a terminal."""

from __future__ import annotations

import math

from loadtests.calibration import Calibration, Fitted
from loadtests.ceiling.ceiling import Ceiling
from loadtests.ceiling.trial import Trial
from loadtests.deliveries import Deliveries
from loadtests.measurement import AtAddress, Measurement, Percentiles
from loadtests.passage import Passage
from reports import delivering, passing, units
from reports.sketch import columns


def replayed(of: Measurement) -> str:
    """Counts, rates, latency beside the uncorrected service time, and whether it is valid."""
    rows = [
        ("due", f"{of.due:,} requests, {of.messages_due:,} messages: {of.origin}"),
        ("started", f"{of.started:,}, dropped {of.dropped:,}"),
        ("attempts", f"{of.attempts:,} for {of.started:,} requests"),
        (
            "accepted",
            f"{of.accepted:,}, limited {of.limited:,}, rejected {of.rejected:,}, errors {of.errors:,}",
        ),
        ("offered", f"{units.rate(of.offered_per_s)}, goodput {units.rate(of.goodput_per_s)}"),
        ("delivered", _far_side(of)),
        ("latency", _percentiles(of.latency_s) + " from the due time"),
        ("service time", _percentiles(of.service_s) + " from the first byte"),
        ("lateness", _percentiles(of.lateness_s) + ", the generator's own"),
    ]
    rows += [("replies", ", ".join(f"{status}: {times:,}" for status, times in of.statuses.items()))]
    rows += [("error", f"{words}: {times:,}") for words, times in of.errors_by_kind.items()]
    rows += [("address", _at_address(one)) for one in of.addresses]
    if of.below_target_because:
        rows.append(("below target", of.below_target_because))
    rows += _deliveries(of.delivery) if of.delivery else []
    rows += _behind(of.passage) if of.passage else []
    verdict = "valid" if of.valid else f"NOT VALID: {of.invalid_because}"
    return "\n".join([*columns(rows), verdict])


def _deliveries(of: Deliveries) -> list[tuple[str, str]]:
    """The lines of the report's section, where each message's delivery was seen."""
    if of.observed == "counters":
        return []
    lines = [(str(name), f"{value} ({means})") for name, value, means in delivering.delivered(of).rows]
    return [("deliveries", delivering.SEEN_BY[of.observed]), *lines, ("", delivering.limits_of_sight(of))]


def _at_address(of: AtAddress) -> str:
    counts = (
        f"due {of.due:,}, started {of.started:,}, accepted {of.accepted:,}, p99 {_time(of.latency_s.p99)}"
    )
    wrong = "".join(f"; {words}: {times:,}" for words, times in of.errors_by_kind.items())
    return f"{of.base_url}: {counts}{wrong}"


def _behind(of: Passage) -> list[tuple[str, str]]:
    """The lines of the report's section, without what each means."""
    lines = [(str(name), f"{value} ({means})") for name, value, means in passing.behind(of).rows]
    return [("behind it", f"{of.stand_in}, limits {of.limits}"), *lines, ("", passing.limits_of_sight(of))]


def ceiling(of: Ceiling) -> str:
    """The interval, what limits, and every trial."""
    if not of.valid:
        head = f"NO CEILING: {of.invalid_because}"
    elif of.is_lower_bound:
        head = f"ceiling at least {units.rate(of.low_per_s)}: nothing broke"
    else:
        between = f"held {units.rate(of.low_per_s)}, broke at {units.rate(of.high_per_s)}"
        head = f"ceiling {units.rate(of.point_per_s)} ({between}), limited by {of.limited_by}"
    two = [("accepts", delivering.bound_words(of.accept)), ("delivers", delivering.bound_words(of.delivery))]
    heads = [head, *columns(two), delivering.which_binds(of)] if of.accept else [head]
    header = ("offered", "held for", "goodput", "delivered", "p99", "verdict", "because")
    return "\n".join([*heads, *columns([header, *(_trial(trial) for trial in of.trials)])])


def calibrated(of: Calibration) -> str:
    """What was fitted, what could not be, and how well it predicts the held-out replay."""
    rows = [("fitted", "before", "after", "90 % interval")]
    rows += [(f.name, _value(f.before, f.unit), _value(f.after, f.unit), _interval(f)) for f in of.fitted]
    lines = columns(rows)
    lines += [f"not fitted: {r.name}: needs {r.missing}" for r in of.refused]
    lines += [
        f"held out ({of.held_out_on}): {p.name} predicted {_value(p.predicted, p.unit)}, "
        f"measured {_value(p.measured, p.unit)}, error {units.percent(p.error, sign=True)}"
        for p in of.held_out
    ]
    return "\n".join(lines)


def _interval(of: Fitted) -> str:
    return f"{_value(of.low, of.unit)} to {_value(of.high, of.unit)}"


def _far_side(of: Measurement) -> str:
    if of.messages_delivered is None:
        return delivering.NOT_OBSERVED
    lost = "" if of.lost is None else f", lost {of.lost:,}"
    duplicated = "" if of.duplicated is None else f", duplicated {of.duplicated:,}"
    return f"{of.messages_delivered:,}{lost}{duplicated}"


def _percentiles(of: Percentiles) -> str:
    return f"p50 {_time(of.p50)}, p90 {_time(of.p90)}, p99 {_time(of.p99)}, p99.9 {_time(of.p999)}"


def _time(seconds: float) -> str:
    if math.isnan(seconds):
        return "unknown"
    return "never" if math.isinf(seconds) else units.duration(seconds)


def _value(value: float, unit: str) -> str:
    if unit == "s":
        return _time(value)
    return units.rate(value) if unit.endswith("/s") else f"{value:.3g}"


def _trial(trial: Trial) -> tuple[str, ...]:
    return (
        units.rate(trial.offered_per_s),
        units.duration(round(trial.duration_s, 2)),
        units.rate(trial.goodput_per_s),
        "" if trial.delivered_per_s is None else units.rate(trial.delivered_per_s),
        _time(trial.latency_s.p99),
        trial.verdict,
        trial.because,
    )
