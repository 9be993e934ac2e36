"""What must hold for every season, whatever its figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.catalogue import Loaded
from scenarios.history import History, HistoryStream
from scenarios.scenario import Scenario
from sim.season.demand import base_traffic
from sim.traffic import peak, window, worst_start

START = datetime(2026, 11, 11, tzinfo=UTC)
SEEDS = st.integers(0, 2**63 - 1)
NOISES = st.sampled_from([0.0, 0.05, 0.5])


@st.composite
def campaigns(draw: st.DrawFn, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "channel": draw(st.sampled_from(["email", "push", "sms"])),
        "start": START + timedelta(seconds=draw(st.integers(-300, 900))),
        "release": f"{draw(st.integers(1, 500))}/s",
        "share": draw(st.sampled_from([0.0, 0.013, 0.5, 1.0])),
    }


@st.composite
def seasons(draw: st.DrawFn) -> Loaded:
    tables: dict[str, Any] = {
        "title": "drawn",
        "starts_at": START,
        "duration": f"{draw(st.integers(30, 900))}s",
        "bin": draw(st.sampled_from(["500ms", "1s", "7s", "1min", "150s"])),
        "audience": {"size": draw(st.integers(1, 30_000)), "reach": {"email": 0.37, "push": 0.9}},
        "campaign": [draw(campaigns(f"campaign {i}")) for i in range(draw(st.integers(0, 3)))],
        "background": [
            {
                "name": "codes",
                "channel": "sms",
                "rate": f"{draw(st.integers(0, 40))}/s",
                "hourly": [5] + [1] * 23,
            }
        ],
        "demand": {"noise": draw(NOISES), "growth": {"p50": 2.0, "p90": 3.0}},
        "pipeline": {"workers": {"count": 1, "service_time": "1ms"}},
        "provider": [{"name": "any", "channels": ["email", "push", "sms"]}],
    }
    minutes = np.array([draw(st.lists(st.floats(0.0, 5000.0), min_size=1, max_size=15))])
    history = History(
        (HistoryStream("history:email/news", "email", "news", "marketing", 1800.0),), START, minutes
    )
    return Loaded(Scenario.model_validate(tables), history, "drawn", Path("drawn.toml"), "", "")


def binned(loaded: Loaded, bin_s: float) -> Loaded:
    return replace(loaded, scenario=loaded.scenario.model_copy(update={"bin": bin_s}))


@given(seasons(), SEEDS)
@settings(max_examples=60, deadline=None)
def test_planned_less_suppressed_is_offered_for_every_stream(loaded: Loaded, seed: int) -> None:
    traffic = base_traffic(loaded, seed)
    assert (traffic.planned - traffic.suppressed).tolist() == traffic.counts.sum(axis=1).tolist()
    assert (traffic.counts >= 0).all()
    assert (traffic.suppressed >= 0).all()


@given(seasons(), SEEDS, st.sampled_from([0.25, 1.0, 3.7, 60.0, 100.0]))
@settings(max_examples=60, deadline=None)
def test_totals_do_not_depend_on_the_bins(loaded: Loaded, seed: int, bin_s: float) -> None:
    one, other = base_traffic(loaded, seed), base_traffic(binned(loaded, bin_s), seed)
    assert one.counts.sum(axis=1).tolist() == other.counts.sum(axis=1).tolist()
    assert one.suppressed.tolist() == other.suppressed.tolist()


@given(seasons(), SEEDS)
@settings(max_examples=30, deadline=None)
def test_a_seed_fixes_every_number(loaded: Loaded, seed: int) -> None:
    assert base_traffic(loaded, seed).counts.tolist() == base_traffic(loaded, seed).counts.tolist()


@given(seasons(), SEEDS, st.data())
@settings(max_examples=40, deadline=None)
def test_taking_a_campaign_away_changes_no_other_stream(
    loaded: Loaded, seed: int, data: st.DataObject
) -> None:
    scenario = loaded.scenario
    kept = tuple(c for c in scenario.campaigns if data.draw(st.booleans(), label=c.name))
    fewer = replace(loaded, scenario=scenario.model_copy(update={"campaigns": kept}))
    before, after = base_traffic(loaded, seed), base_traffic(fewer, seed)
    rows = {stream.name: row for stream, row in zip(before.streams, before.counts, strict=True)}
    for stream, row in zip(after.streams, after.counts, strict=True):
        assert row.tolist() == rows[stream.name].tolist()


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=200), st.sampled_from([1.0, 5.0, 7.0, 60.0, 90.0]))
@settings(max_examples=100, deadline=None)
def test_the_greatest_minute_is_the_one_that_trying_every_half_second_finds(
    counts: list[int], bin_s: float
) -> None:
    per_half_s = np.repeat(np.array(counts) / (2.0 * bin_s), round(2.0 * bin_s))
    width = min(120, len(per_half_s))
    cumulated = np.concatenate(([0.0], np.cumsum(per_half_s)))
    brute = float((cumulated[width:] - cumulated[:-width]).max()) * 120.0 / width
    assert abs(peak(np.array(counts), bin_s).per_min - brute) <= 1e-6 * max(1.0, brute)


@given(seasons(), SEEDS, st.integers(1, 900))
@settings(max_examples=40, deadline=None)
def test_no_window_of_the_same_length_holds_more_than_the_worst(loaded: Loaded, seed: int, bins: int) -> None:
    traffic = base_traffic(loaded, seed)
    for_s = bins * traffic.bin_s
    worst = window(traffic, worst_start(traffic, for_s), for_s).counts.sum()
    last = max(0, traffic.counts.shape[1] - bins)
    assert worst == max(window(traffic, at * traffic.bin_s, for_s).counts.sum() for at in range(last + 1))
