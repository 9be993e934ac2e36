"""The cohort's windows: buffers for what goes into a stretch of bins and comes out; units compiled for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from scenarios.words import PRIORITIES
from sim.ledger import ONCE
from sim.pipeline.columns import REJECT
from sim.pipeline.kernelagain import again
from sim.pipeline.kernelbeyond import beyond
from sim.pipeline.kernelcalls import addresses_of
from sim.pipeline.kernelfair import fair
from sim.pipeline.kernelfeedback import feed
from sim.pipeline.kernelfull import full
from sim.pipeline.kernelstalls import stall
from sim.pipeline.kernelsure import sure
from sim.pipeline.provisions import goes_beyond
from sim.pipeline.state import Indices, Plan, State, Window

UNITS = ("beyond", "full", "fair", "stall", "again", "feed", "sure")
"""Fields of a Window: addresses, or 0."""


def window_of(streams: int, lanes: int, bins: int, quantities: int = ONCE) -> Window:
    """An empty window of the season's first bins, for a plan that needs no further units. quantities: of
    sim.ledger, the first ones."""
    out, under_way = np.zeros((quantities, streams, bins)), np.zeros((streams, bins))
    arrivals, held = np.zeros((lanes, bins)), np.zeros(streams)
    offer, queues = (np.zeros(bins), np.zeros((2, bins))), np.zeros((len(PRIORITIES), bins + 1))
    return Window(0, arrivals, *offer, out, under_way, queues, np.zeros(bins), held, *[0] * len(UNITS))


def emptied(window: Window, first_bin: int, bins: int, filled: Indices) -> Window:
    """The same window for other bins, in which only the counts of the quantities `filled` are not zero;
    arrivals and capacity are still to be said."""
    queued = window.queues[:, -1].copy()
    if bins != window.arrivals.shape[1]:
        new = window_of(len(window.held), len(window.arrivals), bins, len(window.out))
        new.queues[:, 0] = queued
        units = {unit: getattr(window, unit) for unit in UNITS}
        return new._replace(first_bin=first_bin, **units)
    for quantity in filled:  # as bytes in half of the time
        window.out[quantity].view(np.uint8).fill(0)
    window.under_way[:], window.queues[:], window.held[:] = 0.0, 0.0, 0.0
    window.queues[:, 0] = queued
    return window._replace(first_bin=first_bin)


def with_units(window: Window, plan: Plan, state: State) -> Window:
    """With the addresses of what a plan needs beside `advance`, compiled now or taken from the cache; those
    that the window has hold for all plans and states of its season."""
    asked = {
        "beyond": beyond if goes_beyond(plan) else None,
        "full": full if plan.overflow != REJECT else None,
        "fair": fair if len(plan.bands) else None,
        "stall": stall if len(plan.stalls) else None,
        "again": again if len(plan.again) else None,
        "feed": feed if len(state.feedback.lanes) else None,
        "sure": sure,
    }
    new = [unit for name, unit in asked.items() if unit and not getattr(window, name)]
    found = addresses_of(new, plan, state, window) if new else {}
    addresses: dict[str, Any] = {
        name: 0 if unit is None else found.get(unit) or getattr(window, name) for name, unit in asked.items()
    }
    return window._replace(**addresses)
