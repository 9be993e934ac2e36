"""What the cohort kernel works on: the plan, which never changes, and the state, which it changes in place.

Both are named tuples of a few arrays with named columns (sim.pipeline.columns), handed on by their addresses
(sim.pipeline.kernelcalls). Letters in shapes: S streams (and behind them those by standbys), K attempts that
may be followed by another, P priorities, V providers, L limits, G bands of tenants, R bins ahead that a
backoff reaches, D bins ahead that a delivery reaches.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sim.pipeline.feedback import Feedback

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


class Plan(NamedTuple):
    """A pipeline in figures."""

    bin_s: float
    bins: int
    """Bins of the season."""
    told_bins: int
    """Bins that a message is told to wait at most."""
    bound: float
    overflow: int
    """REJECT, DROP or SPILL."""
    capacity: float
    """Messages that all workers together serve in a bin."""
    workers: float
    """Who are there, those included who are away after a crash."""
    batch: int
    """Messages that a worker takes at a time."""
    residual_s: float
    """Mean wait behind others, at a small load: S (1 + n cv^2) / 2nc with batches of n."""
    unevenness: float
    """Keeps the wait below a bin finite at full load (see sim/README.md)."""
    asking_spread: float
    """Variance / mean of the counts of what workers who are never idle ask, below a bin: n cv^2."""
    slope: float
    offset: float
    """Bin of sim.histogram = log(seconds) x slope + offset."""
    stalls: Floats
    """(3 + bins,), or empty: workers' stalls of a bin or more."""
    busy_chance: Floats
    """(2, n), by utilisation: the chance that all are busy (Erlang C), how much of `residual_s` there is."""
    leads: Floats
    """(0 to 2, shares, shares): sim.pipeline.leads."""
    streams: Floats
    """(S, 9)"""
    providers: Floats
    """(V, columns of sim.pipeline.provisions)"""
    deferrals: Floats
    """(V, jumps, 4): when what mailboxes deferred is tried again (sim.pipeline.spreading.laid_evenly)."""
    limit_first: Indices
    """(2 V + 1,): limits at the door of v are rows from its entry to the next, of its mailboxes of V + v."""
    limit_figures: Floats
    """(L, figures): of the limits' fluid laws, filled up with zeros; the last says which law it is."""
    back: Floats
    """(K, jumps, 4): lag (bins, >= 1) at which the share that comes back per bin changes, by how much; and
    its sums of lags less waits, and of their squares (sim.pipeline.spreading.laid_from_causes)."""
    back_ends: Floats
    """(K, 2): the least and the greatest backoff, in bins."""
    delivery: Floats
    """(V, jumps, 2): lag (bins, >= 0) at which the share that is delivered per bin changes, by how much."""
    delivery_ends: Indices
    """(V, 2)"""
    delay_points_s: Floats
    """(V, points): equally probable values of service + delivery time, ascending."""
    edges_s: Floats
    """Edges of sim.histogram."""
    bands: Floats
    """(G, 4); G = 0 in a queue without fair share."""
    band_shares: Floats
    """(lanes, G): whose a lane's messages are."""
    again: Floats
    """Columns of sim.pipeline.recalls; empty where every message is taken once."""
    losses: Floats
    """(bins,): share of what is taken in a bin whose worker a fault takes before it is done."""


class State(NamedTuple):
    """Everything in hand between two bins. Rings are indexed by counters modulo their length."""

    limits: Floats
    """(L, longest): state rows of the fluid laws, filled up with zeros."""
    waiting: Floats
    """(P,): messages in the queue."""
    heads: Indices
    """(P, 3)"""
    batches: Floats
    """(P, batches, 4)"""
    parcels: Floats
    """(P, parcels, 6 + G)"""
    pieces: Floats
    """(pieces, 12)"""
    back: Floats
    """(R, S, K, 3): changes ahead of `back_level`."""
    back_level: Floats
    """(S, K, 3): messages that come back in this bin; their due times, and squared due times, weighted."""
    marks: Indices
    """(15,)"""
    drops: Floats
    """(P,): messages to be dropped from each class in this bin."""
    refused: Floats
    """(5,): messages set back in the last bin; crashed; these since RUN_FROM, net; away then; taken last."""
    stalled: Floats
    """(2 + bins ahead,), or empty: workers that stall, by the bin."""
    rhythm: Floats
    """(5,)"""
    outside: Floats
    """(bins, lanes + 1): messages that spilled in one bin, and which bin that was; no row where none do."""
    coming: Floats
    """(S, 2, D): changes ahead of LEAVING and LEAVING_LATE."""
    streams: Floats
    """(S, 12 + TIMES)"""
    alive: Indices
    """(S,): rows in which something may happen before the columns asked for end, the first of them."""
    classes: Floats
    """(P, 3)"""
    ahead: Floats
    """(5 + P + V, RUN_BINS): what is due in the columns from AHEAD_FROM on."""
    landing: Floats
    """(3, RUN_BINS): at work in sim.pipeline.kernelrun: what a row's providers let go of in the columns of a
    run, what of it is too late, what they still have."""
    met: Floats
    """(V, P, 2, RUN_BINS): the wait below a bin that a class meets with a provider, cell and chance."""
    providers: Floats
    """(V, columns of sim.pipeline.provisions)"""
    deferred: Floats
    """(tries, S, bins ahead, 3): changes ahead of `deferred_level`."""
    deferred_level: Floats
    """(S, tries, 3): messages tried again in this bin, by how often; sums of delays, and of their squares."""
    queued: Floats
    """(S, bins ahead, 3): the same of those whose turn in a provider's own queue comes in a bin."""
    delays: Floats
    """(4, S, BINS): waits in the queue and in backoffs, and behind a provider's door."""
    light: Floats
    """(S, LIGHT_BINS): messages that wait an exponential time below a bin, by its mean."""
    shares: Floats
    """(V,): of what asks each provider in this bin, the share that it admits."""
    class_shares: Floats
    """(2, V, P): the same by class, and of what it admits the share that its mailboxes take."""
    lines: Floats
    """(P, G, columns of sim.pipeline.lines)"""
    line_batches: Floats
    """(P, batches, 1 + G), or empty: of a batch, from when on it may expire, and what is in each line."""
    known_back: Floats
    """(groups, R at most, lanes, K, 3): as `back`, of those whose group of tenants is known."""
    known_level: Floats
    """(groups, lanes, K, 3): as `back_level`."""
    lots: Indices
    """(2 (1 + groups) LOT_WAITS, lanes, 1 + K): which piece a lot was last."""
    band_away: Floats
    """(lanes, G): messages in backoff whose group is known."""
    band_hidden: Floats
    """(lanes, G): messages not visible again yet that lines were told apart of."""
    band_back: Floats
    """(lanes, G): each group's bands' shares in what came back last, or was taken from lines last."""
    by_group: Floats
    """(lanes, groups): at work in sim.pipeline.kernelfair: messages of streams in this bin."""
    band_gone: Floats
    """(2, lanes, G): messages that left the queue another way than to a worker, since the season began."""
    group_delays: Floats
    """(groups, 4, S, BINS): as `delays`, of what is known to be of a group of tenants."""
    group_told: Floats
    """(2, groups, S): messages noted there; known to be of a group and fresh, since the season began."""
    again: Floats
    """(bins ahead, lanes, 12): messages that are visible again in a bin (sim.pipeline.recalls)."""
    mixed: Floats
    """(bins ahead,): of all lanes, what of `again` comes in a bin."""
    recalled: Floats
    """(bins ahead, lanes, TIMES): those that have waited for time-outs alone, once or more often."""
    recalled_for: Indices
    """(bins ahead,): the last bin that each cell of `recalled` was written for, in any lane."""
    turns: Indices
    """(2, RUN_BINS): columns from AHEAD_FROM on where services end; where some are visible again."""
    taken: Floats
    """(2, RUN_BINS): at work in sim.pipeline.kernelrunagain."""
    late: Floats
    """(bins ahead, lanes, 3): messages late workers ask for in a bin, due times from it, their squares."""
    down: Floats
    """(1 + bins ahead,): workers who are away after a crash, and how many come back in a bin."""
    asking: Floats
    """(2, S): at work in sim.pipeline.kernelthinning: messages of a row that ask, the share that passes."""
    key: int
    """Of the season's chances in compiled code (sim.pipeline.kernelchances), below 2^32."""
    feedback: Feedback
    """Sends that customers trigger."""


class Window(NamedTuple):
    """What goes in and comes out of n bins, of lanes and of the streams that they are part of."""

    first_bin: int
    arrivals: Floats
    """(lanes, n): messages due."""
    capacity: Floats
    """(n,): messages that all workers can serve in each bin; until it begins those included that stall."""
    draws: Floats
    """(2, n): standard normal numbers for workers that stall, and for those that crash."""
    out: Floats
    """(quantities of sim.ledger, streams, n), all zero before: the counts."""
    under_way: Floats
    """(streams, n), all zero before: messages with a worker or a provider at each bin's end."""
    queues: Floats
    """(P, n + 1): messages in the queue before the first bin, and (zero before) at each bin's end."""
    busy: Floats
    """(n,): what the workers serve, as a share of Plan.capacity; 1 where they serve all they can."""
    held: Floats
    """(streams,): messages in hand at the window's end."""
    beyond: int
    """Address of sim.pipeline.kernelbeyond.beyond for a plan that asks for it, else 0."""
    full: int
    """Address of sim.pipeline.kernelfull.full for a queue that drops or spills, else 0."""
    fair: int
    """Address of sim.pipeline.kernelfair.fair for a queue with fair share, else 0."""
    stall: int
    """Address of sim.pipeline.kernelstalls.stall for workers that stall for a bin or more, else 0."""
    again: int
    """Address of sim.pipeline.kernelagain.again where messages may be taken again, else 0."""
    feed: int
    """Address of sim.pipeline.kernelfeedback.feed for a season with triggers, else 0."""
    sure: int
    """Address of sim.pipeline.kernelsure.sure."""
