"""How the ends of workers of equal services lie in every service: anywhere, or clumped since a sudden start
found them idle; and how long a higher class waits for them. Compiled into sim.pipeline.kernel.
"""

from __future__ import annotations

from sim.pipeline.columns import CALM, CREW, DENSE, KEPT, MOST_S, REGULAR, STALL_RATE, THIN, WORKED
from sim.pipeline.kernelcache import part
from sim.pipeline.kernellimits import thin_wait
from sim.pipeline.state import Floats, Plan, State


@part
def rest(state: State, used: float) -> None:
    """Some worker is idle now and then: `used` of their time."""
    state.rhythm[WORKED], state.rhythm[KEPT] = used, 0.0


@part
def keep_on(plan: Plan, state: State, used: float, came: float, before: float) -> None:
    """The workers may be busy throughout this bin, `used` of their time, in which so many messages came and
    `before` which so many waited already.

    Those whom messages found idle began at their pace; who began before, at that of the last bin's. A message
    keeps a worker as long as a batch. Workers who joined later, or have stalled since, or found a
    closed queue open again, take their first message at random moments.
    """
    own, count = state.rhythm, plan.workers
    if used < 1.0 or plan.asking_spread >= REGULAR:
        rest(state, used)
    elif own[KEPT] == 0.0 or count <= 0.0:
        own[THIN] = own[DENSE] = own[KEPT] = 1.0
        own[CREW] = count
        if before <= 0.0 and count > 0.0:
            own[THIN] = min(1.0, own[WORKED] * plan.batch)
            own[DENSE] = max(1.0, came * plan.batch / plan.capacity)
    else:
        keep = min(1.0, own[CREW] / count)
        if plan.stalls.shape[0] > 0:
            keep *= max(0.0, 1.0 - plan.stalls[STALL_RATE])
        own[THIN], own[DENSE] = 1.0 - keep * (1.0 - own[THIN]), 1.0 + keep * (own[DENSE] - 1.0)
        own[CREW] = count


@part
def wait_for_the_dense(plan: Plan, state: State, load: float, piece: Floats) -> None:
    """Of a piece whose class the workers, busy throughout, serve at once, that and those above being `load`
    of what they serve: who comes in the thin part of a service waits until it is over, or for an end in it.
    """
    thin, dense = state.rhythm[THIN], state.rhythm[DENSE]
    if state.rhythm[KEPT] == 0.0 or dense <= 1.0 or thin >= 1.0 or piece[CALM] < 1.0 or load >= 1.0:
        return
    service_s = plan.workers * plan.batch * plan.bin_s / plan.capacity
    lasts = (dense - 1.0) / (dense - thin)
    ends, came = plan.workers * thin * lasts, plan.workers * load * lasts
    most_s = lasts * service_s * float(thin_wait(ends, came))
    if most_s * plan.workers > 2.0 * service_s:
        piece[CALM], piece[MOST_S] = 1.0 - lasts, most_s
