"""What stands in the bins of a window, and what else is in hand at their ends: compiled, where amounts change
evenly within a bin (sim.standing)."""

from __future__ import annotations

from sim.ledger import DELIVERED, EXPIRED, FAILED, OFFERED, REJECTED, ROUNDING_MESSAGES
from sim.pipeline.kernelcache import compiled
from sim.pipeline.state import Floats


@compiled
def stand(out: Floats, in_hand: Floats, before: Floats, under_way: Floats, backlog: Floats) -> None:
    """Into `backlog` (streams, n) what stands in each bin, the lesser of what waits at its ends; `under_way`,
    what is with workers and providers at its end, becomes all else that is in hand then.

    out: counts as sim.ledger has them; in_hand (streams,), at the window's beginning; before (streams,): what
    waits then, and after this at its end. What rounding left is no message.
    """
    for s in range(in_hand.shape[0]):
        offered, delivered = out[OFFERED, s], out[DELIVERED, s]
        expired, rejected, failed = out[EXPIRED, s], out[REJECTED, s], out[FAILED, s]
        change, waited = 0.0, before[s]
        for j in range(backlog.shape[1]):
            change += offered[j] - delivered[j] - expired[j] - rejected[j] - failed[j]
            waits = change + in_hand[s] - under_way[s, j]
            least = min(waited, waits)
            backlog[s, j] = least if least > ROUNDING_MESSAGES else 0.0
            if waits > ROUNDING_MESSAGES:
                under_way[s, j] += waits - backlog[s, j]
            waited = waits
        before[s] = waited
