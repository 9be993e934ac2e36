"""One command from a season to a report, and its numbers are the run's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.cli import Done, Peakday

pytestmark = pytest.mark.alone

CONTRACT = {
    "run",
    "verdict",
    "basis",
    "headroom_share",
    "peak_offered_per_s",
    "ceiling_per_s",
    "binds_first",
    "actions",
    "not_tested",
    "report",
}


def test_a_rehearsal_ends_with_a_verdict_and_a_report(rehearsed: Done) -> None:
    assert rehearsed.code == 0, rehearsed.err
    assert rehearsed.document["verdict"] in ("ready", "at risk")
    assert Path(rehearsed.document["report"]).stat().st_size > 20_000


def test_a_rehearsal_says_what_the_contract_asks(rehearsed: Done) -> None:
    assert set(rehearsed.document) >= CONTRACT


def test_headroom_is_the_ceilings_low_end_over_the_p90_peak(rehearsed: Done) -> None:
    found = rehearsed.document
    expected = found["ceiling_per_s"]["low"] / found["peak_offered_per_s"]["p90"] - 1
    assert found["headroom_share"] == pytest.approx(expected, abs=1e-6)


def test_every_stage_left_its_file(rehearsed: Done) -> None:
    folder = Path(rehearsed.document["report"]).parent
    for name in (
        "manifest.json",
        "scenario.toml",
        "traffic.parquet",
        "outcome.parquet",
        "replay.json",
        "ceiling.json",
        "calibration.json",
        "findings.json",
        "report.html",
        "report.md",
    ):
        assert (folder / name).is_file(), name
    stages = json.loads((folder / "manifest.json").read_text())["stages"]
    assert {s["status"] for s in stages.values()} == {"done"}


def test_the_page_shows_the_numbers_of_its_findings(rehearsed: Done) -> None:
    folder = Path(rehearsed.document["report"]).parent
    text = (folder / "report.md").read_text()
    assert rehearsed.document["verdict"].upper() in text


@pytest.fixture(scope="module")
def at_limit(peakday: Peakday) -> dict[int, Done]:
    """The same rehearsal against a provider limit and against half of it."""
    return {
        limit: peakday(
            "rehearse", "smoke", "--budget", "30s", "--json", "--target", f"embedded?limit={limit}/s"
        )
        for limit in (240, 120)
    }


def test_half_the_limit_is_half_the_ceiling(at_limit: dict[int, Done]) -> None:
    whole, half = (at_limit[n].document["ceiling_per_s"]["point"] for n in (240, 120))
    assert half / whole == pytest.approx(0.5, rel=0.05)


def test_verdict_and_headroom_follow_the_limit(at_limit: dict[int, Done]) -> None:
    whole, half = at_limit[240], at_limit[120]
    assert whole.document["headroom_share"] > 0 > half.document["headroom_share"]
    assert (whole.document["verdict"], half.document["verdict"]) == ("ready", "not ready")
    assert (whole.code, half.code) == (0, 1)


@pytest.mark.torture
def test_twice_the_service_time_is_half_the_ceiling(peakday: Peakday) -> None:
    points = [
        peakday(
            "ceiling", "--budget", "14s", "--json", "--target", f"embedded?workers=6&service-time={ms}ms"
        ).document["ceiling_per_s"]["point"]
        for ms in (20, 40)
    ]
    assert points[1] / points[0] == pytest.approx(0.5, rel=0.10)
    assert points[0] == pytest.approx(300, rel=0.10)
