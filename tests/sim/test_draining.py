"""How long backlogs take to be gone, of known shapes and of chance."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.draining import Drain, drain_of

Floats = npt.NDArray[np.float64]


def hump(top: float, stands_s: int, falls_s: int) -> Floats:
    """Of a season of 2,000 s: there at once, standing at its top, then falling evenly to nothing."""
    told = np.zeros(2000)
    told[100 : 100 + stands_s] = top
    told[100 + stands_s : 100 + stands_s + falls_s] = top * np.linspace(1.0, 0.0, falls_s, endpoint=False)
    return told


@pytest.mark.parametrize(
    ("backlog", "took_s"),
    [
        ([0, 0, 50, 100, 50, 20, 9, 0, 0, 0, 0, 0, 0, 0], 3.0),
        ([3, 3, 3, 103, 60, 12, 3, 3, 3, 3, 3, 3], 2.0),
        ([0, 0, 0, 100, 99.5, 100.1, 71, 0, 0, 0, 0, 0], 1.0),
        ([0] * 500 + [50] + [0] * 30 + [8] * 40 + [0] * 500, 71.0),
        ([0] * 500 + [50] + [0] * 61 + [8] * 40 + [0] * 500, 1.0),
        ([0] * 500 + [9] * 300 + [0] * 500, 0.0),
        ([0] * 20, 0.0),
        ([], 0.0),
    ],
    ids=["its root", "its usual level", "plateau", "lull", "later rise", "chance", "nothing", "no bins"],
)
def test_a_backlog_drains_from_the_last_of_its_top_to_its_usual_level(
    backlog: list[float], took_s: float
) -> None:
    assert drain_of(np.array(backlog, dtype=np.float64), 1.0) == Drain(took_s, True)


@pytest.mark.parametrize("backlog", [[0, 0, 0, 0, 0, 0, 10, 20, 30], [0.0] * 90 + [100.0] * 60])
def test_what_never_falls_or_is_full_to_the_end_takes_until_then_and_has_not_ended(
    backlog: list[float],
) -> None:
    assert drain_of(np.array(backlog, dtype=np.float64), 1.0) == Drain(1.0, False)


@given(st.floats(1e5, 1e8), st.integers(0, 300), st.integers(100, 600))
def test_of_a_great_backlog_the_drain_is_the_fall_but_for_the_percent_at_either_end(
    top: float, stands_s: int, falls_s: int
) -> None:
    assert drain_of(hump(top, stands_s, falls_s), 1.0).took_s == pytest.approx(0.98 * falls_s, abs=3.0)


def test_what_chance_does_to_a_plateau_hardly_moves_the_drain() -> None:
    """A full queue of 400 for 200 s, or so many backoffs, whose number strays as a Poisson count does."""
    plain = drain_of(hump(400.0, 200, 100), 1.0).took_s
    random = np.random.default_rng(20_112_260)
    took_s = [drain_of(random.poisson(hump(400.0, 200, 100)).astype(float), 1.0).took_s for _ in range(200)]
    assert np.quantile(took_s, [0.05, 0.95]) == pytest.approx([plain, plain], abs=20.0)


@given(st.integers(0, 2**32))
def test_messages_that_stand_now_and_then_by_chance_are_no_surge(seed: int) -> None:
    backlog = np.minimum(np.random.default_rng(seed).poisson(2.0, 1200), 9).astype(float)
    assert drain_of(backlog, 1.0) == Drain(0.0, True)
