"""Campaigns, backgrounds and history on bins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from scenarios.history import History, HistoryStream
from scenarios.season import Growth
from sim.season.demand import base_traffic, growth_factor

START = datetime(2026, 11, 11, tzinfo=UTC)
FLASH = {"name": "flash", "channel": "push", "start": START + timedelta(seconds=90), "release": "50/s"}
CODES = {"name": "codes", "channel": "sms", "rate": "20/s"}
TRIGGER = {"name": "thanks", "channel": "push", "after": "purchase", "delay": {"median": "10s"}}


def last_year(minutes: list[float]) -> History:
    stream = HistoryStream("history:email/news", "email", "news", "marketing", 1800.0)
    return History((stream,), START, np.array([minutes]))


def test_a_campaign_leaves_at_its_rate_until_everyone_within_reach_is_written_to(season: Any) -> None:
    traffic = base_traffic(season(campaign=[FLASH]), 1)
    assert (traffic.planned.tolist(), traffic.suppressed.tolist()) == ([10_000], [2_000])
    counts = traffic.counts[0]
    assert counts[:90].sum() == 0
    assert set(counts[90:250].tolist()) == {50}
    assert counts[250:].sum() == 0


def test_the_last_bin_of_a_campaign_carries_the_rest(season: Any) -> None:
    counts = base_traffic(season(campaign=[FLASH | {"release": "300/s"}]), 1).counts[0]
    assert counts[90 + 26] == 8_000 - 26 * 300


def test_a_campaign_goes_to_its_share_of_its_segment(season: Any) -> None:
    audience = {"size": 10_000, "reach": {"push": 0.8}, "segments": [{"name": "active", "share": 0.5}]}
    traffic = base_traffic(
        season(audience=audience, campaign=[FLASH | {"segment": "active", "share": 0.1}]), 1
    )
    assert (traffic.planned.tolist(), traffic.suppressed.tolist()) == ([500], [100])


def test_what_a_campaign_would_send_outside_the_season_is_left_out_with_its_part_of_the_suppressed(
    season: Any,
) -> None:
    late = FLASH | {"start": START + timedelta(seconds=520)}
    traffic = base_traffic(season(campaign=[late]), 1)
    assert traffic.counts.sum() == 80 * 50
    assert traffic.suppressed.tolist() == [1_000]


def test_a_noisy_campaign_strays_in_pace_but_not_in_number(season: Any) -> None:
    noisy = season(campaign=[FLASH], demand={"noise": 0.3, "noise_correlation": "1min"})
    counts = base_traffic(noisy, 1).counts[0]
    assert counts.sum() == 8_000
    assert counts[95] != 50


def test_the_pace_of_campaigns_strays_by_a_figure_of_its_own_or_as_demand_does(season: Any) -> None:
    def counts(**demand: float) -> Any:
        return base_traffic(season(campaign=[FLASH], background=[CODES], demand=demand), 1).counts

    both, paced, people = counts(noise=0.3), counts(noise=0.3, release_noise=0.0), counts(release_noise=0.3)
    assert (paced == [counts()[0], both[1]]).all()
    assert (people == [both[0], counts()[1]]).all()


def test_a_background_is_a_poisson_process_of_its_rate(season: Any) -> None:
    counts = base_traffic(season(background=[CODES], duration="2h"), 1).counts[0]
    expected = 20 * 7200
    assert abs(counts.sum() - expected) < 4 * expected**0.5
    assert counts.var() == pytest.approx(counts.mean(), rel=0.1)


def test_a_background_follows_its_hours_and_keeps_its_days_mean(season: Any) -> None:
    hourly = [3] * 6 + [1] * 18
    traffic = base_traffic(season(background=[CODES | {"hourly": hourly}], duration="24h", bin="1min"), 1)
    by_hour = traffic.counts[0].reshape(24, 60).sum(axis=1)
    assert by_hour[0] / by_hour[12] == pytest.approx(3.0, rel=0.03)
    assert traffic.counts.sum() == pytest.approx(20 * 86400, rel=0.01)


def test_a_background_follows_its_days_and_the_minutes_of_its_hours(season: Any) -> None:
    shaped = CODES | {"daily": [1, 3], "minutely": [5] * 10 + [1] * 50}
    traffic = base_traffic(season(background=[shaped], duration="48h", bin="1min"), 1)
    by_day, by_minute = (traffic.counts[0].reshape(2, 24, 60).sum(axis=axes) for axes in ((1, 2), (0, 1)))
    assert by_day[1] / by_day[0] == pytest.approx(3.0, rel=0.01)
    assert by_minute[:10].mean() / by_minute[10:].mean() == pytest.approx(5.0, rel=0.01)
    assert traffic.counts.sum() == pytest.approx(20 * 2 * 86400, rel=0.01)


def test_last_years_minutes_come_back_times_growth(season: Any) -> None:
    loaded = season(last_year([60.0, 0.0, 30.0]), demand={"growth": 2.5}, duration="3min")
    counts = base_traffic(loaded, 1).counts[0]
    assert [counts[i * 60 : i * 60 + 60].sum() for i in range(3)] == [150, 0, 75]
    assert set(counts[:60].tolist()) == {2, 3}


def test_a_history_shorter_than_the_season_leaves_the_rest_empty(season: Any) -> None:
    counts = base_traffic(season(last_year([60.0]), duration="3min"), 1).counts[0]
    assert counts.sum() == counts[:60].sum() == 60


def test_growth_has_its_quantiles_over_the_seeds() -> None:
    drawn = [growth_factor(Growth(p50=3.0, p90=4.0), seed) for seed in range(4000)]
    assert float(np.median(drawn)) == pytest.approx(3.0, rel=0.02)
    assert float(np.quantile(drawn, 0.9)) == pytest.approx(4.0, rel=0.02)


def test_a_growth_that_is_a_number_is_that_number_for_every_seed() -> None:
    assert {growth_factor(2.0, seed) for seed in range(5)} == {2.0}


def test_triggered_streams_are_there_and_empty(season: Any) -> None:
    traffic = base_traffic(season(campaign=[FLASH], trigger=[TRIGGER]), 1)
    assert [stream.cause for stream in traffic.streams] == ["campaign", "trigger"]
    assert traffic.counts[1].sum() == 0


def test_adding_a_stream_changes_no_number_of_the_others(season: Any) -> None:
    noise = {"noise": 0.2}
    alone = base_traffic(season(background=[CODES], demand=noise), 5)
    joined = base_traffic(season(campaign=[FLASH], background=[CODES], trigger=[TRIGGER], demand=noise), 5)
    at = [stream.name for stream in joined.streams].index("codes")
    assert joined.counts[at].tolist() == alone.counts[0].tolist()


def test_another_seed_is_another_season(season: Any) -> None:
    loaded = season(background=[CODES])
    assert base_traffic(loaded, 1).counts.tolist() != base_traffic(loaded, 2).counts.tolist()
    assert base_traffic(loaded, 1).counts.tolist() == base_traffic(loaded, 1).counts.tolist()


def test_a_season_without_any_stream_is_empty(season: Any) -> None:
    assert base_traffic(season(), 1).counts.shape == (0, 600)
