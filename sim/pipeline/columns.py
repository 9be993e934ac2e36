"""Columns and rows, by name, of the arrays that the cohort kernel works on (sim.pipeline.state)."""

from __future__ import annotations

LIGHT_BINS, LIGHT_LEAST_S, LIGHT_PER_OCTAVE = 320, 1e-6, 8.0
"""Cells of the table of mean waits below a bin, the least of them, cells to an octave."""

TRANSIENT = 1.13
"""A queue that starts empty and runs at full load for a bin has a mean of 0.53 sigma sqrt(bin) (reflected
Brownian motion); the stationary mean sigma^2 / (2 drift) equals it at drift^2 = sigma^2 / (1.13 bin)."""

REGULAR = 1e-9
"""Spread of services that are all equally long."""

# Columns of Plan.streams: the share that does not bounce; the row of the same lane by the provider's standby
# (-1 = there is none); the lane, and the stream that it is part of; the share of what does not wait that
# arrives too late; the variance of its messages' ages at the door. Standbys' rows stand behind the lanes'.
PRIORITY, PROVIDER, FRESHNESS_S, ARRIVING_SHARE, DETOUR, LANE, OWNER, LATE_AT_ONCE, AGE_VAR = range(9)

# Columns of Plan.delivery_ends: how many jumps a provider's delivery has, and the lag of the last.
JUMPS, LAST_LAG = range(2)
# Columns of State.heads: ever growing counters of a class's rings.
FIRST_BATCH, NEXT_BATCH, NEXT_PARCEL = range(3)

# Columns of State.batches: a batch is what enters a class in one bin; LEFT: the share that still waits.
ENTERED_BIN, FIRST_PARCEL, END_PARCEL, LEFT = range(4)

# First columns of State.parcels and State.pieces: a parcel is the messages of a batch with the same stream
# and number of attempts, a piece is what of a parcel the workers finished in this bin; DUE_S and VAR are
# mean and variance of their due times; WHOSE is the tenants' group that they are of, -1 = as the stream's.
STREAM, TRIES, MASS, DUE_S, VAR, WHOSE = range(6)
# From here on, in a queue with fair share: what of a parcel is of each band of tenants.
BANDS = 6
# Further columns of State.pieces: least and greatest delay so far; share that waited less than a bin knows,
# the cell of State.light that tells how long, and how likely; which of their lots they are.
LEAST_S, MOST_S, CALM, CELL, CHANCE, LOT = range(6, 12)

# Columns of State.streams: messages in backoff, with a worker or a provider, of those how many arrive or
# bounce in this bin, of those how many too late; what a provider or a late worker holds back; last bins with
# a change ahead in `coming`, `back`, `deferred`; most tries of what is in backoff; whether the row is among
# `alive`; messages that are not visible again yet; last bins with some, in all and in parts of `recalled`.
AWAY, UNDER_WAY, LEAVING, LEAVING_LATE, HELD = range(5)
LANDS_UNTIL, BACK_UNTIL, DEFERRED_UNTIL, MOST_TRIES, LISTED = range(5, 10)
HIDDEN, AGAIN_UNTIL, RECALLED_UNTIL = range(10, 13)

NEVER = -2
"""A bin that is over when the season begins."""

# Columns of State.classes: what is served at once in this bin; its wait below a bin, cell and chance.
LOAD, LOAD_CELL, LOAD_CHANCE = range(3)

RUN_BINS = 128
"""Bins at most that pass together where nothing happens but that messages pass (sim.pipeline.kernelrun)."""
# Rows of State.ahead: all that is due, whether some may expire within its bin, what comes of State.recalled,
# the share that crashes or faults end, what the workers usually serve; all by class; all by provider.
DUE, UNSAFE, AGAIN, ENDS, USUAL, BY_CLASS = range(6)

# Columns of State.marks: last bin with a change ahead in `back`, the bin from which due times in `back`
# count, how many pieces there are, how many rows are alive; ever growing counters of the ring of what waits
# outside; the last bin with a change ahead of what providers hold back; first columns of run and `ahead`; the
# bin from which on `ahead` may tell too little; how many `turns` there are of either kind; the first sure
# column that is not booked yet, the first that is not sure, that from which on to look for more (kernelsure).
UNTIL, ORIGIN, PIECES, ALIVE, FIRST_OUTSIDE, NEXT_OUTSIDE, HELD_UNTIL, RUN_FROM, AHEAD_FROM = range(9)
AHEAD_UNTIL, ENDINGS, RETURNS, SURE_FROM, SURE_UNTIL, LOOK_FROM = range(9, 15)

# Plan.stalls: workers; stalls a bin of one that serves; how many serve while all are kept, on average; then
# the bins of a stall in the bin in which it began, and in each that follows. The first of State.stalled: the
# share of the workers' time that was used in the last bin; what is left of Plan.capacity in this one; then,
# by the bin, workers that stall.
STALL_WORKERS, STALL_RATE, STALL_SERVING, STALL_SHARES = range(4)
USED, LEFT_OVER, STALLED = range(3)

# State.rhythm, of workers of equal services: what of their time was used in the last bin with idle ones; how
# dense their ends are in the thin and the dense part of every service; how many workers these are; whether
# all are kept busy.
WORKED, THIN, DENSE, CREW, KEPT = range(5)

# What a bounded queue does with more than it holds.
REJECT, DROP, SPILL = range(3)
# Rows of State.class_shares; of State.delays: messages by bin of sim.histogram, and changes of a density over
# these bins; then the same of what its provider held back once a worker had asked for it.
DOOR, BEHIND = range(2)
WAITS, SLOPES, HELD_WAITS, HELD_SLOPES = range(4)
# Columns of Plan.deferrals and of Plan.back: see sim.pipeline.spreading, times in seconds.
LAG, SHARE, LATER_S, SQUARE = range(4)
