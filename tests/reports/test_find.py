"""Findings from every part of a run, and their JSON."""

from __future__ import annotations

import itertools
import json
from dataclasses import fields, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadtests.ceiling.ceiling import conclude
from reports import exports
from reports.exports import markdown
from reports.find import find
from reports.findings import Findings, from_json, to_json
from reports.page import html
from reports.results import Results
from reports.words import last_lines
from scenarios.objectives import parse_objective
from scenarios.problems import UserError
from sim.simulate import Replication

PARTS: tuple[tuple[str, object], ...] = (
    ("loaded", None),
    ("simulated", None),
    ("peak", None),
    ("ceiling", None),
    ("calibration", None),
    ("again", None),
)
SUBSETS = [s for n in range(len(PARTS) + 1) for s in itertools.combinations(PARTS, n)]


def without(results: Results, missing: tuple[tuple[str, object], ...]) -> Results:
    changes = dict(missing)
    if "peak" in changes:
        changes["judged"] = ()
    return replace(results, **changes)  # type: ignore[arg-type]  # every part may be None


@pytest.mark.parametrize("missing", SUBSETS, ids=lambda s: "-".join(name for name, _ in s) or "nothing")
def test_a_run_with_any_stages_missing_still_has_findings_that_survive_json_and_can_be_read(
    results: Results, missing: tuple[tuple[str, object], ...]
) -> None:
    found = find(without(results, missing), report="x.html")
    assert from_json(to_json(found)) == found
    assert found.why[1:] in exports.markdown(found)
    gone = {name for name, _ in missing}
    assert found.complete == (not gone - {"loaded"})
    if gone & {"simulated", "peak", "ceiling"}:
        assert found.verdict == "inconclusive"
    if "ceiling" not in gone:
        assert found.ceiling_per_s.low == 190.0


def test_a_whole_run_is_complete_and_ready(findings: Findings) -> None:
    assert (findings.verdict, findings.basis, findings.complete) == ("ready", "measured", True)
    assert findings.headroom_share == 190.0 / 142.0 - 1.0
    assert findings.peak_offered_per_s == findings.season_peak_per_s


def test_contracts_keys_of_rehearse_stand_at_the_top_level(findings: Findings) -> None:
    document = json.loads(to_json(findings))
    keys = {
        "run", "verdict", "basis", "headroom_share", "peak_offered_per_s", "ceiling_per_s", "binds_first",
        "actions", "not_tested", "report",
    }  # fmt: skip
    assert keys <= document.keys()
    assert document["peak_offered_per_s"] == {"p50": 135.0, "p90": 142.0}
    assert document["ceiling_per_s"] == {"point": 197.0, "low": 190.0, "high": 204.0}
    assert isinstance(document["binds_first"], str)


def test_the_peak_of_the_target_is_scale_times_share_of_the_seasons_and_the_verdict_a_projection(
    results: Results,
) -> None:
    found = find(replace(results, scale=0.5, share=0.4))
    assert found.basis == "projected"
    assert found.peak_offered_per_s.p90 == pytest.approx(142.0 * 0.2)
    assert found.season_peak_per_s.p90 == 142.0
    assert found.headroom_share == pytest.approx(190.0 / (142.0 * 0.2) - 1.0)


def test_a_season_simulated_at_its_rehearsed_scale_is_not_scaled_twice(results: Results) -> None:
    found = find(replace(results, scale=0.5, simulated_scale=0.5))
    assert found.peak_offered_per_s.p90 == 142.0
    assert found.season_peak_per_s.p90 == 284.0


def test_a_lower_bound_counts_as_its_low_and_has_no_high_end(results: Results) -> None:
    assert results.ceiling is not None
    bound = replace(results.ceiling, high_per_s=float("inf"), is_lower_bound=True, limited_by="nothing")
    found = find(replace(results, ceiling=bound))
    assert (found.verdict, found.ceiling_per_s.high) == ("ready", None)
    assert "lower bound" in found.actions[0].effect


def test_a_missed_objective_of_the_replay_decides_with_its_value(results: Results) -> None:
    judged = replace(results.judged[0], value=0.31, holds=False)
    found = find(replace(results, judged=(judged,)))
    assert found.verdict == "not ready"
    assert "p99<=250ms (310 ms)" in found.why
    assert found.objectives[0].margin_share == pytest.approx(-0.24)


def test_an_infinite_latency_is_a_miss_without_a_number(results: Results) -> None:
    found = find(replace(results, judged=(replace(results.judged[0], value=float("inf"), holds=False),)))
    assert found.objectives[0].value is None
    assert found.verdict == "not ready"


@pytest.mark.parametrize(("missing", "verdict"), [(0, "ready"), (1, "at risk")])
def test_replications_that_miss_an_objective_put_the_season_at_risk(
    results: Results, missing: int, verdict: str
) -> None:
    assert results.again is not None
    numbers = {f.name: 1.0 for f in fields(Replication)}
    each = tuple(Replication(**numbers | {"missed": int(i < missing)}) for i in range(4))  # type: ignore[arg-type]
    assert find(replace(results, again=replace(results.again, replications=each))).verdict == verdict


def test_what_was_not_tested_is_named(results: Results) -> None:
    assert results.peak is not None
    blind = replace(results.peak, messages_delivered=None, delivered_per_s=None, lost=None)
    found = find(replace(results, peak=blind, not_carried=("cart-reminder",), scale=0.5))
    told = " ".join(found.not_tested)
    assert "cart-reminder" in told
    assert "delivery: " in told
    assert "reference send API" in told
    assert "50 %" in told


def test_a_doubtful_replay_raises_flags(results: Results) -> None:
    assert results.peak is not None
    doubtful = replace(
        results.peak, valid=False, invalid_because="late", dropped=3, compress=2.0, complete=False
    )
    flags = {flag.name: flag for flag in find(replace(results, peak=doubtful)).flags if not flag.good}
    assert set(flags) == {"replay of the peak", "records", "dropped", "compressed"}


def test_every_figure_comes_from_its_stage_and_is_not_computed_again(results: Results) -> None:
    found, table = find(results), find(results).table("trials")
    assert results.ceiling is not None
    assert table is not None
    assert table.floats("offered") == [t.offered_per_s for t in results.ceiling.trials]
    assert table.floats("latency p99") == [t.latency_s.p99 for t in results.ceiling.trials]
    assert table.column("because") == tuple(t.because for t in results.ceiling.trials)
    assert found.season is not None
    assert found.season.offered == 18_185.0


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.none()
TEXTS = st.text(max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(NUMBERS, TEXTS, st.booleans())
def test_findings_round_trip_whatever_they_say(
    findings: Findings, number: float | None, text: str, flag: bool
) -> None:
    holds = None if flag else True
    objective = replace(findings.objectives[0], value=number, because=text, holds=holds)
    odd = replace(findings, why=text, headroom_share=number, complete=flag, objectives=(objective,))
    assert from_json(to_json(odd)) == odd


@pytest.mark.parametrize("document", [b"{}", b"not json", b'{"format": "peakday findings 0"}'])
def test_what_are_no_findings_is_a_user_error(document: bytes) -> None:
    with pytest.raises(UserError, match=r"findings\.json"):
        from_json(document)


def test_findings_of_another_version_are_refused_by_name(findings: Findings) -> None:
    old = to_json(replace(findings, format="peakday findings 0"))
    with pytest.raises(UserError, match="peakday findings 0"):
        from_json(old)


def test_where_no_trial_was_made_there_is_neither_ceiling_nor_headroom(results: Results) -> None:
    unsearched = conclude([], (parse_objective("p99<=250ms", "send api"),), 0.0)
    found = find(replace(results, ceiling=unsearched))
    assert (found.verdict, found.headroom_share, found.is_lower_bound) == ("inconclusive", None, False)
    told = "\n".join(last_lines(found))
    assert "-100 %" not in told
    assert "nothing broke" not in told


def test_a_break_below_the_peak_decides_though_there_was_no_time_to_find_what_holds(results: Results) -> None:
    assert results.ceiling is not None
    broken = replace(next(t for t in results.ceiling.trials if t.verdict == "breaks"), offered_per_s=120.0)
    short = replace(
        results.ceiling,
        point_per_s=100.0,
        low_per_s=0.0,
        high_per_s=120.0,
        valid=False,
        invalid_because="no rate held; the lowest tried was 120/s",
        trials=(broken,),
    )
    found = find(replace(results, ceiling=short))
    assert (found.verdict, found.headroom_share) == ("not ready", None)
    assert "it broke at 120/s" in found.why
    assert not any("quieter" in action.text for action in found.actions)
    nothing_carried = find(replace(results, ceiling=replace(short, point_per_s=0.0)))
    above_the_peak = replace(broken, offered_per_s=190.0)
    undecided = find(replace(results, ceiling=replace(short, high_per_s=190.0, trials=(above_the_peak,))))
    assert (nothing_carried.verdict, undecided.verdict) == ("inconclusive", "inconclusive")


def test_the_peak_by_address_stands_in_page_and_markdown_where_there_are_several(results: Results) -> None:
    assert results.peak is not None
    for told in (html(find(results), {}), markdown(find(results))):
        assert "The peak by address" in told
        assert "127.0.0.1:2" in told
        assert "reset: " in told
    alone = replace(results, peak=replace(results.peak, addresses=()))
    assert "The peak by address" not in markdown(find(alone))
