"""What a higher class gets of a limit that opens little by little, before busy workers: both resolutions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from scenarios.catalogue import Loaded
from scenarios.pipeline import Workers
from sim import cohort, histogram, message
from sim.outcome import Outcome
from sim.pipeline.leads import POINTS, leads_of
from sim.pipeline.workers import draw_services
from sim.progress import SILENT
from sim.traffic import Traffic
from tests.sim.pipelines import block, scenario, stream, traffic

BINS = 60
SEEDS = range(870, 876)
EQUAL = {"distribution": "deterministic"}
SEASONS: dict[str, tuple[dict[str, Any], dict[str, Any], float, float]] = {
    "batches with room for few of the many codes": (
        {"count": 3, "service_time": "67ms", "variation": 0.4, "batch": 2},
        {"rate": "36/s", "burst": 25},
        45.0,
        1.15,
    ),
    "batches of equal services": (
        {"count": 6, "service_time": "80ms", "batch": 3, **EQUAL},
        {"rate": "110/s", "burst": 25},
        60.0,
        1.25,
    ),
    "two workers of services that vary much": (
        {"count": 2, "service_time": "20ms", "variation": 1.4},
        {"rate": "50/s", "burst": 30},
        25.0,
        1.1,
    ),
    "calls that end just before their own asker comes round": (
        {"count": 16, "service_time": "55.5ms", **EQUAL},
        {"kind": "concurrency cap", "calls": 32, "call_duration": "331ms"},
        40.0,
        0.97,
    ),
}
"""Crew, limit, codes a second, and the least that codes lead by."""


def season(crew: dict[str, Any], limit: dict[str, Any], codes: float) -> tuple[Loaded, Traffic]:
    provider = {"name": "p", "channels": ["email"], "limits": [limit]}
    loaded = scenario(BINS, crew, provider=[provider], retries={"attempts": 1})
    streams = [stream("sale"), stream("code", priority="transactional")]
    # at first hardly more than the workers can take, or all would begin at about the same moment
    carried = crew["count"] * crew.get("batch", 1) / (float(crew["service_time"].removesuffix("ms")) / 1000.0)
    sale = block(1.05 * carried - codes, 0, 5, BINS, 1) + block(500, 5, BINS, BINS, 1)
    return loaded, traffic(streams, [sale, block(codes, 0, BINS, BINS, 2)])


def lead(outcome: Outcome) -> float:
    """The share of codes that passes, against that of all messages."""
    asked, refused = outcome.attempts.sum(axis=1), outcome.limited.sum(axis=1)
    return float((1.0 - refused[1] / asked[1]) / (1.0 - refused.sum() / asked.sum()))


@pytest.mark.parametrize("name", SEASONS)
def test_codes_from_busy_workers_lead_as_far_as_amounts_as_message_by_message(name: str) -> None:
    crew, limit, codes, least = SEASONS[name]
    loaded, due = season(crew, limit, codes)
    exact, found = (
        float(np.mean([lead(engine.run(loaded, due, seed, SILENT)[1]) for seed in SEEDS]))
        for engine in (message, cohort)
    )
    assert exact > least
    assert found == pytest.approx(exact, rel=0.06), "0.02 by chance"


def test_single_asks_of_one_provider_look_nothing_up_of_batches() -> None:
    """Of 273 messages a second 108 pass, and as large a share of the few codes; who, is chance."""
    crew = {"count": 4, "service_time": "10ms", "variation": 0.8}
    provider = {"name": "p", "channels": ["email"], "limits": [{"rate": "108/s", "burst": 465}]}
    retries = {"attempts": 14, "backoff": "1.4s", "cap": "3.2s"}
    loaded = scenario(120, crew, provider=[provider], retries=retries, queue={"bound": 3300})
    streams = [stream("sale"), stream("code", priority="transactional")]
    due = traffic(streams, [block(273, 0, 120, 120, 1), block(9, 0, 120, 120, 2)])
    asked = refused = np.zeros(2)
    for seed in range(16):
        outcome = cohort.run(loaded, due, seed, SILENT)[1]
        often = (outcome.limited[0] > 1.0) & (outcome.attempts[1] > 1.0)
        assert often.sum() > 60
        asked = asked + outcome.attempts[:, often].sum(axis=1)
        refused = refused + outcome.limited[:, often].sum(axis=1)
    passed = 1.0 - refused / asked
    assert passed[1] / passed[0] == pytest.approx(1.02, abs=0.03)


def crew(**told: Any) -> Workers:
    return Workers.model_validate({"count": 4, "service_time": "50ms", **told})


def leads(**told: Any) -> npt.NDArray[np.float64]:
    return leads_of(crew(**told), crew(**told).count)


@pytest.mark.parametrize("batch", [1, 2, 9])
@pytest.mark.parametrize("varying", [EQUAL, {"variation": 0.3}, {"variation": 1.4}], ids=str)
def test_no_class_that_leads_passes_more_than_there_is_or_than_all_of_it(
    batch: int, varying: dict[str, Any]
) -> None:
    share, passes = np.meshgrid(*[np.linspace(0.0, 1.0, POINTS)[1:]] * 2, indexing="ij")
    for table in leads(batch=batch, **varying):
        passed = passes * (1.0 + table[1:, 1:])
        assert (table >= 0.0).all()
        assert (passed <= 1.0 + 1e-9).all()
        assert (passed * share <= passes * (1.0 + 1e-9)).all()


def tried(count: int, services: npt.NDArray[np.float64], passes: float) -> float:
    """Covariance of the gap before a taking with whether the same worker's next ask passes, by the mean gap
    and the share that passes: of so many workers, always busy, with services of mean 1 in turn."""
    free, gaps = list(np.random.default_rng(4).random(count)), [0.0] * count
    last, tokens = 0.0, 0.0
    told = []
    for service in services.tolist():
        at_s = min(free)
        worker = free.index(at_s)
        gap, last = at_s - last, at_s
        tokens = min(20.0, tokens + gap * count * passes)
        told.append((gaps[worker], tokens >= 1.0))
        tokens -= tokens >= 1.0
        gaps[worker], free[worker] = gap, at_s + service
    gap_of, passed = np.array(told[1000:]).T
    return float(np.mean(gap_of * passed) / gap_of.mean() / passed.mean() - 1.0)


@pytest.mark.parametrize(
    ("told", "passes"),
    [
        ({"count": 1, "distribution": "exponential"}, 0.2),
        ({"count": 1, "distribution": "exponential"}, 0.5),
        ({"count": 4, "distribution": "exponential"}, 0.65),
        ({"count": 2, "variation": 1.4}, 0.2),
        ({"count": 3, "variation": 0.6}, 0.8),
    ],
    ids=str,
)
def test_few_codes_of_varied_services_lead_as_a_crew_that_is_tried(
    told: dict[str, Any], passes: float
) -> None:
    one = crew(**told)
    services = draw_services(one, 300_000, np.random.default_rng(3)) / one.service_time
    table = leads_of(one, one.count)[0]
    found = np.interp(passes, np.linspace(0.0, 1.0, POINTS), table[0])
    assert found == pytest.approx(tried(one.count, services, passes), abs=0.015), "0.005 by chance"


def test_many_workers_of_varied_services_have_no_lead_to_look_up() -> None:
    assert len(leads(count=400, variation=0.5)) == 0


def test_who_begins_with_others_keeps_no_step_with_them() -> None:
    """A lost region's workers come back at one moment; in step, the first of them would ask alone after the
    longest gap, and codes would never be refused."""
    crew = {"count": 3, "service_time": "13ms", **EQUAL}
    fault = {"kind": "worker-loss", "from": "2026-11-11T00:00:05+00:00", "for": "10s", "share": 0.7}
    provider = {"name": "p", "channels": ["email"], "limits": [{"rate": "80/s", "burst": 20}]}
    loaded = scenario(BINS, crew, provider=[provider], retries={"attempts": 1}, fault=[fault])
    streams = [stream("sale"), stream("code", priority="transactional")]
    due = traffic(streams, [block(400, 0, BINS, BINS, 1), block(8, 0, BINS, BINS, 2)])
    exact, found = (
        [lead(engine.run(loaded, due, seed, SILENT)[1]) for seed in SEEDS] for engine in (message, cohort)
    )
    assert np.std(exact) > 0.05, "each season's gaps are its own"
    assert np.mean(found) == pytest.approx(np.mean(exact), abs=2.5 * np.std(exact) / np.sqrt(len(exact)))


def test_codes_lead_by_more_where_a_sudden_start_found_equal_services_idle() -> None:
    """The crew that begins at one moment leaves a long gap in every service, after which much is open."""
    crew, codes, found = {"count": 24, "service_time": "150ms", **EQUAL}, 20, {}
    provider = {"name": "p", "channels": ["email"], "limits": [{"rate": "50/s", "burst": 25}]}
    loaded = scenario(BINS, crew, provider=[provider], retries={"attempts": 1})
    streams = [stream("sale"), stream("code", priority="transactional")]
    for before in (130, 0):
        sale = block(before, 0, 5, BINS, 1) + block(300, 5, BINS, BINS, 1)
        due = traffic(streams, [sale, block(codes, 0, BINS, BINS, 2)])
        found[before] = [
            float(np.mean([lead(engine.run(loaded, due, seed, SILENT)[1]) for seed in SEEDS]))
            for engine in (message, cohort)
        ]
    assert found[0][0] > 1.15 * found[130][0]
    for exact, told in found.values():
        assert told == pytest.approx(exact, rel=0.06)


def test_who_comes_while_no_worker_of_a_sudden_start_ends_waits_for_the_first_who_does() -> None:
    """Nobody is refused: the waits of a class above the backlog of another, in services of 0.3 s."""
    crew = {"count": 24, "service_time": "300ms", **EQUAL}
    loaded = scenario(BINS, crew)
    streams = [stream("sale"), stream("code", priority="transactional")]
    due = traffic(streams, [block(170, 5, BINS, BINS, 1), block(6, 0, BINS, BINS, 2)])
    exact, told = (
        np.sum([engine.run(loaded, due, seed, SILENT)[1].delay_counts[1] for seed in range(20)], axis=0)
        for engine in (message, cohort)
    )
    for share in (0.5, 0.75, 0.9):
        assert histogram.quantile(told, share) == pytest.approx(histogram.quantile(exact, share), abs=0.02)
    assert histogram.quantile(exact, 0.9) > 0.38
