"""What tenants that share a queue fairly have in the cohort's plan and state: columns, rows, bounds."""

from __future__ import annotations

# Columns of State.lines: counter of a band's oldest batch in its class; share of it that still waits;
# messages in the line; how many of those came in this bin.
LINE_BATCH, LINE_LEFT, LINE_WAITING, LINE_CAME = range(4)

# What is taken from lines in a bin is gathered by waits (sim.pipeline.kernellots): so many lots for each time
# that a wait, in bins and one more, is doubled; so many in all. Pieces at most that a lot becomes whose waits
# are scattered.
LOTS_PER_OCTAVE, LOT_WAITS, SCATTERED = 3.0, 48, 4

# Bins at most that a message is told to wait whose group of tenants is still known when it comes back.
KNOWN_LATER = 60

# Columns of Plan.bands: how many tenants there are, the group that they are told with.
TENANTS, GROUP = range(2)

# What parcels and pieces have as their group that were hidden: whose they are `band_hidden` tells.
RECALLED = -2.0

# Rows of State.band_gone: found expired in the queue; dropped by it.
BAND_EXPIRED, BAND_DROPPED = range(2)
