"""The season's clock across changes of the local clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sim.season.timetable import timetable


def test_hours_are_those_of_the_local_clock_while_bins_are_seconds_in_utc(season: Any) -> None:
    start = datetime(2026, 11, 11, tzinfo=ZoneInfo("Asia/Shanghai"))
    clock = timetable(season(starts_at=start, timezone="Asia/Shanghai", duration="24h").scenario)
    assert clock.starts_at == datetime(2026, 11, 10, 16, tzinfo=UTC)
    assert clock.local[1].tolist() == [hour for hour in range(24) for _ in range(60)]


def test_an_hour_that_comes_twice_is_twice_as_long(season: Any) -> None:
    start = datetime(2026, 11, 1, tzinfo=ZoneInfo("America/New_York"))
    clock = timetable(season(starts_at=start, timezone="America/New_York", duration="25h").scenario)
    hours = clock.local[1].tolist()
    assert hours.count(1) == 120
    assert hours.count(2) == hours.count(23) == 60


def test_seconds_between_moments_are_real_seconds_even_across_a_change_of_the_clocks(season: Any) -> None:
    zone = ZoneInfo("America/New_York")
    start = datetime(2026, 11, 1, tzinfo=zone)
    clock = timetable(season(starts_at=start, timezone="America/New_York", duration="48h").scenario)
    next_midnight = start + timedelta(days=1)
    assert clock.seconds_to(next_midnight) == 25 * 3600.0


def test_the_last_bin_ends_with_the_season(season: Any) -> None:
    clock = timetable(season(duration="100s", bin="30s").scenario)
    assert clock.bins == 4
    assert clock.edges_s.tolist() == [0.0, 30.0, 60.0, 90.0, 100.0]
    assert clock.minute_edges_s.tolist() == [0.0, 60.0, 100.0]


def test_bins_that_do_not_divide_in_binary_are_still_counted_right(season: Any) -> None:
    assert timetable(season(duration="600s", bin="100ms").scenario).bins == 6000
