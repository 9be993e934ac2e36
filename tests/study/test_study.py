"""What the study rests on: what is drawn, when cells agree, where the table goes. `make study` runs it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sim import cohort, message
from sim.progress import SILENT
from sim.season.demand import base_traffic
from tests.study.agreement import EPSILON, HALVED_BINS, README, changed
from tests.study.cells import Cell, alike, cells, counted
from tests.study.drawing import LIMITS, draw
from tests.study.extras import EXTRAS
from tests.study.telling import BEGIN, END, Studied, between_marks, table

CELL = Cell("drawn 0", "sale", "delay mean", 10.0, 10.0, 0.1, 1.0)


def test_a_seed_and_a_number_fix_what_is_drawn() -> None:
    assert draw(1, 4) == draw(1, 4)
    assert draw(1, 4).loaded.scenario != draw(1, 5).loaded.scenario != draw(2, 5).loaded.scenario


def test_everything_that_the_vocabulary_has_is_drawn_sooner_or_later() -> None:
    drawn = [draw(3, number) for number in range(80)]
    assert {name for season in drawn for name in season.extras} == {
        name for name, extra in EXTRAS.items() if extra.known()
    }
    kinds = {limit.kind for s in drawn for p in s.loaded.scenario.providers for limit in p.limits}
    assert len(kinds) >= 8
    assert len(LIMITS) == 12, "eleven kinds, the token bucket twice"


def test_a_drawn_season_is_small_and_told_by_both_resolutions_cell_by_cell() -> None:
    drawn = draw(1, 1)
    traffic = base_traffic(drawn.loaded, 1)
    assert 5_000 < traffic.counts.sum() < 300_000
    one, two = (engine.run(drawn.loaded, traffic, 1, SILENT)[1] for engine in (message, cohort))
    found = list(cells(drawn.name, [one, one], [two, two]))
    assert {cell.stream for cell in found} <= {stream.name for stream in one.streams}
    assert len(found) == 10 * len({cell.stream for cell in found})
    again = cohort.run(drawn.loaded, traffic, 1, SILENT, window_bins=HALVED_BINS)[1]
    assert changed(two, again) <= EPSILON
    assert changed(two, one) > EPSILON, "and it sees what is changed"
    told = Studied(drawn, tuple(found), tuple(cells(drawn.name, [one, one], [one, one])), 0, 0.0)
    assert "100.0% agree, 0 off" in table(1, 2, [told]), "the message resolution with itself"
    assert f"{sum(cell.agrees for cell in found)} of {len(found)} cells" in table(1, 2, [told])


@pytest.mark.parametrize(
    ("found", "own", "quantity", "agrees", "gross"),
    [
        (10.19, 0.1, "delay mean", True, False),
        (10.21, 0.1, "delay mean", False, False),
        (10.9, 1.0, "delay mean", True, False),
        (11.1, 0.1, "delay mean", False, True),
        (11.1, 0.1, "delivered", False, True),
    ],
)
def test_a_cell_agrees_within_two_percent_or_the_referees_own_interval(
    found: float, own: float, quantity: str, agrees: bool, gross: bool
) -> None:
    cell = replace(CELL, found=found, own=own, quantity=quantity)
    assert (cell.agrees, cell.gross) == (agrees, gross)


def test_times_agree_within_a_twentieth_of_a_bin_and_quantiles_within_a_third_of_a_point() -> None:
    assert replace(CELL, referee=0.5, found=0.54, own=0.0).agrees
    assert not replace(CELL, referee=0.5, found=0.54, own=0.0, quantity="failed").agrees
    assert replace(CELL, found=20.0, quantity="delay p99", points=0.003).agrees
    assert not replace(CELL, found=20.0, quantity="delay p99", points=0.0031).agrees


@pytest.mark.parametrize(
    ("seen", "of", "found", "agrees"),
    [
        (0, 50_000, 0.73, True),
        (0, 50_000, 0.75, False),
        (0, 50_000, 3.0, False),
        (2, 50_000, 1.44, True),
        (2, 50_000, 1.45, False),
        (50_000, 50_000, 9_999.3, True),
        (50_000, 50_000, 9_700.0, False),
    ],
)
def test_of_few_messages_five_seeds_know_what_an_exact_interval_says(
    seen: int, of: int, found: float, agrees: bool
) -> None:
    """Garwood's Poisson limits of 0 and of 2 are 3.689 and 7.225; of five seeds a fifth of that each."""
    cell = replace(CELL, quantity="expired", referee=seen / 5, own=0.0, found=found)
    assert replace(cell, counted=counted(seen, of, 5)).agrees == agrees
    assert cell.agrees == (seen == of and agrees), "Student's interval of five equal counts is a point"


@pytest.mark.parametrize(
    ("seeds", "found", "agrees"), [(5, 0.52, True), (5, 0.53, False), (25, 0.53, False), (25, 0.13, True)]
)
def test_a_whole_number_that_all_seasons_share_is_off_by_what_none_of_so_many_leaves_open(
    seeds: int, found: float, agrees: bool
) -> None:
    """0.48^5 = 0.025: five seasons of five tell the same with that chance where 52 % of all tell another."""
    cell = replace(CELL, quantity="backlog max", referee=0.0, own=0.0, found=found)
    assert replace(cell, counted=alike(0.0, 1.0, seeds)).agrees == agrees
    assert not cell.agrees, "Student's interval of equal numbers is a point"


def test_the_table_goes_between_the_marks_and_nowhere_else() -> None:
    text = README.read_text("utf-8")
    told = between_marks(text, "a table")
    assert told.partition(BEGIN)[0] == text.partition(BEGIN)[0]
    assert told.partition(END)[2] == text.partition(END)[2]
    assert f"{BEGIN}\na table\n{END}" in told
    with pytest.raises(ValueError, match="marks"):
        between_marks("no marks", "a table")
