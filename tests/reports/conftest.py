"""A small season, its replay, search and calibration, as the rooms to the left would leave them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from loadtests.arrivals import Found, Sent, seen_of
from loadtests.calibration import Calibration, Fitted, Predicted, Refused
from loadtests.ceiling.bounds import Bound
from loadtests.ceiling.ceiling import Ceiling, Trial
from loadtests.deliveries import deliveries_of
from loadtests.farside import FarFigure
from loadtests.measurement import AtAddress, Measurement, Percentiles, Window
from loadtests.passage import Passage, Watch
from loadtests.tracing import Traced, passage_of, trace
from reports.disclosure import about
from reports.find import find
from reports.findings import Findings
from reports.pictures import pictures
from reports.results import Results
from reports.svg import Picture
from scenarios.catalogue import Loaded, load
from scenarios.objectives import Objective
from sim import histogram
from sim.judging import Judged
from sim.ledger import QUANTITIES
from sim.outcome import Customers, Outcome
from sim.shelf import in_memory
from sim.simulate import Peaks, Simulated
from sim.traffic import Stream, Traffic

BINS = 600
LIMIT_PER_S = 200.0


def smoke_streams(loaded: Loaded) -> tuple[Stream, ...]:
    scenario = loaded.scenario
    campaigns = [
        Stream(c.name, c.channel, c.name, c.priority, c.freshness, "campaign") for c in scenario.campaigns
    ]
    backgrounds = [
        Stream(b.name, b.channel, b.name, b.priority, b.freshness, "background") for b in scenario.backgrounds
    ]
    return (*campaigns, *backgrounds)


def smoke_traffic(loaded: Loaded) -> Traffic:
    streams = smoke_streams(loaded)
    counts = np.zeros((len(streams), BINS), dtype=np.int64)
    counts[0, 60:160] = 80
    counts[1, 90:183] = 45
    counts[2] = 10
    return Traffic(
        streams=streams,
        starts_at=loaded.scenario.starts_at,
        bin_s=1.0,
        counts=counts,
        planned=counts.sum(axis=1) * 2,
        suppressed=counts.sum(axis=1),
        seed=11,
        scenario="smoke",
    )


def fluid_outcome(traffic: Traffic, served_per_s: float) -> Outcome:
    """Every message served first come, first served at one rate: a ledger that closes in every bin."""
    offered = traffic.counts.astype(np.float64)
    total = offered.sum(axis=0)
    waiting, delivered_total, waits = 0.0, np.zeros(BINS), np.zeros(BINS)
    for at in range(BINS):
        waits[at] = waiting / served_per_s
        delivered_total[at] = min(waiting + total[at], served_per_s)
        waiting += total[at] - delivered_total[at]
    delivered = np.outer(offered.sum(axis=1) / offered.sum(), delivered_total)
    fates = {name: np.zeros_like(offered) for name in QUANTITIES}
    fates |= {"offered": offered, "accepted": offered}
    fates |= dict.fromkeys(("delivered", "fresh", "attempts"), delivered)
    busy = np.stack([delivered_total / 266.7, delivered_total / served_per_s])
    return Outcome(
        totals=np.array([fates[name].sum(axis=1) for name in QUANTITIES]),
        delay_counts=np.stack([histogram.count(0.05 + waits, row) for row in offered]),
        stages=("workers", "provider:push-gateway"),
        series=in_memory(fates | {"backlog": np.cumsum(offered - delivered, axis=1), "busy_share": busy}),
        streams=traffic.streams,
        starts_at=traffic.starts_at,
        bin_s=1.0,
        resolution="cohort",
        seed=11,
        scenario="smoke",
        planned=traffic.planned,
        suppressed=traffic.suppressed,
        customers=Customers(900.0, 90.0, 9.0, 8.0, 1.0, 0.5, 1.0, 360.0),
        wall_s=0.2,
        cpu_s=0.2,
        compile_s=0.0,
    )


def percentiles(p50: float, p99: float) -> Percentiles:
    return Percentiles(p50, p50 * 1.4, p50 * 1.7, p99, p99 * 1.5, p99 * 2.0)


def a_trace() -> Traced:
    """A hundred messages, every tenth of them urgent; one is delivered twice and one never."""
    due_s = np.arange(100) * 0.1
    urgency = np.where(np.arange(100) % 10 == 0, 0, 1)
    sent = Sent(1, 0, due_s, due_s + 0.001, due_s + 0.002, np.ones(100, dtype=np.int64), urgency)
    rows = [(due + 0.3, Found(1, (n,)), n != 7) for n, due in enumerate(due_s)]
    seen = seen_of([*rows, (5.0, Found(1, (3,)), True)])
    return trace(sent, seen)


WATCH = Watch(stand_in="sendgrid", limits="token bucket, 200/s (messages)", settled=True, quiet_s=2.0)


def a_passage() -> Passage:
    traced = a_trace()
    outcomes = {"delivered": traced.seen.good, "limited": ~traced.seen.good}
    return passage_of(traced, np.arange(101), outcomes, 10.0, WATCH)


def two_addresses(due: int) -> tuple[AtAddress, ...]:
    """Nine in ten requests went well to one; of the others most met a reset."""
    most, few = due - due // 10, due // 10
    good = AtAddress("http://127.0.0.1:1", most, most, 0, most, 0, 2 * most, {}, percentiles(0.01, 0.05))
    lost = few - few // 3
    return good, AtAddress(
        "http://127.0.0.1:2", few, few, 0, few // 3, 0, few, {"reset": lost}, percentiles(0.01, math.inf)
    )


def measurement(name: str, offered_per_s: float, p99: float, *, valid: bool = True) -> Measurement:
    due = round(offered_per_s * 10)
    rng = np.random.default_rng(7)
    service = rng.lognormal(math.log(p99 / 4.0), 0.5, due)
    return Measurement(
        name=name,
        due=due,
        started=due,
        dropped=0,
        attempts=due,
        accepted=due,
        rejected=0,
        limited=0,
        errors=0,
        faults={},
        messages_due=due,
        messages_accepted=due,
        messages_received=due,
        messages_delivered=due,
        lost=0,
        duplicated=0,
        duration_s=10.0,
        offered_per_s=offered_per_s,
        goodput_per_s=offered_per_s * 0.999,
        delivered_per_s=offered_per_s * 0.998,
        backlog_growth_per_s=0.0,
        requests_per_s=offered_per_s,
        latency_s=percentiles(p99 / 4.0, p99),
        service_s=percentiles(p99 / 4.0, p99 * 0.9),
        lateness_s=percentiles(0.0004, 0.002),
        wait_s=percentiles(0.0, 0.001),
        latency_counts=histogram.count(service * 1.1),
        service_counts=histogram.count(service),
        windows=tuple(
            Window(float(i), due // 10, due // 10, p99 / 4.0, p99 * (1.0 + 0.1 * (i % 3)), 0.002)
            for i in range(10)
        ),
        valid=valid,
        invalid_because="" if valid else "lateness p99 40 ms is above 25 ms",
        scale=1.0,
        compress=1.0,
        origin="the worst 10 s of smoke, from 90 s on",
        complete=True,
        figures=(
            FarFigure("api cpu", "%", "cpu", offered_per_s / 2.1, offered_per_s / 2.0, offered_per_s / 2.1),
            FarFigure("open connections", "", "connections", 40.0, 44.0, 41.0),
        ),
        passage=a_passage(),
        delivery=deliveries_of(a_trace(), 10.0, WATCH),
        addresses=two_addresses(due),
    )


def trial(name: str, offered_per_s: float, verdict: str, because: str, p99: float) -> Trial:
    measured = measurement(name, offered_per_s, p99)
    goodput = min(offered_per_s, LIMIT_PER_S)
    return Trial(
        name=name,
        offered_per_s=offered_per_s,
        duration_s=10.0,
        goodput_per_s=goodput,
        delivered_per_s=goodput,
        latency_s=measured.latency_s,
        lateness_s=measured.lateness_s,
        bad_share=0.0 if verdict == "holds" else 0.2,
        limited=0,
        errors=0,
        verdict=verdict,
        because=because,
        limited_by="" if verdict == "holds" else "latency",
        measurement=measured,
        accepts="holds" if offered_per_s < 1000.0 else "breaks",
        accepted_per_s=offered_per_s,
        delivers="holds" if verdict == "holds" else "breaks",
    )


def a_ceiling(low: float = 190.0, high: float = 204.0) -> Ceiling:
    return Ceiling(
        point_per_s=(low + high) / 2.0,
        low_per_s=low,
        high_per_s=high,
        requests_per_s=low,
        is_lower_bound=False,
        limited_by="latency",
        objectives=("p99<=250ms",),
        valid=True,
        invalid_because="",
        trials=(
            trial("trial 1", low / 2.0, "holds", "p99 40 ms is within 250 ms", 0.04),
            trial("trial 2", high * 1.6, "breaks", "p99 2.1 s is above 250 ms", 2.1),
            trial("trial 3", low * 0.9, "invalid", "lateness p99 31 ms is above 25 ms", 0.2),
            trial("trial 4", high, "breaks", "p99 310 ms is above 250 ms", 0.31),
            trial("trial 5", low, "holds", "p99 180 ms is within 250 ms", 0.18),
        ),
        wall_s=52.0,
        accept=Bound(900.0, 850.0, 950.0, False, 905.0),
        delivery=Bound((low + high) / 2.0, low, high, False, LIMIT_PER_S),
    )


def a_calibration() -> Calibration:
    return Calibration(
        fitted=(Fitted("pipeline.workers.service_time", "s", 0.015, 0.0171, 0.0168, 0.0175),),
        refused=(Refused("provider.push-gateway.rate", "no trial was answered 429"),),
        held_out=(
            Predicted("latency_p50", "s", 0.018, 0.0185, 0.018 / 0.0185 - 1.0),
            Predicted("latency_p99", "s", 0.21, 0.18, 0.21 / 0.18 - 1.0),
            Predicted("throughput", "messages/s", 190.5, 190.0, 190.5 / 190.0 - 1.0),
        ),
        fitted_on=("trial 1", "trial 4"),
        held_out_on="trial 5",
    )


def judged(text: str, quantity: str, limit: float, value: float, *, at_most: bool = True) -> Judged:
    subject = "season" if quantity in ("fresh_share", "drain") else "send api"
    objective = Objective(text, subject, quantity, "", at_most, limit)
    holds = value <= limit if at_most else value >= limit
    return Judged(objective, value, holds, "over the whole hold")


def a_season(loaded: Loaded) -> Simulated:
    traffic = smoke_traffic(loaded)
    fresh = judged("fresh_share>=99%", "fresh_share", 0.99, 1.0, at_most=False)
    return Simulated(traffic, fluid_outcome(traffic, 130.0), Peaks(135.0, 142.0, 135.0, 142.0), (fresh,))


MANIFEST = {
    "run": "20261111T000000.000Z-smoke-0a1b",
    "command": "peakday rehearse smoke --budget 60s",
    "started_at": "2026-11-11T00:00:00+00:00",
    "scenario_sha256": "ab" * 32,
    "seed": 11,
    "versions": {"peakday": "0.1.0", "python": "3.11.9"},
    "host": {"cpus": 2, "machine": "x86_64"},
    "stages": {name: {"status": "done", "wall_s": 1.5} for name in ("simulate", "replay", "ceiling")},
}


@pytest.fixture(scope="session")
def results() -> Results:
    """A rehearsal of smoke that went through every stage and is ready."""
    loaded = load("smoke")
    season = a_season(loaded)
    return Results(
        about=about(MANIFEST, target="embedded"),
        loaded=loaded,
        simulated=season,
        peak=measurement("peak", 140.0, 0.09),
        judged=(judged("p99<=250ms", "p99", 0.25, 0.09),),
        ceiling=a_ceiling(),
        calibration=a_calibration(),
        loaded_again=loaded,
        again=season,
        embedded=True,
    )


@pytest.fixture(scope="session")
def findings(results: Results) -> Findings:
    """What that rehearsal found."""
    return find(results, report="runs/x/report.html")


@pytest.fixture(scope="session")
def short_of_it(results: Results) -> Findings:
    """The same with a ceiling far below the peak, of a target that carries a part of the season."""
    weak = replace(results, ceiling=a_ceiling(90.0, 97.0), scale=0.9, share=0.9)
    return find(weak, report="runs/x/report.html")


@pytest.fixture(scope="session")
def drawn(findings: Findings) -> dict[str, Picture]:
    """The pictures of the ready rehearsal, drawn once."""
    return pictures(findings)
