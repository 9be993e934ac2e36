"""The cohort faces, compiled and joined: one window of bins through queue, workers, limits and backoffs.

Compiled by numba. Messages are amounts here: what enters a class in one bin is a batch of parcels (stream,
attempts), workers and limits pass amounts per bin, and first in first out turns amounts into waits.
sim/README.md says what is exact and what is approximate.
"""

from __future__ import annotations

import math

import numpy as np

from sim.ledger import ACCEPTED, ATTEMPTS, DELIVERED, EXPIRED, FAILED, FRESH, LIMITED, OFFERED, REJECTED
from sim.pipeline import limits
from sim.pipeline.kernelcache import compiled
from sim.pipeline.state import LIGHT_BINS, LIGHT_LEAST_S, LIGHT_PER_OCTAVE, Floats, Plan, State

_FIRST, _NEXT, _PARCEL = 0, 1, 2
_UNTIL, _ORIGIN = 0, 1
_MASS, _LEAST_S, _MOST_S, _CALM, _DUE_S, _VAR, _CELL, _CHANCE = 0, 1, 2, 3, 4, 5, 6, 7
_TINY = 1e-12
"""Less than this of a message is what rounding left."""

_open = compiled(limits.token_bucket_open)
_take = compiled(limits.token_bucket_take)


@compiled
def _put(state: State, p: int, stream: int, attempts: int, mass: float, due_s: float, var: float) -> None:
    """Append a parcel to the newest batch of class `p`."""
    at = state.heads[p, _PARCEL] % state.parcel_mass.shape[1]
    state.parcel_stream[p, at] = stream
    state.parcel_attempts[p, at] = attempts
    state.parcel_mass[p, at] = mass
    state.parcel_due_s[p, at] = due_s
    state.parcel_var[p, at] = var
    state.waiting[p] += mass
    state.heads[p, _PARCEL] += 1


@compiled
def _come_back(plan: Plan, state: State, t: int, s: int) -> None:
    """What of stream `s` comes back from its backoffs in bin `t`."""
    row = t % state.back.shape[0]
    origin_s = state.back_until[_ORIGIN] * plan.bin_s
    for k in range(state.back_level.shape[1]):
        for moment in range(3):
            state.back_level[s, k, moment] += state.back[row, s, k, moment]
            state.back[row, s, k, moment] = 0.0
        mass = state.back_level[s, k, 0]
        if mass > _TINY:
            due_s = min(max(state.back_level[s, k, 1] / mass, 0.0), t * plan.bin_s - origin_s)
            var = max(0.0, state.back_level[s, k, 2] / mass - due_s * due_s)
            _put(state, plan.priority[s], s, k + 1, mass, origin_s + due_s, var)
            state.away[s] -= mass


@compiled
def _enter(plan: Plan, state: State, t: int, j: int, arrivals: Floats, out: Floats) -> None:
    """Newcomers and those that come back join their classes as one batch each."""
    streams, bins = arrivals.shape[0], state.batch_bin.shape[1]
    newcomers = arrivals[:, j].sum()
    kept = 1.0
    if newcomers > 0.0:
        waiting = state.waiting.sum() + state.away.sum()
        over = waiting + newcomers - min(plan.capacity, state.waiting.sum() + newcomers) - plan.bound
        kept = 1.0 - min(max(over / newcomers, 0.0), 1.0)
    if t == state.back_until[_UNTIL] + 1:
        state.back_level[:] = 0.0
        state.away[:] = 0.0
    returning = t <= state.back_until[_UNTIL]
    for p in range(state.waiting.shape[0]):
        at = state.heads[p, _NEXT] % bins
        state.batch_bin[p, at] = t
        state.batch_left[p, at] = 1.0
        state.batch_first[p, at] = state.heads[p, _PARCEL]
    for s in range(streams):
        came = arrivals[s, j]
        if came > 0.0:
            out[OFFERED, s, j] = came
            out[ACCEPTED, s, j] = came * kept
            out[REJECTED, s, j] = came - came * kept
            if kept > 0.0:
                due_s = (t + 0.5) * plan.bin_s
                _put(state, plan.priority[s], s, 0, came * kept, due_s, plan.bin_s * plan.bin_s / 12.0)
    if returning:
        for s in range(streams):
            _come_back(plan, state, t, s)
    for p in range(state.waiting.shape[0]):
        at = state.heads[p, _NEXT] % bins
        state.batch_last[p, at] = state.heads[p, _PARCEL]
        if state.batch_last[p, at] > state.batch_first[p, at]:
            state.heads[p, _NEXT] += 1


@compiled
def _expire(plan: Plan, state: State, p: int, at: int, t: int, j: int, out: Floats) -> float:
    """Take out what is too old now that a worker looks at the batch; returns the messages left in it."""
    left = 0.0
    now_s = (t + 0.5) * plan.bin_s
    for i in range(state.batch_first[p, at], state.batch_last[p, at]):
        i %= state.parcel_mass.shape[1]
        s = state.parcel_stream[p, i]
        half_s = math.sqrt(3.0 * state.parcel_var[p, i])
        age_s = now_s - state.parcel_due_s[p, i]
        if age_s + half_s > plan.freshness_s[s]:
            share = 1.0
            if age_s - half_s < plan.freshness_s[s]:
                share = (age_s + half_s - plan.freshness_s[s]) / (2.0 * half_s)
            gone = state.parcel_mass[p, i] * share
            out[EXPIRED, s, j] += gone
            state.parcel_mass[p, i] -= gone
            state.waiting[p] -= gone
        left += state.parcel_mass[p, i]
    return left


@compiled
def _hand_out(
    state: State, p: int, at: int, count: int, share: float, spans: tuple[float, float, float, float]
) -> int:
    """Move `share` of a batch to the pieces of this bin; returns how many pieces there are now.

    spans: least and greatest wait of first attempts, share of them that waits less than a bin knows, mean departure.
    """
    for i in range(state.batch_first[p, at], state.batch_last[p, at]):
        i %= state.parcel_mass.shape[1]
        mass = state.parcel_mass[p, i] * share
        if mass <= 0.0:
            continue
        state.piece_stream[count] = state.parcel_stream[p, i]
        state.piece_attempts[count] = state.parcel_attempts[p, i]
        values = state.piece_values[count]
        values[_MASS] = mass
        values[_DUE_S], values[_VAR] = state.parcel_due_s[p, i], state.parcel_var[p, i]
        if state.parcel_attempts[p, i] == 0:
            values[_LEAST_S], values[_MOST_S], values[_CALM] = spans[0], spans[1], spans[2]
        else:
            half_s = math.sqrt(3.0 * values[_VAR])
            delay_s = max(0.0, spans[3] - values[_DUE_S])
            values[_LEAST_S], values[_MOST_S] = max(0.0, delay_s - half_s), delay_s + half_s
            values[_CALM] = 0.0
        state.parcel_mass[p, i] -= mass
        count += 1
    return count


@compiled
def _spans(
    plan: Plan, state: State, p: int, at: int, t: int, share: float, flow: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """Waits of the first `share` of what is left of a batch.

    flow: messages that were in the class before this bin, messages served before these in this bin, these, capacity.
    """
    before, served, taken, capacity = flow
    h, entered = plan.bin_s, state.batch_bin[p, at]
    first = 1.0 - state.batch_left[p, at]
    last = first + share * state.batch_left[p, at]
    middle_s = (t + (served + 0.5 * taken) / capacity) * h
    if entered < t:
        least_s = (t - entered + served / capacity - first) * h
        most_s = (t - entered + (served + taken) / capacity - last) * h
        return max(0.0, min(least_s, most_s)), max(0.0, least_s, most_s), 0.0, middle_s
    arriving = taken / share
    start_s = before / capacity * h
    end_s = (before + taken) / capacity * h - last * h
    if end_s >= 0.0:
        return min(start_s, end_s), max(start_s, end_s), 0.0, max(middle_s, (t + 0.5 * last) * h)
    clear = before / (capacity - arriving)
    return 0.0, start_s, 1.0 - clear / last, (t + 0.5) * h


@compiled
def _serve(plan: Plan, state: State, t: int, j: int, out: Floats) -> tuple[int, float]:
    """The workers take what they can, the highest class first. Returns the number of pieces and the messages served."""
    count, total = 0, 0.0
    batches = state.batch_bin.shape[1]
    for p in range(state.waiting.shape[0]):
        capacity = plan.capacity - total
        served = 0.0
        newest = (state.heads[p, _NEXT] - 1) % batches
        entering = 0.0
        if state.heads[p, _NEXT] > state.heads[p, _FIRST] and state.batch_bin[p, newest] == t:
            for i in range(state.batch_first[p, newest], state.batch_last[p, newest]):
                entering += state.parcel_mass[p, i % state.parcel_mass.shape[1]]
        before = max(0.0, state.waiting[p] - entering)
        start = count
        while state.heads[p, _FIRST] < state.heads[p, _NEXT] and capacity - served > 1e-9 * plan.capacity:
            at = state.heads[p, _FIRST] % batches
            mass = _expire(plan, state, p, at, t, j, out)
            taken = min(mass, capacity - served)
            if mass > 0.0:
                share = taken / mass
                spans = _spans(plan, state, p, at, t, share, (before, served, taken, capacity))
                count = _hand_out(state, p, at, count, share, spans)
                state.batch_left[p, at] *= 1.0 - share
                served += taken
                state.waiting[p] -= taken
            if taken >= mass:
                state.heads[p, _FIRST] += 1
        if state.heads[p, _FIRST] == state.heads[p, _NEXT]:
            state.waiting[p] = 0.0
        cell, chance = _light(plan, total / plan.capacity, served / plan.capacity)
        for i in range(start, count):
            state.piece_values[i, _CELL], state.piece_values[i, _CHANCE] = cell, chance
        total += served
    return count, total


@compiled
def _light(plan: Plan, above: float, own: float) -> tuple[int, float]:
    """Waits below a bin, by the load of the classes above and the own: cell of their mean, and how likely one is.

    M/M/c with priorities has the mean wait C S / c / ((1 - above) (1 - above - own)) (Cobham 1954; C is Erlang's);
    service times that vary otherwise scale it by (1 + cv^2) / 2 (Lee and Longton 1959).
    """
    load = min(1.0, above + own)
    where = load * (plan.busy_chance.shape[0] - 1)
    low = min(int(where), plan.busy_chance.shape[0] - 2)
    chance = plan.busy_chance[low] + (where - low) * (plan.busy_chance[low + 1] - plan.busy_chance[low])
    free_above = math.sqrt((1.0 - min(1.0, above)) ** 2 + plan.unevenness)
    free = math.sqrt((1.0 - load) ** 2 + plan.unevenness)
    mean_s = max(plan.residual_s / (free_above * free), LIGHT_LEAST_S)
    cell = int(LIGHT_PER_OCTAVE * math.log2(mean_s / LIGHT_LEAST_S))
    return min(cell, LIGHT_BINS - 1), chance


@compiled
def _admitted(plan: Plan, state: State, t: int, count: int, shares: Floats) -> None:
    """Ask the providers: into `shares` (V,) goes how much of what asks in this bin each one admits."""
    shares[:] = 0.0
    for i in range(count):
        shares[plan.provider[state.piece_stream[i]]] += state.piece_values[i, _MASS]
    for v in range(shares.shape[0]):
        asking = shares[v]
        opened = asking
        for row in range(plan.limit_first[v], plan.limit_first[v + 1]):
            figures = plan.limit_figures[row]
            opened = min(opened, _open(state.limits[row], figures, t * plan.bin_s, plan.bin_s))
        opened = max(0.0, opened)
        for row in range(plan.limit_first[v], plan.limit_first[v + 1]):
            _take(state.limits[row], plan.limit_figures[row], t * plan.bin_s, opened)
        shares[v] = opened / asking if asking > 0.0 else 1.0


@compiled
def _cell_of(plan: Plan, delay_s: float) -> int:
    """Bin of sim.histogram, as sim.histogram.index has it."""
    if delay_s < plan.edges_s[1]:
        return 0
    last = plan.edges_s.shape[0] - 2
    cell = int(math.log(delay_s) * plan.slope + plan.offset)
    return min(max(cell, 1), last)


@compiled
def _note(plan: Plan, state: State, s: int, mass: float, values: Floats) -> None:
    """Add to the waits of stream `s`: a calm share that waits less than a bin, the rest evenly between two waits."""
    calm = mass * values[_CALM]
    if calm > 0.0:
        state.light[s, int(values[_CELL])] += calm * values[_CHANCE]
        state.delays[s, 0] += calm * (1.0 - values[_CHANCE])
    rest = mass - calm
    if rest <= 0.0:
        return
    least_s, most_s = values[_LEAST_S], values[_MOST_S]
    low, high = _cell_of(plan, least_s), _cell_of(plan, most_s)
    if low == high:
        state.delays[s, low] += rest
        return
    density = rest / (most_s - least_s)
    state.delays[s, low] += density * (plan.edges_s[low + 1] - least_s)
    state.delays[s, high] += density * (most_s - plan.edges_s[high])
    state.delay_slopes[s, low + 1] += density
    state.delay_slopes[s, high] -= density


@compiled
def _fresh_share(plan: Plan, s: int, values: Floats) -> float:
    """Share of a piece that reaches the customer within its freshness if the provider takes it now."""
    points = plan.delay_points_s[plan.provider[s]]
    most_s = values[_MOST_S]
    if most_s + points[-1] <= plan.freshness_s[s]:
        return 1.0
    share = 0.0
    for i in range(4):
        wait_s = values[_LEAST_S] + (i + 0.5) / 4.0 * (most_s - values[_LEAST_S])
        share += np.searchsorted(points, plan.freshness_s[s] - wait_s) / points.shape[0] / 4.0
    calm = np.searchsorted(points, plan.freshness_s[s]) / points.shape[0]
    return values[_CALM] * calm + (1.0 - values[_CALM]) * share


@compiled
def _set_back(plan: Plan, state: State, t: int, s: int, attempts: int, mass: float, values: Floats) -> None:
    """Refused `attempts` times now: spread over the bins in which the backoff may end."""
    if state.back_until[_UNTIL] < t:
        state.back_until[_ORIGIN] = max(0, int(values[_DUE_S] / plan.bin_s))
    due_s = values[_DUE_S] - state.back_until[_ORIGIN] * plan.bin_s
    k = attempts - 1
    for i in range(plan.back_lags.shape[1]):
        jump = plan.back_jumps[k, i]
        if jump == 0.0:
            continue
        ahead = t + int(plan.back_lags[k, i])
        change = state.back[ahead % state.back.shape[0], s, k]
        change[0] += mass * jump
        change[1] += mass * jump * due_s
        change[2] += mass * jump * (due_s * due_s + values[_VAR])
        state.back_until[_UNTIL] = max(state.back_until[_UNTIL], ahead)
    state.away[s] += mass


@compiled
def _settle(plan: Plan, state: State, t: int, j: int, count: int, shares: Floats, out: Floats) -> None:
    """What the providers said to each piece, and what follows from it."""
    attempts = state.back_level.shape[1] + 1
    for i in range(count):
        s, values = state.piece_stream[i], state.piece_values[i]
        v = plan.provider[s]
        mass = values[_MASS]
        admitted = mass * shares[v]
        refused = mass - admitted
        out[ATTEMPTS, s, j] += mass
        if admitted > 0.0:
            arriving = admitted * (1.0 - plan.bounce_share[s])
            _note(plan, state, s, arriving, values)
            fresh = admitted * _fresh_share(plan, s, values)
            for k in range(plan.delivery_lags.shape[1]):
                ahead = (t + plan.delivery_lags[v, k]) % state.coming.shape[0]
                state.coming[ahead, s, 0] += admitted * plan.delivery_jumps[v, k]
                state.coming[ahead, s, 1] += fresh * plan.delivery_jumps[v, k]
            state.under_way[s] += admitted
        if refused > 0.0:
            out[LIMITED, s, j] += refused
            tries = state.piece_attempts[i] + 1
            if tries >= attempts:
                out[FAILED, s, j] += refused
            else:
                _set_back(plan, state, t, s, tries, refused, values)


@compiled
def _land(plan: Plan, state: State, t: int, j: int, out: Floats) -> None:
    """What leaves the providers in bin `t`: delivered or bounced."""
    row = t % state.coming.shape[0]
    for s in range(state.under_way.shape[0]):
        state.coming_level[s, 0] += state.coming[row, s, 0]
        state.coming_level[s, 1] += state.coming[row, s, 1]
        state.coming[row, s, 0] = 0.0
        state.coming[row, s, 1] = 0.0
        landed = min(max(state.coming_level[s, 0], 0.0), state.under_way[s])
        if landed < _TINY:
            continue
        delivered = landed * (1.0 - plan.bounce_share[s])
        out[DELIVERED, s, j] = delivered
        out[FAILED, s, j] += landed - delivered
        fresh = max(state.coming_level[s, 1], 0.0) * (1.0 - plan.bounce_share[s])
        out[FRESH, s, j] = min(fresh, delivered)
        state.under_way[s] -= landed


@compiled
def advance(plan: Plan, state: State, first_bin: int, arrivals: Floats, out: Floats, busy: Floats) -> None:
    """One window of n bins from `first_bin`.

    arrivals: float64 (S, n), messages due. Into `out`, float64 (quantities of sim.ledger, S, n), all zero before,
    go the counts; into `busy`, float64 (n,), the share of the workers' time that is used.
    """
    shares = np.zeros(plan.limit_first.shape[0] - 1)
    for j in range(arrivals.shape[1]):
        t = first_bin + j
        _enter(plan, state, t, j, arrivals, out)
        count, served = _serve(plan, state, t, j, out)
        busy[j] = served / plan.capacity
        _admitted(plan, state, t, count, shares)
        _settle(plan, state, t, j, count, shares, out)
        _land(plan, state, t, j, out)


@compiled
def waiting(state: State, held: Floats) -> None:
    """Into `held` (S,): messages in hand, those in the queue counted parcel by parcel."""
    held[:] = state.away + state.under_way
    batches, parcels = state.batch_bin.shape[1], state.parcel_mass.shape[1]
    for p in range(state.waiting.shape[0]):
        for b in range(state.heads[p, _FIRST], state.heads[p, _NEXT]):
            for i in range(state.batch_first[p, b % batches], state.batch_last[p, b % batches]):
                held[state.parcel_stream[p, i % parcels]] += state.parcel_mass[p, i % parcels]
