"""What tenants that share a queue fairly have in the cohort's plan and state: columns, rows, bounds."""

from __future__ import annotations

# Columns of State.lines: counter of a band's oldest batch in its class; share of it that still waits;
# messages in the line; how many of those came in this bin; how many are to be taken, were taken, waited
# before. Then what is taken of the batch that is looked at: the share, the calm share of it, the others' mean
# wait and mean square, when they leave on average (from the bin on), the lot, and the band behind the last of
# those alike that begin with this one (0 = none does). And in the row
# of a group: whether anything is taken of it.
LINE_BATCH, LINE_LEFT, LINE_WAITING, LINE_CAME, LINE_LEAVING, LINE_GONE, LINE_BEFORE = range(7)
LINE_SHARE, LINE_CALM, LINE_WAIT_S, LINE_SQUARE, LINE_MIDDLE_S, LINE_LOT, LINE_END = range(7, 14)
LINE_ANY = 14

# First column of State.line_batches: the bin from which on something of a batch may be too old. Behind it,
# what of the batch waits in each line.
TOO_OLD_FROM, LINE_MASS = range(2)

# What is taken from lines in a bin is gathered by waits (sim.pipeline.kernellots): so many lots at most.
# Pieces at most that a lot becomes whose waits are scattered.
LOT_WAITS, SCATTERED = 48, 4

# Bins at most that a message is told to wait whose group of tenants is still known when it comes back.
KNOWN_LATER = 60

# As a share of a bin's capacity: of so few messages the group of tenants is forgotten, and band drawn.
HARDLY_ANY = 1e-6

# Columns of Plan.bands: how many tenants there are, the group that they are told with. And in the row of a
# group: its first band, and the one behind its last.
TENANTS, GROUP, FIRST_BAND, END_BAND = range(4)

# What parcels and pieces have as their group that were hidden: whose they are `band_hidden` tells.
RECALLED = -2.0

# Rows of State.band_gone: found expired in the queue; dropped by it. Of State.group_told: noted in
# `group_delays`; fresh when they arrive.
BAND_EXPIRED, BAND_DROPPED = range(2)
NOTED, TIMELY = range(2)
