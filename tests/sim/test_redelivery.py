"""Messages that are taken again, in both engines: what they count as, and what changes no number."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.catalogue import Loaded
from sim import cohort, message
from sim.ledger import QUANTITIES
from sim.outcome import Outcome
from sim.pipeline.crashing import CrashingStaff
from sim.pipeline.crews import crew_for
from sim.pipeline.eras import Era
from sim.pipeline.kernelwindows import window_of, with_units
from sim.pipeline.lanes import lanes_of
from sim.pipeline.planning import empty_state, plan_of
from sim.progress import SILENT
from sim.season.upstream import HoldUp
from sim.summary import messages, summary
from tests.sim.pipelines import STARTS_AT, block, scenario, stream, traffic

BINS = 80
STREAMS = [stream("sale", freshness_s=25.0), stream("code", priority="transactional")]
WORKERS: dict[str, Any] = {"count": 10, "service_time": "80ms", "distribution": "deterministic"}
DUE = traffic(STREAMS, [block(200.0, 5, 20, BINS, 1), block(30.0, 0, 60, BINS, 2)])
STALLS = {"stalls": {"rate": "0.3/s", "length": "3s"}}

both = pytest.mark.parametrize("run", [message.run, cohort.run], ids=["message", "cohort"])


def season(timeout: str | None = "2s", *faults: dict[str, Any], **parts: Any) -> Loaded:
    queue = {**parts.pop("queue", {}), **({"visibility_timeout": timeout} if timeout else {})}
    return scenario(BINS, {**WORKERS, **parts.pop("workers", {})}, fault=list(faults), queue=queue, **parts)


def outcome_of(run: Any, loaded: Loaded, seed: int = 1) -> Outcome:
    found: Outcome = run(loaded, DUE, seed, SILENT)[1]
    return found


def lost(share: float, kind: str = "worker-loss") -> dict[str, Any]:
    return {"kind": kind, "from": STARTS_AT + timedelta(seconds=12), "for": "10s", "share": share}


@both
def test_what_lost_workers_had_in_hand_comes_again_only_with_a_time_out(run: Any) -> None:
    """All ten are busy at 12 s and lost: each had one message."""
    with_one, without = (outcome_of(run, season(timeout, lost(1.0))) for timeout in ("5s", None))
    assert with_one.redelivered.sum() == pytest.approx(10.0, abs=0.5)
    assert with_one.redelivered[:, 12:18].sum() == pytest.approx(with_one.redelivered.sum())
    assert without.redelivered.sum() == with_one.duplicates.sum() == 0.0


@both
def test_what_a_crash_ended_waits_until_it_is_visible_again(run: Any) -> None:
    """Workers that crash at once, all of them: everything waits, nothing is under way, nothing is asked."""
    workers = {"crashes": {"rate": "1000/s", "restart": "1s"}}
    outcome = outcome_of(run, season("30s", workers=workers, queue={"bound": 5000}))
    assert outcome.attempts.sum() == pytest.approx(0.0, abs=1e-6)
    offered, waiting = (rows.sum(axis=0, dtype=float) for rows in (outcome.offered, outcome.backlog))
    assert waiting[25:29] == pytest.approx(offered.cumsum()[24:28], abs=12.0)


@both
def test_a_queue_counts_what_is_not_visible_in_its_bound(run: Any) -> None:
    """A third of what is taken is not visible for the rest of the season; workers are never idle."""
    workers = {"crashes": {"rate": "5/s", "restart": "500ms"}}
    outcome = outcome_of(run, season("1h", workers=workers, queue={"bound": 900}))
    assert outcome.rejected.sum() > 1000.0
    waiting = outcome.backlog.sum(axis=0, dtype=float)
    assert 850.0 < float(waiting[12:20].min()) <= float(waiting.max()) <= 905.0


@both
def test_a_duplicate_asks_the_provider_and_is_no_fate(run: Any) -> None:
    outcome = outcome_of(run, season(workers=STALLS))
    told = messages(outcome, [0, 1])
    assert told["duplicates"] > 20.0
    asked = float((outcome.attempts - outcome.limited).sum(dtype=float))
    accepted = told["delivered"] + told["failed"] + told["duplicates"]
    assert asked == pytest.approx(accepted + float(outcome.under_way[:, -1].sum()), abs=12.0)


@both
@pytest.mark.parametrize("seed", [3, 4])
def test_a_seed_fixes_every_number(run: Any, seed: int) -> None:
    loaded = season("2s", lost(0.5), workers=STALLS | {"crashes": {"rate": "0.2/s", "restart": "2s"}})
    one, two, other = (outcome_of(run, loaded, own) for own in (seed, seed, seed + 10))
    assert np.array_equal(one.totals, two.totals)
    assert np.array_equal(one.delay_counts, two.delay_counts)
    assert not np.array_equal(one.totals, other.totals)


def test_the_windows_length_changes_no_number() -> None:
    loaded = season("2s", lost(0.5), workers=STALLS | {"crashes": {"rate": "0.2/s", "restart": "2s"}})
    one = outcome_of(cohort.run, loaded)
    for window_bins in (1, 7):
        other = cohort.run(loaded, DUE, 1, SILENT, window_bins=window_bins)[1]
        assert other.totals == pytest.approx(one.totals, rel=1e-9, abs=1e-9)
        assert np.allclose(other.delay_counts, one.delay_counts, rtol=1e-9, atol=1e-9)


ways = st.fixed_dictionaries(
    {
        "batch": st.integers(1, 4),
        "crashes": st.none() | st.just({"rate": "0.5/s", "restart": "1s"}),
        "stalls": st.none() | st.just({"rate": "1/s", "length": "1500ms"}),
    }
)
queues = st.fixed_dictionaries(
    {
        "bound": st.sampled_from([0, 50, 800]),
        "overflow": st.sampled_from(["reject", "drop oldest", "spill"]),
        "visibility_timeout": st.sampled_from(["100ms", "1s", "4s", "20s"]),
    }
)
retries = st.fixed_dictionaries(
    {"attempts": st.integers(1, 4), "budget": st.none() | st.just(0.1), "backoff": st.just("2s")}
)
standbys = st.sampled_from([[], [{"name": "q", "channels": ["email"], "standby": True}]])
PLAIN = {"name": "p", "channels": ["email"], "limits": [{"rate": "90/s", "burst": 90}]}
PACED = {
    "name": "p",
    "channels": ["email"],
    "limits": [{"kind": "paced queue", "rate": "60/s", "queue": "9s"}],
}


@settings(max_examples=10, deadline=None)
@given(
    workers=ways,
    queue=queues,
    retry=retries,
    provider=st.sampled_from([PLAIN, PACED]),
    standby=standbys,
    faults=st.sampled_from([[], [lost(0.6)], [lost(1.0, "region-loss")]]),
    seed=st.integers(0, 99),
)
def test_every_message_has_one_fate_whatever_happens(
    workers: dict[str, Any],
    queue: dict[str, Any],
    retry: dict[str, Any],
    provider: dict[str, Any],
    standby: list[dict[str, Any]],
    faults: list[dict[str, Any]],
    seed: int,
) -> None:
    """The ledger asserts conservation, per stream and window. A duplicate was visible again before."""
    told = {"workers": workers, "retries": retry, "provider": [provider, *standby]}
    loaded = season(None, *faults, queue=queue, **told)
    for run in (message.run, cohort.run):
        outcome = outcome_of(run, loaded, seed)
        assert min(float(outcome.rows(quantity).min()) for quantity in (*QUANTITIES, "backlog")) >= -1e-6
        assert float(outcome.under_way.min()) >= -1e-3
        again, twice = (outcome.rows(row).sum(axis=1, dtype=float) for row in ("redelivered", "duplicates"))
        assert (twice <= again + 1e-6).all()


def test_only_a_season_in_which_messages_are_taken_again_pays_for_it() -> None:
    crash = {"crashes": {"rate": "1/h", "restart": "1s"}}
    costly = {
        "never": season(None),
        "a time-out that nothing outlasts": season("2s"),
        "a worker loss without a time-out": season(None, lost(0.5)),
        "crashes": season(None, workers=crash),
        "a worker loss": season("2s", lost(0.5)),
        "stalls": season("2s", workers=STALLS),
    }
    asks = {}
    for name, loaded in costly.items():
        plan = plan_of(Era(0, loaded.scenario), STREAMS, lanes_of([HoldUp()] * len(STREAMS)), BINS, 1.0)
        state = empty_state(loaded.scenario, [plan], len(STREAMS), BINS)
        asks[name] = with_units(window_of(2, len(STREAMS), 1), plan, state).again != 0
        assert (crew_for(loaded.scenario) is CrashingStaff) == asks[name]
    assert [name for name, asked in asks.items() if asked] == ["crashes", "a worker loss", "stalls"]


CRASHING = {"count": 2, "service_time": "10ms", "crashes": {"rate": "0.02/s", "restart": "10s"}}


def test_how_many_workers_crash_is_chance_as_poissons() -> None:
    """Amounts of messages, but whole workers: what they had in hand is counted in each of sixty seasons."""
    loaded = scenario(500, CRASHING, queue={"visibility_timeout": "5s"})
    due = traffic(STREAMS[1:], [block(50.0, 0, 480, 500, 3)])
    crashed = [cohort.run(loaded, due, seed, SILENT)[1].redelivered.sum() for seed in range(60)]
    expected = 0.02 * 0.01 * due.counts.sum()
    assert np.mean(crashed) == pytest.approx(expected, abs=3.0 * np.sqrt(expected / 60.0))
    assert np.var(crashed) == pytest.approx(expected, rel=0.5)


def test_who_is_away_for_bins_makes_nobody_wait_below_a_bin() -> None:
    """Of two workers one is away now and then: nineteen of twenty wait for services, not for its return."""
    loaded = scenario(60, CRASHING, queue={"visibility_timeout": "5s"})
    due = traffic(STREAMS[1:], [block(50.0, 0, 50, 60, 3)])
    told = ([summary(run(loaded, due, s, SILENT)[1]) for s in range(15)] for run in (message.run, cohort.run))
    one, other = (np.median([each["delay_s"]["p95"] for each in seasons]) for seasons in told)
    assert other == pytest.approx(one, rel=0.3)
