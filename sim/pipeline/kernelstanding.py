"""What stands in the bins of a window, and what else is in hand at their ends: compiled (sim.standing).

Amounts change evenly within a bin; messages come and go one by one, and fewer wait at some moment than at
either end.
"""

from __future__ import annotations

import math

from sim.ledger import (
    ACCEPTED,
    BY_STANDBY,
    DEAD_LETTERED,
    DELIVERED,
    EXPIRED,
    FAILED,
    FRESH,
    LIMITED,
    OFFERED,
    REJECTED,
    ROUNDING_MESSAGES,
)
from sim.pipeline.kernelcache import compiled, part
from sim.pipeline.state import Floats, Indices

_MANY = 24.0
"""Of so many steps of either kind the limit is within 0.01."""
_STEEP = 4.0
"""Beyond it erfc is next to its asymptote: a fortieth."""
_NOTHING = 1e-3
"""Of what waits at a bin's ends: a dip that is not worth a look."""


@compiled
def stand(
    out: Floats,
    in_hand: Floats,
    before: Floats,
    under_way: Floats,
    backlog: Floats,
    sums: Floats,
    classes: Indices,
    queues: Floats,
    varied: float,
) -> None:
    """Into `backlog` (streams, n) what stands in each bin: what waits at the lesser of its ends, less how far
    it falls below that by chance; `under_way`, what is with workers and providers at its end, becomes all
    else that is in hand then.

    out: counts as sim.ledger has them; in_hand (streams,), at the window's beginning; before (streams,): what
    waits then, and after this at its end; classes (streams,), and queues as Window.queues; varied: variance
    by mean of the counts of what busy workers take. What rounding left is no message. Into `sums`
    (quantities, streams) go those of the quantities before ATTEMPTS, for they are read here anyway.
    """
    for s in range(in_hand.shape[0]):
        offered, delivered, refused = out[OFFERED, s], out[DELIVERED, s], out[LIMITED, s]
        expired, rejected, failed = out[EXPIRED, s], out[REJECTED, s], out[FAILED, s]
        accepted, fresh = out[ACCEPTED, s], out[FRESH, s]
        change, waited, held, queue = 0.0, before[s], in_hand[s], queues[classes[s]]
        came = came_in = arrived = in_time = too_old = kept_out = lost = 0.0
        for j in range(backlog.shape[1]):
            change += offered[j] - delivered[j] - expired[j] - rejected[j] - failed[j]
            came, came_in = came + offered[j], came_in + accepted[j]
            arrived, in_time = arrived + delivered[j], in_time + fresh[j]
            too_old, kept_out, lost = too_old + expired[j], kept_out + rejected[j], lost + failed[j]
            waits = change + held - under_way[s, j]
            least = min(waited, waits)
            if least > ROUNDING_MESSAGES:
                comes, goes_unevenly = refused[j], 1.0
                if out[BY_STANDBY, s, j] > 0.0:  # each that the standby refuses was refused twice
                    comes = 0.5 * (comes - out[BY_STANDBY, s, j])
                comes -= out[DEAD_LETTERED, s, j]
                if min(queue[j], queue[j + 1]) > ROUNDING_MESSAGES:
                    comes, goes_unevenly = comes + offered[j], min(1.0, varied)
                comes = max(comes, waits - waited, 0.0)
                least -= dip(comes, max(0.0, comes - waits + waited), goes_unevenly, least)
            backlog[s, j] = least if least > ROUNDING_MESSAGES else 0.0
            if waits > ROUNDING_MESSAGES:
                under_way[s, j] += waits - backlog[s, j]
            waited = waits
        before[s] = waited
        sums[OFFERED, s], sums[ACCEPTED, s], sums[DELIVERED, s] = came, came_in, arrived
        sums[FRESH, s], sums[EXPIRED, s], sums[REJECTED, s] = in_time, too_old, kept_out
        sums[FAILED, s] = lost


@part
def dip(up: float, down: float, unevenly: float, least: float) -> float:
    """How far a number that goes up and down so often in a bin, by one, in any order, falls below the lesser
    of its ends, on average.

    By reflection it falls k below with the chance C(up + down, down - k) / C(up + down, down), where it goes
    down no oftener than up. The limit is a Brownian bridge's, half a step higher. What goes down evenly is no
    chance: the dip is less by the root of the steps' variance.
    """
    less, more = min(up, down), max(up, down)
    steps = less + more
    if less <= 0.0 or 0.4 * steps < (_NOTHING * least) * (_NOTHING * least):
        return 0.0
    if less < _MANY:
        below, chance, at = 0.0, 1.0, 1.0
        while less > 0.0 and chance > _NOTHING:
            chance *= less / (more + at)
            below, less, at = below + chance, less - 1.0, at + 1.0
    else:
        apart = (more - less) / math.sqrt(2.0 * steps)
        if apart > _STEEP:
            below = less / (more - less)
        else:
            below = math.sqrt(math.pi * steps / 8.0) * math.exp(apart * apart) * math.erfc(apart) - 0.5
    return max(0.0, below * math.sqrt((up + unevenly * down) / steps))
