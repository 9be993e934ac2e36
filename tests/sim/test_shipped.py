"""The shipped seasons: each can be simulated small; the ones that reproduce published volumes have them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scenarios.catalogue import load, names
from sim.season.demand import base_traffic
from sim.simulate import simulate, to_document
from sim.traffic import peak, peak_per_min

WEEKS = ("cyber-week",)
"""Too many bins to be simulated more than once."""


@pytest.mark.parametrize("name", [name for name in names() if name not in WEEKS])
def test_a_shipped_season_can_be_simulated_at_the_scale_of_its_rehearsal(name: str) -> None:
    loaded = load(name)
    small = replace(loaded, scenario=loaded.scenario.scaled(loaded.scenario.rehearsal.scale))
    told = to_document(simulate(small))
    assert told["messages"]["delivered"] > 0.8 * told["messages"]["offered"] > 0.0
    assert all(objective["holds"] is not None for objective in told["objectives"])


def test_peak_hour_has_the_published_hour_and_its_busiest_minute() -> None:
    """376 M between nine and ten, 11.6 M in the busiest minute: 1.85 times the hour's mean (V5)."""
    traffic = simulate(load("peak-hour")).traffic
    hour = float(traffic.counts[:, :3600].sum())
    assert hour == pytest.approx(376e6, rel=0.005)
    assert peak_per_min(traffic) == pytest.approx(11.6e6, rel=0.02)
    assert peak_per_min(traffic) / (hour / 60.0) == pytest.approx(1.85, rel=0.02)


def test_cyber_week_has_the_published_volume_and_the_peak_that_its_file_derives() -> None:
    season = load("cyber-week")
    traffic = base_traffic(season, season.scenario.seed)
    assert len(traffic.streams) >= 18
    assert traffic.counts.shape[1] == 7 * 86_400
    assert traffic.counts.sum(dtype=np.float64) == pytest.approx(68e9, rel=0.01)  # and what it triggers
    friday = traffic.per_bin().reshape(7, 24, 60, 60).sum(axis=3)[3]
    assert friday[9].mean() / friday.mean() == pytest.approx(1.81, rel=0.02)
    found = peak(traffic.per_bin(), 1.0)
    assert found.per_min > 20e6
    assert found.per_min == pytest.approx(1.28 * 68e9 / 7 / 1440 * 1.81 * 1.85, rel=0.03)
    assert (3 * 24 + 9) * 3600 - 60 <= found.start_s <= (3 * 24 + 9) * 3600 + 60


@pytest.mark.torture
def test_cyber_week_offers_the_published_volume_and_is_ready(tmp_path: Path) -> None:
    told = to_document(simulate(load("cyber-week"), keep=tmp_path / "outcome.parquet"))
    assert 68e9 <= told["messages"]["offered"] <= 68e9 * 1.005
    assert told["verdict"] == "ready"
