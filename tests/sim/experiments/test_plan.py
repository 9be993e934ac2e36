"""Grids and searches on a season that is small enough to try every value one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta

from scenarios.catalogue import Loaded, load
from scenarios.problems import UserError
from sim.experiments.axis import axis_of, with_settings
from sim.experiments.document import found_document, grid_document
from sim.experiments.find import CONFIDENCE, confidence, find, may_miss
from sim.experiments.trials import Laboratory, seeds_of
from sim.experiments.vary import grid_of, vary

COUNT = "pipeline.workers.count"
RATE = "provider.0.limits[0].rate"
START = "campaign.flash-email.start"
SEEDS = 4


@pytest.fixture(scope="module")
def season() -> Loaded:
    """Smoke with slow workers: what they carry decides how long the queue gets."""
    slow = [
        "pipeline.workers.service_time=50ms",
        "objectives.season=['backlog<=3000']",
        "bin=2s",
        "demand.noise=0.1",
    ]
    return load("smoke", [*slow, f"{COUNT}=5"])


def met(season: Loaded, setting: str) -> int:
    seeds = seeds_of(season, None, SEEDS)
    return sum(t.meets for t in Laboratory().trials([(with_settings(season, [setting]), s) for s in seeds]))


@pytest.fixture(scope="module")
def met_by(season: Loaded) -> list[int]:
    """How many seeds hold with 0, 1, 2, ... workers, each tried, until all do."""
    held = [0]
    while held[-1] < SEEDS:
        held.append(met(season, f"{COUNT}={len(held)}"))
    return held


@pytest.mark.parametrize("start", [2, 40])
@pytest.mark.parametrize("probability", [0.2, 1.0])
def test_the_least_number_of_workers_is_the_first_that_holds_of_all_tried_one_by_one(
    season: Loaded, met_by: list[int], start: int, probability: float
) -> None:
    need = SEEDS - may_miss(probability, SEEDS)
    first = next(n for n, held in enumerate(met_by) if held >= need)
    from_there = with_settings(season, [f"{COUNT}={start}"])
    found = find(
        from_there, axis_of(from_there, COUNT), seeds_of(season, None, SEEDS), probability, Laboratory()
    )
    assert (found.value, found.misses_at) == (str(first), str(first - 1))
    assert found.met_share >= probability
    assert len(found.trials) == SEEDS, "every seed was asked at the answer"


@pytest.mark.parametrize(
    ("probability", "seeds", "missing", "sure"),
    [
        (0.9, 28, 0, False),
        (0.9, 29, 0, True),
        (0.9, 45, 0, True),
        (0.9, 46, 1, True),
        (0.95, 58, 0, False),
        (0.95, 59, 0, True),
        (0.95, 93, 1, True),
        (1.0, 20, 0, False),
    ],
)
def test_so_many_seeds_may_miss_as_tables_of_tolerance_limits_allow(
    probability: float, seeds: int, missing: int, sure: bool
) -> None:
    """Wilks's least numbers at 95 %, for 0 and 1 to miss: 29 and 46 for 90 %, 59 and 93 for 95 %."""
    assert may_miss(probability, seeds) == missing
    assert (confidence(probability, seeds, missing) >= CONFIDENCE) == sure


@given(probability=st.floats(0.05, 0.95), seeds=st.integers(1, 60), data=st.data())
def test_the_confidence_of_an_answer_is_the_beta_law_of_the_share_that_needs_no_more(
    probability: float, seeds: int, data: st.DataObject
) -> None:
    """The need of rank n - m among n independent needs: its share is beta (n - m, m + 1) distributed."""
    missing = data.draw(st.integers(0, seeds - 1))
    expected = beta.sf(probability, seeds - missing, missing + 1)
    assert confidence(probability, seeds, missing) == pytest.approx(expected, abs=1e-9)


@given(probability=st.floats(0.01, 1.0), seeds=st.integers(1, 200))
def test_one_seed_more_may_miss_only_where_the_answer_stays_sure(probability: float, seeds: int) -> None:
    missing = may_miss(probability, seeds)
    assert missing == 0 or confidence(probability, seeds, missing) >= CONFIDENCE
    assert confidence(probability, seeds, missing + 1) < CONFIDENCE
    assert (seeds - missing) / seeds >= probability or missing == 0


def test_a_rate_is_found_to_half_a_percent(season: Loaded) -> None:
    enough = with_settings(season, [f"{COUNT}=40", "objectives.season=['backlog<=2000']"])
    found = find(enough, axis_of(enough, RATE), seeds_of(season, None, SEEDS), 1.0, Laboratory())
    assert found.value is not None
    assert met(enough, f"{RATE}={found.value}") == SEEDS
    assert met(enough, f"{RATE}={found.place * 0.993:.6g}/s") < SEEDS


def test_the_earliest_start_is_after_whatever_it_must_not_meet(season: Loaded) -> None:
    """The flash mail must not add to the flash push, whose queue has drained some minutes later."""
    apart = with_settings(season, [f"{COUNT}=6", "objectives.season=['backlog<=1300']"])
    found = find(apart, axis_of(apart, START), seeds_of(season, None, 2), 1.0, Laboratory())
    assert found.value is not None
    assert met(apart, f"{START}={found.value}") >= 2
    assert found.misses_at is None or found.misses_at < found.value


def test_what_cannot_be_met_is_not_found(season: Loaded) -> None:
    never = with_settings(season, ["objectives.season=['delay_p50<=1us']"])
    found = find(never, axis_of(never, COUNT), seeds_of(season, None, 2), 1.0, Laboratory())
    assert (found.value, found.met_share) == (None, 0.0)
    assert found_document(found, 1.0)["found"] is False


def test_a_grid_tries_every_combination_under_the_same_seeds(season: Loaded) -> None:
    seeds = seeds_of(season, None, 2)
    rows = vary(season, grid_of([f"{COUNT}=4,12", "title=one,two"]), seeds, Laboratory())
    assert [list(row.settings.values()) for row in rows] == [
        ["4", "one"],
        ["4", "two"],
        ["12", "one"],
        ["12", "two"],
    ]
    assert [tuple(t.replication.seed for t in row.trials) for row in rows] == [seeds] * 4
    assert [row.met_share for row in rows] == [0.0, 0.0, 1.0, 1.0]
    told = grid_document(rows, 0.9)["rows"]
    assert [row["verdict"] for row in told] == ["not ready", "not ready", "ready", "ready"]
    assert told[0]["objectives"][0]["name"] == "backlog<=3000"


def test_a_list_is_one_value_of_a_grid() -> None:
    assert grid_of(["objectives.season=['drain<=1min', 'backlog<=5'],[]"])[0][1] == [
        "['drain<=1min', 'backlog<=5']",
        "[]",
    ]


@pytest.mark.parametrize(
    ("texts", "because"),
    [
        ([f"{COUNT}=4,x", "bin=soon"], r"(?s)is not a duration.*is not a count"),
        ([COUNT], "is no list of values"),
        ([f"{COUNT}=4,,5"], "is no list of values"),
        ([f"{COUNT}={','.join(['4'] * 1001)}"], "makes 1001 combinations"),
    ],
)
def test_every_mistake_of_a_grid_is_told_before_a_season_is_simulated(
    season: Loaded, texts: list[str], because: str
) -> None:
    with pytest.raises(UserError, match=because):
        vary(season, grid_of(texts), seeds_of(season, None, 1), Laboratory())


@pytest.mark.parametrize("key", ["pipeline.wrokers.count", "title", "provider.9.channels", "title.x"])
def test_a_key_that_cannot_be_searched_is_a_users_mistake(season: Loaded, key: str) -> None:
    with pytest.raises(UserError, match="--find"):
        axis_of(season, key)
