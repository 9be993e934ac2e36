"""Limits that open or shut within a bin pass of those who ask once as many as message by message."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.limits import LimitWord
from scenarios.providers import limit_of
from sim.pipeline import limitlaws, limits
from sim.pipeline.limiter import Limiter
from sim.pipeline.limits import law


def asked_once(word: LimitWord, offered: list[int], bin_s: float) -> list[int]:
    """Messages that have passed by the end of each bin: one by one, each asking once, evenly in its bin."""
    limiter, total, by_end = Limiter([word], epoch_s=0.0), 0, []
    for i, came in enumerate(offered):
        total += sum(limiter.admit((i + (k + 0.5) / came) * bin_s) == 0.0 for k in range(came))
        by_end.append(total)
    return by_end


def flowed_past(word: LimitWord, offered: list[int], bin_s: float) -> list[float]:
    """The same as amounts, by the very functions that the kernel compiles."""
    fluid, total, by_end = law(word, 0.0, 0.0).fluid, 0.0, []
    passing, book = {
        limits.WINDOW: (limitlaws.window_pass, limitlaws.window_book),
        limits.SWITCH: (limitlaws.switch_pass, limitlaws.switch_book),
    }[fluid.law]
    state = list(fluid.state)
    for i, came in enumerate(offered):
        at = (state, fluid.figures, i * bin_s, bin_s, float(came))
        passes = max(0.0, min(came, passing(*at)))
        book(*at, passes)
        total += passes
        by_end.append(total)
    return by_end


@pytest.mark.parametrize(
    ("word", "every_s"),
    [
        (limit_of({"kind": "refilled bucket", "messages": 120, "every": "7.3s", "phase": "2.6s"}), 7.3),
        (limit_of({"kind": "fixed window", "messages": 40, "window": "1.7s"}), 1.7),
        (limit_of({"kind": "switch-off", "messages": 300, "window": "288s", "off": "6.4s"}), 6.4),
    ],
    ids=["refilled bucket", "fixed window", "switch-off"],
)
@settings(deadline=None, max_examples=60)
@given(offered=st.lists(st.integers(0, 60), min_size=1, max_size=80))
def test_of_those_who_ask_once_as_many_pass_a_limit_that_opens_or_shuts_within_a_bin(
    word: LimitWord, every_s: float, offered: list[int]
) -> None:
    """Each time that it opens or shuts a message may fall on the other side of that moment."""
    one_by_one, amounts = asked_once(word, offered, 1.0), flowed_past(word, offered, 1.0)
    for i, (one, amount) in enumerate(zip(one_by_one, amounts, strict=True)):
        assert abs(one - amount) <= 2.0 + 2.0 * i / every_s
