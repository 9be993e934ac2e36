"""The verdict's rules, one line of a table each, and its exit codes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.judgement import MARGIN, Facts, exit_code, headroom_share, judge

READY = Facts(ceiling_low_per_s=120.0, peak_p50_per_s=95.0, peak_p90_per_s=100.0)

RULES = [
    (READY, "ready", "20 % above the P90 peak of 100/s"),
    (replace(READY, ceiling_low_per_s=110.0), "ready", "10 % above"),
    (replace(READY, ceiling_low_per_s=109.0), "at risk", "only 9 % above"),
    (replace(READY, ceiling_low_per_s=99.0), "at risk", "enough for the median peak"),
    (replace(READY, ceiling_low_per_s=95.0), "at risk", "enough for the median peak"),
    (replace(READY, ceiling_low_per_s=94.0), "not ready", "less than the median peak of 95/s"),
    (replace(READY, ceiling_low_per_s=0.0), "not ready", "100 % less"),
    (replace(READY, missed_in_replay=("p99<=250ms (310 ms)",)), "not ready", "p99<=250ms (310 ms)"),
    (replace(READY, missed_in_season=("drain<=30min (2 h)",)), "not ready", "the season misses drain<=30min"),
    (replace(READY, missed_p90="2 of 8 replications"), "at risk", "missed in 2 of 8 replications"),
    (replace(READY, unjudged=("p999<=1s",)), "inconclusive", "too little was seen to judge p999<=1s"),
    (replace(READY, no_ceiling_because="no rate held"), "inconclusive", "no rate held"),
    (replace(READY, no_replay_because="cut off"), "inconclusive", "no valid replay of the peak: cut off"),
    (replace(READY, peak_p90_per_s=None), "inconclusive", "no simulated peak"),
    (replace(READY, peak_p50_per_s=0.0), "inconclusive", "no simulated peak"),
    (replace(READY, ceiling_low_per_s=None), "inconclusive", "no simulated peak"),
]


@pytest.mark.parametrize(("facts", "verdict", "said"), RULES)
def test_each_rule_gives_its_verdict_and_says_why(facts: Facts, verdict: str, said: str) -> None:
    judgement = judge(facts)
    assert judgement.verdict == verdict
    assert said in judgement.why


def test_a_measurement_that_is_not_valid_decides_nothing_however_bad_it_looks() -> None:
    facts = replace(READY, no_ceiling_because="late", ceiling_low_per_s=1.0, missed_in_replay=("p99",))
    assert judge(facts).verdict == "inconclusive"


def test_a_missed_objective_weighs_more_than_one_that_could_not_be_judged() -> None:
    assert judge(replace(READY, missed_in_replay=("p99",), unjudged=("p999",))).verdict == "not ready"


def test_more_than_two_missed_objectives_are_counted() -> None:
    assert judge(replace(READY, missed_in_season=("a", "b", "c", "d"))).why.endswith("a; b and 2 more.")


@given(st.floats(1.0, 1e7), st.floats(1.0, 1e7), st.floats(1.0, 3.0))
def test_a_higher_ceiling_never_makes_the_verdict_worse(low: float, p50: float, spread: float) -> None:
    order = ["not ready", "at risk", "ready"]
    facts = Facts(ceiling_low_per_s=low, peak_p50_per_s=p50, peak_p90_per_s=p50 * spread)
    better = replace(facts, ceiling_low_per_s=low * 1.3)
    assert order.index(judge(better).verdict) >= order.index(judge(facts).verdict)


@given(st.floats(1.0, 1e7), st.floats(1.0, 1e7))
def test_ready_means_the_headroom_that_page_one_shows(low: float, p90: float) -> None:
    verdict = judge(Facts(ceiling_low_per_s=low, peak_p50_per_s=p90, peak_p90_per_s=p90)).verdict
    share = headroom_share(low, p90)
    assert share is not None
    assert (verdict == "ready") == (low / p90 >= MARGIN - 1e-9)
    assert share == low / p90 - 1.0


@pytest.mark.parametrize(
    ("verdict", "code", "strict"),
    [("ready", 0, 0), ("at risk", 0, 1), ("not ready", 1, 1), ("inconclusive", 3, 3)],
)
def test_every_verdict_has_its_exit_code(verdict: str, code: int, strict: int) -> None:
    assert exit_code(verdict) == code  # type: ignore[arg-type]
    assert exit_code(verdict, strict=True) == strict  # type: ignore[arg-type]


def test_headroom_of_something_missing_is_unknown() -> None:
    assert headroom_share(None, 100.0) is None
    assert headroom_share(100.0, None) is None
