"""What is said of a service seen from behind: every figure with what it means, and no more than is known."""

from __future__ import annotations

from dataclasses import replace

from loadtests.measurement import Measurement
from loadtests.passage import Passage
from reports import passing, tellings
from reports.results import Results


def seen(results: Results) -> tuple[Measurement, Passage]:
    peak = results.peak
    assert peak is not None
    assert peak.passage is not None
    return peak, peak.passage


def told(of: Passage) -> dict[str, str]:
    return {str(name): f"{value} | {means}" for name, value, means in passing.behind(of).rows}


def test_every_count_is_told_with_what_it_is_made_of(results: Results) -> None:
    lines = told(seen(results)[1])
    assert lines["delivered at its exit"].startswith("99 |")
    assert lines["lost"].startswith("1 |")
    assert "0 never came to the provider, 1 were given up" in lines["lost"]
    assert lines["duplicated"].startswith("1 |")
    assert "101 attempts, 2 at most for one; 100 delivered, 1 limited" in lines["attempts per message"]
    assert "lost: never" in lines["send to delivered"]
    assert "p50 300 ms" in lines["send to provider"]


def test_overtaking_is_told_by_priority(results: Results) -> None:
    urgent, rest = passing.classes(seen(results)[1]).rows
    assert (urgent[0], urgent[1], rest[0], rest[1]) == ("transactional", 10.0, "marketing", 90.0)


def test_what_is_not_known_is_not_said(results: Results) -> None:
    of = replace(seen(results)[1], settled=False, lost=None, never_seen=None, given_up=None, under_way=7)
    assert told(of)["lost"] == "not known | 7 were still in the service"
    assert passing.flag(of).good is False
    assert "arrivals still went on" in passing.limits_of_sight(of)
    assert passing.finding(of).lost is None


def test_a_measurement_that_is_not_valid_says_so_wherever_it_is_shown(results: Results) -> None:
    peak, passage = seen(results)
    of = replace(passage, valid=False, invalid_because="3 of 9 attempts carry no id", lost=None)
    assert passing.flag(of).text == "3 of 9 attempts carry no id"
    assert "NOT VALID: 3 of 9 attempts carry no id" in passing.behind(of).note
    assert "NOT VALID" in tellings.replayed(replace(peak, passage=of))


def test_a_rate_is_a_least_or_a_most_and_says_which(results: Results) -> None:
    of = seen(results)[1]
    assert "at least that" in told(replace(of, kept_up=True))["delivery rate"]
    assert "this is what it can do" in told(replace(of, kept_up=False))["delivery rate"]
