"""A run whose files are damaged: its report tells the rest, and what was left out and why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from loadtests import stages
from reports.publishing import found
from sim.runs import MANIFEST, Run

JSON_FILES = (
    MANIFEST,
    stages.SIMULATION,
    stages.REHEARSAL,
    stages.REPLAY,
    stages.CEILING,
    stages.CALIBRATION,
    stages.AGAIN + stages.SIMULATION,
)
OTHER_FILES = (stages.SCENARIO, stages.TRAFFIC, stages.OUTCOME, stages.AGAIN + stages.TRAFFIC)
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut off": lambda data: data[: len(data) // 2],
    "not text": lambda _: bytes(range(128, 256)),
}


@pytest.fixture
def damaged(rehearsed_too: Path) -> Callable[[str, Callable[[bytes], bytes]], Run]:
    """A copy of a whole run with one file spoilt."""

    def spoil(name: str, damage: Callable[[bytes], bytes]) -> Run:
        spoilt = rehearsed_too / name
        spoilt.write_bytes(damage(spoilt.read_bytes()))
        return Run(rehearsed_too)

    return spoil


SPOILT = [(name, list(DAMAGES)[at % len(DAMAGES)]) for at, name in enumerate((*JSON_FILES, *OTHER_FILES))]


@pytest.mark.parametrize(("name", "damage"), SPOILT)
def test_a_damaged_file_is_left_out_of_the_report_aloud_and_the_rest_is_told(
    damaged: Callable[[str, Callable[[bytes], bytes]], Run], name: str, damage: str
) -> None:
    findings = found(damaged(name, DAMAGES[damage]))
    told = [flag.text for flag in findings.flags if flag.name == "damaged"]
    assert told
    assert all("left out" in text for text in told)
    assert any(name in text for text in told)
    assert not findings.complete


def test_measurements_whose_scale_is_lost_are_not_held_against_the_season(
    damaged: Callable[[str, Callable[[bytes], bytes]], Run],
) -> None:
    run = damaged(stages.REHEARSAL, DAMAGES["empty"])
    (run.path / stages.REHEARSAL).unlink()
    findings = found(run)
    assert findings.verdict == "inconclusive"
    assert findings.headroom_share is None
