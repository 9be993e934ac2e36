"""Pictures: the same numbers give the same bytes; whatever is missing is left out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from reports.clock import ticks
from reports.find import find
from reports.findings import Findings, to_json
from reports.pictures import DRAWERS, pictures
from reports.results import Results
from reports.svg import Picture

SVG = "{http://www.w3.org/2000/svg}"
DRAW = """
import sys
from pathlib import Path
from reports.findings import from_json
from reports.pictures import pictures
for picture in pictures(from_json(Path(sys.argv[1]).read_bytes())).values():
    sys.stdout.write(picture.svg)
"""


def of_the_trials(findings: Findings) -> dict[str, Picture]:
    """Only what is drawn of the ceiling: to draw takes its time."""
    return pictures(
        replace(findings, tables=tuple(t for t in findings.tables if t.kind in ("gauge", "trials")))
    )


def test_every_picture_is_drawn_of_a_whole_run(drawn: dict[str, Picture]) -> None:
    assert list(drawn) == list(DRAWERS)


def test_equal_numbers_give_equal_bytes_in_another_process(
    findings: Findings, drawn: dict[str, Picture], tmp_path: Path
) -> None:
    file = tmp_path / "findings.json"
    file.write_bytes(to_json(findings))
    other = subprocess.run(
        [sys.executable, "-c", DRAW, str(file)],
        capture_output=True,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "7"},
    )
    assert other.stdout.decode() == "".join(picture.svg for picture in drawn.values())


def test_a_picture_shows_other_bytes_for_another_number(results: Results, drawn: dict[str, Picture]) -> None:
    assert results.ceiling is not None
    other = find(replace(results, ceiling=replace(results.ceiling, low_per_s=160.0)))
    assert of_the_trials(other)["knee"].svg != drawn["knee"].svg


def test_pictures_carry_no_date(drawn: dict[str, Picture]) -> None:
    for picture in drawn.values():
        assert "<dc:date>" not in picture.svg


@pytest.mark.parametrize("name", DRAWERS)
def test_a_picture_on_the_page_has_title_description_own_ids_and_no_fixed_ink(
    drawn: dict[str, Picture], name: str
) -> None:
    inline = drawn[name].inline
    root = ET.fromstring(inline)
    assert root.tag in ("svg", f"{SVG}svg")
    assert [child.tag.removeprefix(SVG) for child in root][:2] == ["title", "desc"]
    assert all(child.text for child in root[:2])
    ids = re.findall(r'\bid="([^"]+)"', inline)
    assert len(ids) == len(set(ids))
    assert all(one.startswith(f"{name}-") for one in ids)
    used = re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', inline)
    assert {a or b for a, b in used} <= set(ids)
    assert "#1a1a1b" not in inline
    assert "currentColor" in inline


def test_a_lower_bound_is_drawn_without_an_upper_end(results: Results) -> None:
    assert results.ceiling is not None
    bound = replace(results.ceiling, high_per_s=float("inf"), is_lower_bound=True, limited_by="nothing")
    drawn = of_the_trials(find(replace(results, ceiling=bound)))
    assert drawn.keys() == {"gauge", "knee"}


def test_unobserved_figures_leave_no_mark_and_no_error(results: Results) -> None:
    assert results.ceiling is not None
    blind = tuple(replace(trial, delivered_per_s=None) for trial in results.ceiling.trials)
    found = find(replace(results, simulated=None, ceiling=replace(results.ceiling, trials=blind)))
    assert ">delivered<" not in of_the_trials(found)["knee"].svg


@pytest.mark.parametrize(
    ("lasts_s", "texts"),
    [
        (600.0, ["00:00", "00:02", "00:04", "00:06", "00:08", "00:10"]),
        (86400.0, ["00:00", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00", "00:00"]),
        (7 * 86400.0, ["11-11", "11-12", "11-13", "11-14", "11-15", "11-16", "11-17", "11-18"]),
    ],
)
def test_time_axes_tick_at_whole_steps_of_the_clock(lasts_s: float, texts: list[str]) -> None:
    assert [tick.text for tick in ticks(datetime(2026, 11, 11), lasts_s, 8)] == texts  # noqa: DTZ001 - local


def test_ticks_of_a_season_that_begins_at_twenty_past_stand_at_whole_hours() -> None:
    found = ticks(datetime(2026, 11, 11, 7, 20), 6 * 3600.0, 8)  # noqa: DTZ001 - local
    assert (found[0].at_s, found[0].text) == (2400.0, "08:00")
