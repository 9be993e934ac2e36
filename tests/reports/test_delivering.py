"""What was delivered, in words: which ceiling binds, what cannot be said."""

import math
from dataclasses import replace

from loadtests.ceiling.bounds import Bound
from reports import delivering, tellings
from reports.find import find
from reports.page import html
from reports.results import Results

NONE_BROKE = Bound(900.0, 900.0, math.inf, True)


def test_the_report_says_both_ceilings_and_which_binds_first(results: Results) -> None:
    assert results.ceiling is not None
    found = find(results)
    assert found.accept_ceiling_per_s is not None
    assert found.delivery_ceiling_per_s is not None
    assert (found.accept_ceiling_per_s.point, found.delivery_ceiling_per_s.point) == (900.0, 197.0)
    assert found.ceilings_because == "delivery binds first: it delivers 197/s where it accepts 900/s"
    assert found.ceilings_because in html(found, {})
    assert "900/s (held 850/s, broke at 950/s)" in tellings.ceiling(results.ceiling)


def test_where_deliveries_are_not_observed_no_number_is_told(results: Results) -> None:
    assert results.ceiling is not None
    ceiling = replace(results.ceiling, delivery=None)
    found = find(replace(results, ceiling=ceiling))
    assert found.delivery_ceiling_per_s is None
    assert found.ceilings_because == "delivery not observed"
    assert "delivers" in (told := tellings.ceiling(ceiling))
    assert "delivery not observed" in told


def test_a_ceiling_that_nothing_broke_is_a_lower_bound_in_words(results: Results) -> None:
    assert results.ceiling is not None
    kept_up = replace(results.ceiling, delivery=NONE_BROKE)
    assert delivering.which_binds(kept_up).startswith(
        "acceptance binds first: what was accepted was delivered"
    )
    unbroken = replace(results.ceiling, accept=NONE_BROKE)
    assert "where it accepts at least 900/s" in delivering.which_binds(unbroken)


def test_lost_and_late_messages_stand_in_figures_and_words(results: Results) -> None:
    assert results.peak is not None
    assert results.peak.delivery is not None
    found = find(results).delivery
    assert found is not None
    assert (found.accepted, found.delivered, found.lost, found.duplicated) == (100, 99, 1, 1)
    assert found.since_due_s_p99 is not None
    assert math.isclose(found.since_due_s_p99, 0.3)
    told = tellings.replayed(results.peak)
    assert "accepted and never seen delivered" in told


def test_what_only_counts_says_nothing_of_single_messages(results: Results) -> None:
    assert results.peak is not None
    assert results.peak.delivery is not None
    counted = replace(results.peak.delivery, observed="counters", lost=None, under_way=1)
    assert delivering.limits_of_sight(counted) == "numbers alone: neither delays nor losses can be told"
    assert "send to delivered" not in {row[0] for row in delivering.delivered(counted).rows}
    assert delivering.flag(counted).good
