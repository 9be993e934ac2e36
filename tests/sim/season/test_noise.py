"""The wandering of demand and the scatter of messages, against their laws."""

from __future__ import annotations

import numpy as np
import pytest

from sim.season.noise import scattered, wander


def test_the_wander_has_mean_1_and_the_asked_deviation() -> None:
    levels = wander(np.random.default_rng(1), 200_000, 0.3, 120.0)
    assert levels.mean() == pytest.approx(1.0, abs=0.01)
    assert levels.std() == pytest.approx(0.3, rel=0.03)
    assert levels.min() > 0.0


def test_the_wander_forgets_within_its_correlation_time() -> None:
    levels = wander(np.random.default_rng(2), 200_000, 0.3, 120.0)
    for lag in (1, 2, 4):
        found = np.corrcoef(levels[:-lag], levels[lag:])[0, 1]
        assert found == pytest.approx(np.exp(-lag * 60.0 / 120.0), abs=0.03)


def test_a_memory_far_below_a_minute_is_no_memory() -> None:
    levels = wander(np.random.default_rng(3), 50_000, 0.5, 0.001)
    assert abs(np.corrcoef(levels[:-1], levels[1:])[0, 1]) < 0.02


def test_no_deviation_is_a_row_of_ones() -> None:
    assert wander(np.random.default_rng(4), 5, 0.0, 600.0).tolist() == [1.0] * 5


@pytest.mark.parametrize("bin_s", [0.7, 1.0, 45.0, 60.0, 90.0])
def test_scattered_messages_fall_evenly_into_bins_of_any_length(bin_s: float) -> None:
    minutes_s = np.array([0.0, 60.0, 120.0, 180.0])
    edges_s = np.minimum(np.arange(int(180 / bin_s) + 2) * bin_s, 180.0)
    edges_s = np.unique(edges_s)
    counts = scattered(np.random.default_rng(5), np.full(3, 60_000.0), minutes_s, edges_s)
    expected = np.diff(edges_s) * 1000.0
    assert (np.abs(counts - expected) <= 5.0 * np.sqrt(expected) + 5.0).all()


def test_the_total_does_not_depend_on_the_bins() -> None:
    minutes_s, per_minute = np.arange(11) * 60.0, np.full(10, 37.0)
    totals = {
        int(scattered(np.random.default_rng(6), per_minute, minutes_s, np.linspace(0.0, 600.0, n)).sum())
        for n in (2, 11, 77, 601)
    }
    assert len(totals) == 1
