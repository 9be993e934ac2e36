"""Parts of the cohort kernel:

what happens to one batch, parcel or piece. Compiled into sim.pipeline.kernel.
"""

from __future__ import annotations

import math

import numpy as np

from sim.ledger import EXPIRED
from sim.pipeline.columns import (
    ALIVE,
    CALM,
    DUE_S,
    END_PARCEL,
    ENTERED_BIN,
    FIRST_PARCEL,
    LATER_S,
    LEAST_S,
    LEFT,
    LEFT_OVER,
    LIGHT_BINS,
    LIGHT_LEAST_S,
    LIGHT_PER_OCTAVE,
    LISTED,
    MASS,
    MOST_S,
    NEXT_PARCEL,
    OWNER,
    PIECES,
    PRIORITY,
    PROVIDER,
    REGULAR,
    SHARE,
    SQUARE,
    STREAM,
    TRANSIENT,
    TRIES,
    VAR,
    WHOSE,
)
from sim.pipeline.kernelcache import inlined, part
from sim.pipeline.kernelexpiry import is_mixed, leave_too_old, too_old_share
from sim.pipeline.provisions import FIRSTS
from sim.pipeline.recalls import PRESENT, WHOLE
from sim.pipeline.state import Floats, Plan, State, Window

LIGHT_MEANS_S = LIGHT_LEAST_S * np.exp2((np.arange(LIGHT_BINS) + 0.5) / LIGHT_PER_OCTAVE)
"""float64 (LIGHT_BINS,): the mean wait that a cell of State.light stands for."""


@inlined
def enlist(state: State, row: int) -> None:
    """Something happens in a row: look at it until the columns asked for end."""
    if state.streams[row, LISTED] == 0.0:
        state.streams[row, LISTED] = 1.0
        state.alive[state.marks[ALIVE]] = row
        state.marks[ALIVE] += 1


@part
def put(plan: Plan, state: State, s: int, tries: float, mass: float, due_s: float, var: float) -> None:
    """Append a parcel to the newest batch of its class."""
    p = int(plan.streams[s, PRIORITY])
    parcel = state.parcels[p, state.heads[p, NEXT_PARCEL] % state.parcels.shape[1]]
    parcel[STREAM], parcel[TRIES], parcel[MASS], parcel[DUE_S], parcel[VAR] = s, tries, mass, due_s, var
    parcel[WHOSE] = -1.0
    state.waiting[p] += mass
    state.heads[p, NEXT_PARCEL] += 1


@part
def wait_spans(
    plan: Plan, batch: Floats, t: int, share: float, flow: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """Waits of the first `share` of what is left of a batch: least, greatest, share that waits less than
    a bin
    knows, and the mean moment of departure.

    flow: messages of the class before this bin, messages served in it before these, these, capacity.
    """
    before, served, taken, capacity = flow
    h, first = plan.bin_s, 1.0 - batch[LEFT]
    last = first + share * batch[LEFT]
    middle_s = (t + (served + 0.5 * taken) / capacity) * h
    ahead = t - batch[ENTERED_BIN]
    if ahead > 0.0:
        one_s = max(0.0, (ahead + served / capacity - first) * h)
        other_s = max(0.0, (ahead + (served + taken) / capacity - last) * h)
        return min(one_s, other_s), max(one_s, other_s), 0.0, middle_s
    one_s, other_s = before / capacity * h, ((before + taken) / capacity - last) * h
    if other_s >= 0.0:
        return min(one_s, other_s), max(one_s, other_s), 0.0, max(middle_s, (t + 0.5 * last) * h)
    # the class is cleared within the bin: after that its newcomers do not wait
    clear = before / (capacity - taken / share)
    return 0.0, one_s, 1.0 - clear / last, (t + 0.5) * h


@part
def hand_out(
    plan: Plan,
    state: State,
    window: Window,
    p: int,
    t: int,
    batch: Floats,
    share: float,
    spans: tuple[float, float, float, float],
) -> None:
    """Move `share` of a batch to the pieces of bin `t`, with `spans` of wait_spans; what of it is too old and
    lay mixed with the others has expired."""
    for i in range(int(batch[FIRST_PARCEL]), int(batch[END_PARCEL])):
        parcel, piece = state.parcels[p, i % state.parcels.shape[1]], state.pieces[state.marks[PIECES]]
        mass = parcel[MASS] * share
        if mass <= 0.0:
            continue
        piece[WHOSE] = parcel[WHOSE]
        piece[STREAM], piece[TRIES], piece[MASS] = parcel[STREAM], parcel[TRIES], mass
        piece[DUE_S], piece[VAR] = parcel[DUE_S], parcel[VAR]
        own, mixed = plan.streams[int(parcel[STREAM])], is_mixed(plan, parcel, batch)
        if mixed:
            gone = mass * too_old_share(t, plan.bin_s, parcel, own, False)
            window.out[EXPIRED, int(own[OWNER]), t - window.first_bin] += gone
            piece[MASS] -= gone
        leave_too_old(t, plan.bin_s, piece, own)
        piece[LEAST_S], piece[MOST_S], piece[CALM] = spans[0], spans[1], spans[2]
        if mixed:
            half_s, delay_s = math.sqrt(3.0 * piece[VAR]), max(0.0, spans[3] - piece[DUE_S])
            piece[LEAST_S], piece[MOST_S] = max(0.0, delay_s - half_s), delay_s + half_s
            piece[CALM] = 0.0
        parcel[MASS] -= mass
        if piece[MASS] > 0.0:
            state.marks[PIECES] += 1


@inlined
def usual_capacity(plan: Plan, state: State) -> float:
    """Messages that the workers serve in this bin on average, those left out that stall throughout or are
    away."""
    usual = plan.capacity
    if plan.again.shape[0] > 0:
        usual *= present(plan, state)
    if state.stalled.shape[0] == 0:
        return usual
    return max(usual * float(state.stalled[LEFT_OVER]), 1e-9)


@inlined
def present(plan: Plan, state: State) -> float:
    """What the workers who are not away after a crash serve in this bin, as a share of Plan.capacity."""
    if plan.again[PRESENT] <= 0.0 or plan.workers <= 0.0:
        return 1.0
    up = max(0.0, 1.0 - state.down[0] / plan.workers)
    return float(plan.again[WHOLE] * plan.again[PRESENT] * max(up, 1e-9))


@part
def later(mass: float, mean_s: float, square: float, jump: Floats) -> tuple[float, float, float]:
    """A jump of `mass` messages in a bin, of sums of their times, and of squared times: those until now, of
    this mean and mean square, and more ones that know nothing of these."""
    return (
        mass * jump[SHARE],
        mass * (mean_s * jump[SHARE] + jump[LATER_S]),
        mass * (square * jump[SHARE] + 2.0 * mean_s * jump[LATER_S] + jump[SQUARE]),
    )


@inlined
def busy_chance(plan: Plan, load: float) -> float:
    """How likely all workers are busy, by what of their time is used."""
    chances, last = plan.busy_chance[0], plan.busy_chance.shape[1] - 1
    where = min(1.0, load) * last
    low = min(int(where), last - 1)
    return float(chances[low] + (where - low) * (chances[low + 1] - chances[low]))


@inlined
def light_wait(plan: Plan, above: float, own: float, load: float) -> tuple[int, float]:
    """Waits below a bin, by the load of the classes above, the own and all: cell of their mean, and how
    likely one is.

    M/M/c with priorities, no service cut short, has the mean wait C S / c / ((1 - above) (1 - above -
    own)), C being Erlang's for all classes together (Cobham 1954); other service times scale it by (1 +
    cv^2) / 2 (Lee, Longton 1959). Equal services of workers who are all busy keep their moments: anywhere in
    a service, of which the next is a (c + 1)-th off.
    """
    chance, last = busy_chance(plan, load), plan.busy_chance.shape[1] - 1
    behind = plan.busy_chance[1, int(min(1.0, above + own) * last)]
    left_above, left = 1.0 - min(1.0, above), 1.0 - min(1.0, above + own)
    free_above = math.sqrt(left_above * left_above + plan.unevenness)
    free = math.sqrt(left * left + plan.unevenness)
    residual_s = plan.residual_s
    if load > 1.0 - REGULAR and plan.asking_spread < REGULAR and plan.batch == 1:
        residual_s *= 2.0 * plan.workers / (plan.workers + 1.0)
    mean_s = max(behind * residual_s / (free_above * free), LIGHT_LEAST_S)
    return _light_cell(mean_s), chance


@inlined
def _light_cell(mean_s: float) -> int:
    """Cell of State.light."""
    cell = int(LIGHT_PER_OCTAVE * math.log2(max(mean_s, LIGHT_LEAST_S) / LIGHT_LEAST_S))
    return min(cell, LIGHT_BINS - 1)


@inlined
def turn_below_bin(rate: float, bin_s: float, taken: float) -> tuple[float, float]:
    """The wait for a turn below a bin in a provider's own queue that is empty at its ends: mean of those that
    wait, and how likely one is. M/D/1; sim/README.md says how it is kept finite near full load."""
    load = taken / (rate * bin_s)
    free_squared = (1.0 - load) * (1.0 - load) + 1.0 / (TRANSIENT * (rate * bin_s))
    return 0.5 / (rate * math.sqrt(free_squared)), load


@inlined
def with_turn_below_bin(light_s: float, light_chance: float, cell: int, chance: float) -> tuple[int, float]:
    """A wait below a bin (its cell of State.light and how likely it is) with another one behind it."""
    if light_chance <= 0.0:
        return cell, chance
    mean_s = LIGHT_MEANS_S[cell]
    either = 1.0 - (1.0 - chance) * (1.0 - light_chance)
    return _light_cell((mean_s * chance + light_s * light_chance) / either), either


@part
def ask_for_pieces(plan: Plan, state: State) -> None:
    """Into `state.shares` (V,): what the pieces of this bin ask of each provider, and how many of them are
    first attempts."""
    shares = state.shares
    shares[:] = 0.0
    state.providers[:, FIRSTS] = 0.0
    for i in range(state.marks[PIECES]):
        piece = state.pieces[i]
        v = int(plan.streams[int(piece[STREAM]), PROVIDER])
        shares[v] += piece[MASS]
        if piece[TRIES] == 0.0:
            state.providers[v, FIRSTS] += piece[MASS]
