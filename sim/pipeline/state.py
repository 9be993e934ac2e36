"""What the cohort kernel works on: the plan, which never changes, and the state, which it changes in place.

Both are named tuples of arrays because that is what compiled code takes. Letters in shapes: S streams, K attempts,
P priorities, V providers, L limits, R bins ahead that a backoff reaches, D bins ahead that a delivery reaches.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

LIGHT_BINS = 320
"""Cells of the table of mean waits below a bin, 8 to an octave from 1 us."""
LIGHT_LEAST_S = 1e-6
LIGHT_PER_OCTAVE = 8.0


class Plan(NamedTuple):
    """A pipeline in figures."""

    bin_s: float
    bound: float
    capacity: float
    """Messages that all workers together serve in a bin."""
    residual_s: float
    """Mean wait of a message that finds all workers busy and none before it, 0 load: S (1 + cv^2) / 2c."""
    unevenness: float
    """kappa / messages a bin: keeps the light-load wait finite at full load (see sim/README.md)."""
    busy_chance: Floats
    """(n,): chance that all workers are busy, by utilisation from 0 to 1 evenly (Erlang C)."""
    priority: Indices
    """(S,)"""
    provider: Indices
    """(S,)"""
    freshness_s: Floats
    """(S,)"""
    bounce_share: Floats
    """(S,)"""
    limit_first: Indices
    """(V + 1,): limits of provider v are rows limit_first[v] to limit_first[v + 1]."""
    limit_figures: Floats
    """(L, figures)"""
    back_lags: Indices
    """(K, jumps): lags (bins, >= 1) at which the share that comes back per bin changes, by attempts so far - 1."""
    back_jumps: Floats
    """(K, jumps): and by how much."""
    delivery_lags: Indices
    """(V, jumps): lags (bins, >= 0) at which the share that is delivered per bin changes."""
    delivery_jumps: Floats
    """(V, jumps)"""
    delay_points_s: Floats
    """(V, points): equally probable values of service + delivery time, ascending."""
    edges_s: Floats
    """Edges of sim.histogram."""
    slope: float
    offset: float
    """Bin of sim.histogram = log(seconds) x slope + offset."""


class State(NamedTuple):
    """Everything in hand between two bins. Rings are indexed by counters modulo their length."""

    limits: Floats
    """(L, 2): state rows of sim.pipeline.limits."""
    waiting: Floats
    """(P,): messages in the queue."""
    heads: Indices
    """(P, 3): first batch, next batch, next parcel of each class's rings, ever growing."""
    batch_bin: Indices
    """(P, batches): the bin in which it entered. A batch is what enters a class in one bin."""
    batch_first: Indices
    batch_last: Indices
    batch_left: Floats
    """(P, batches): share still waiting."""
    parcel_stream: Indices
    """(P, parcels). A parcel is the messages of a batch with the same stream and number of attempts."""
    parcel_attempts: Indices
    parcel_mass: Floats
    """(P, parcels): messages still waiting."""
    parcel_due_s: Floats
    """(P, parcels): mean due time."""
    parcel_var: Floats
    """(P, parcels): variance of due times."""
    piece_stream: Indices
    """(pieces,): what the workers finished in this bin, as `pieces[0]` tells how many."""
    piece_attempts: Indices
    piece_values: Floats
    """(pieces, 8): messages, least and greatest delay so far, share that waited less than a bin knows, mean and
    variance of due times, cell and chance of a wait below a bin."""
    back: Floats
    """(R, S, K, 3): changes ahead of `back_level`."""
    back_level: Floats
    """(S, K, 3): messages that come back in this bin, their due times and squared due times weighted by them."""
    back_until: Indices
    """(2,): the last bin with such a change, and the bin from which due times in `back` count."""
    away: Floats
    """(S,): messages in backoff."""
    coming: Floats
    """(D, S, 2): changes ahead of `coming_level`."""
    coming_level: Floats
    """(S, 2): messages that leave the provider in this bin, and the fresh ones among them."""
    under_way: Floats
    """(S,): messages with a provider."""
    delays: Floats
    """(S, BINS): waits in the queue and in backoffs, in the bins of sim.histogram."""
    delay_slopes: Floats
    """(S, BINS): changes of a density over these bins, for waits that spread over several."""
    light: Floats
    """(S, LIGHT_BINS): messages that wait an exponential time below a bin, by its mean."""
