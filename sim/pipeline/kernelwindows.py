"""The cohort's windows: buffers for what goes into a stretch of bins and comes out; units compiled for it."""

from __future__ import annotations

import numpy as np

from sim.ledger import ONCE
from sim.pipeline.kernelagain import again
from sim.pipeline.kernelbeyond import beyond
from sim.pipeline.kernelcalls import address_of
from sim.pipeline.kernelfair import fair
from sim.pipeline.kernelfeedback import feed
from sim.pipeline.kernelfull import full
from sim.pipeline.kernelstalls import stall
from sim.pipeline.provisions import goes_beyond
from sim.pipeline.state import REJECT, Plan, State, Window


def window_of(streams: int, lanes: int, bins: int, quantities: int = ONCE) -> Window:
    """An empty window of the season's first bins, for a plan that needs no further units. quantities: of
    sim.ledger, the first ones."""
    out, under_way = np.zeros((quantities, streams, bins)), np.zeros((streams, bins))
    arrivals, held = np.zeros((lanes, bins)), np.zeros(streams)
    offer = np.zeros(bins), np.zeros(bins)
    return Window(0, arrivals, *offer, out, under_way, np.zeros(bins), held, 0, 0, 0, 0, 0, 0)


def emptied(window: Window, first_bin: int, bins: int) -> Window:
    """The same window for other bins; arrivals and capacity are still to be said."""
    if bins != window.arrivals.shape[1]:
        new = window_of(len(window.held), len(window.arrivals), bins, len(window.out))
        return new._replace(
            first_bin=first_bin,
            beyond=window.beyond,
            full=window.full,
            fair=window.fair,
            stall=window.stall,
            again=window.again,
            feed=window.feed,
        )
    for filled in (window.out, window.under_way, window.held):
        filled[:] = 0.0
    return window._replace(first_bin=first_bin)


def with_units(window: Window, plan: Plan, state: State) -> Window:
    """With the addresses of what a plan needs beside `advance`, compiled now or taken from the cache.

    To be asked for once a plan: numba takes a millisecond to tell the types of so many arrays.
    """
    fields = plan, state, window
    return window._replace(
        beyond=address_of(beyond, *fields) if goes_beyond(plan) else 0,
        full=address_of(full, *fields) if plan.overflow != REJECT else 0,
        fair=address_of(fair, *fields) if len(plan.bands) else 0,
        stall=address_of(stall, *fields) if len(plan.stalls) else 0,
        again=address_of(again, *fields) if len(plan.again) else 0,
        feed=address_of(feed, *fields) if len(state.feedback.lanes) else 0,
    )
