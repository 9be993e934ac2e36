"""Windows for the cohort kernel to fill, with the units that it calls by their address."""

from __future__ import annotations

import numpy as np

from sim.ledger import ONCE
from sim.pipeline.kernelagain import again
from sim.pipeline.kernelbeyond import beyond
from sim.pipeline.kernelcalls import address_of
from sim.pipeline.kernelfull import full
from sim.pipeline.provisions import goes_beyond
from sim.pipeline.state import REJECT, Plan, State, Window


def window_of(streams: int, lanes: int, bins: int, quantities: int = ONCE) -> Window:
    """An empty window of the season's first bins, for a plan that needs no further units. quantities: of
    sim.ledger, the first ones."""
    out, under_way = np.zeros((quantities, streams, bins)), np.zeros((streams, bins))
    arrivals, held = np.zeros((lanes, bins)), np.zeros(streams)
    return Window(0, arrivals, np.zeros(bins), out, under_way, np.zeros(bins), held, 0, 0, 0)


def emptied(window: Window, first_bin: int, bins: int) -> Window:
    """The same window for other bins; arrivals and capacity are still to be said."""
    if bins != window.arrivals.shape[1]:
        new = window_of(len(window.held), len(window.arrivals), bins, len(window.out))
        new = new._replace(beyond=window.beyond, full=window.full, again=window.again)
        return new._replace(first_bin=first_bin)
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
        again=address_of(again, *fields) if len(plan.again) else 0,
    )
