"""Which rows have anything to do in a stretch of columns. Compiled into sim.pipeline.kernel."""

from __future__ import annotations

from sim.pipeline.columns import AGAIN_UNTIL, ALIVE, BACK_UNTIL, DEFERRED_UNTIL, HELD, LANDS_UNTIL, LISTED
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelparts import enlist
from sim.pipeline.kernelrows import count_some
from sim.pipeline.recalls import LATE
from sim.pipeline.state import Plan, State, Window


@part
def list_alive(plan: Plan, state: State, window: Window, at: int, end: int) -> None:
    """Into `state.alive`: rows that have newcomers in these columns, or in which something lies ahead; where
    there may be echoes all."""
    t, state.marks[ALIVE] = window.first_bin + at, 0
    late = window.again != 0 and plan.again[LATE] > 0.0
    for row in range(state.streams.shape[0]):
        own = state.streams[row]
        own[LISTED] = 0.0
        ahead = max(own[LANDS_UNTIL], own[BACK_UNTIL] + 1.0, own[DEFERRED_UNTIL] + 1.0, own[AGAIN_UNTIL])
        if ahead >= t or own[HELD] > 0.0 or late or _has_newcomers(window, row, at, end):
            enlist(state, row)


@part
def _has_newcomers(window: Window, row: int, at: int, end: int) -> bool:
    """Whether anything is due in a row, which may be a standby's, in these columns."""
    return bool(row < window.arrivals.shape[0] and count_some(window.arrivals[row, at:end]) > 0)
