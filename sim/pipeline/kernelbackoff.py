"""Backoffs: what is not taken is spread over bins ahead, and comes back. Compiled into
sim.pipeline.kernel and sim.pipeline.kernelbeyond.
"""

from __future__ import annotations

from sim.pipeline.columns import (
    ALIVE,
    AWAY,
    BACK_UNTIL,
    DUE_S,
    LAG,
    MASS,
    MOST_TRIES,
    NEXT_PARCEL,
    ORIGIN,
    PIECES,
    PRIORITY,
    PROVIDER,
    STREAM,
    TRIES,
    UNTIL,
    VAR,
    WHOSE,
)
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelexpiry import too_old_share
from sim.pipeline.kernelnoting import piece_moments
from sim.pipeline.kernelparts import enlist, later, put
from sim.pipeline.kernelrows import TINY
from sim.pipeline.provisions import TOLD_LAST
from sim.pipeline.state import Floats, Plan, State

_AT_ONCE = 1e-6
"""Of a bin: waits that differ by less are equal."""


@part
def come_back(plan: Plan, state: State, t: int) -> None:
    """Make a piece of all that comes back from its backoffs in bin `t`, by groups of tenants where these are
    known; it is still counted as away.

    After the last of a row's, rounding is cleared.
    """
    state.marks[PIECES] = 0
    if t > state.marks[UNTIL] + 1:
        return
    for i in range(state.marks[ALIVE]):
        row = state.alive[i]
        until = state.streams[row, BACK_UNTIL]
        if until < t - 1.0:
            continue
        _come_back_in(plan, state, t, row, -1)
        for group in range(state.known_level.shape[0]):
            _come_back_in(plan, state, t, row, group)
        if t > until:
            state.streams[row, AWAY] = state.streams[row, MOST_TRIES] = 0.0


@part
def _come_back_in(plan: Plan, state: State, t: int, s: int, group: int) -> None:
    """What comes back of row `s`, of a group of tenants or (-1) as the stream's."""
    levels, ring = state.back_level, state.back
    if group >= 0:
        levels, ring = state.known_level[group], state.known_back[group]
    origin_s, at, over = state.marks[ORIGIN] * plan.bin_s, t % ring.shape[0], t > state.streams[s, BACK_UNTIL]
    for k in range(int(state.streams[s, MOST_TRIES])):
        level, change = levels[s, k], ring[at, s, k]
        for moment in range(3):
            level[moment] = 0.0 if over else level[moment] + change[moment]
            if change[moment] != 0.0:  # what nobody wrote on takes no memory
                change[moment] = 0.0
        mass = level[0]
        if mass > TINY:
            due_s = min(max(level[1] / mass, -origin_s), (t + 0.5) * plan.bin_s - origin_s)
            piece = state.pieces[state.marks[PIECES]]
            piece[STREAM], piece[TRIES], piece[MASS] = s, k + 1.0, mass
            piece[WHOSE] = group
            piece[DUE_S], piece[VAR] = origin_s + due_s, max(0.0, level[2] / mass - due_s * due_s)
            state.marks[PIECES] += 1


@part
def start_late(plan: Plan, state: State, t: int, capacity: float) -> None:
    """Of what comes back only in a part of bin `t`, for it was told to wait for a moment, the workers take no
    more than in that part, the highest class first, and pass over what is too old: what is too much comes a
    bin later."""
    taken = 0.0
    for p in range(state.waiting.shape[0]):
        mass, first = 0.0, 1.0
        for i in range(state.marks[PIECES]):
            piece = state.pieces[i]
            late = _starts_late(plan, state, t, p, piece)
            if late > 0.0:
                stale = too_old_share(t, plan.bin_s, piece, plan.streams[int(piece[STREAM])], False)
                mass, first = mass + piece[MASS] * (1.0 - stale), min(first, late)
        room = max(0.0, capacity * (1.0 - first) - taken)
        if mass > room:
            for i in range(state.marks[PIECES]):
                if _starts_late(plan, state, t, p, state.pieces[i]) > 0.0:
                    _put_off(plan, state, t, state.pieces[i], 1.0 - room / mass)
        taken += min(mass, room)


@part
def _starts_late(plan: Plan, state: State, t: int, p: int, piece: Floats) -> float:
    """The part of bin `t` that is over when the first of a piece of class `p` comes; 0.0 = it may come at
    any time, or is of another class."""
    s = int(piece[STREAM])
    told = state.providers[int(plan.streams[s, PROVIDER]), TOLD_LAST] / plan.bin_s
    least = told + plan.back_ends[int(piece[TRIES]) - 1, 0]
    return float(least - t) if int(plan.streams[s, PRIORITY]) == p and int(least) == t else 0.0


@part
def _put_off(plan: Plan, state: State, t: int, piece: Floats, share: float) -> None:
    """A share of a piece that would come back in bin `t` comes in the next one."""
    s, k, mass = int(piece[STREAM]), int(piece[TRIES]) - 1, piece[MASS] * share
    _lay(plan, state, s, k, t + 1, mass, piece)
    _lay(plan, state, s, k, t + 2, -mass, piece)
    piece[MASS] -= mass


@part
def join_again(plan: Plan, state: State) -> None:
    """What came back joins its class."""
    for i in range(state.marks[PIECES]):
        piece = state.pieces[i]
        s = int(piece[STREAM])
        put(plan, state, s, piece[TRIES], piece[MASS], piece[DUE_S], piece[VAR])
        p = int(plan.streams[s, PRIORITY])
        state.parcels[p, (state.heads[p, NEXT_PARCEL] - 1) % state.parcels.shape[1], WHOSE] = piece[WHOSE]
        state.streams[s, AWAY] -= piece[MASS]


@part
def set_back(
    plan: Plan, state: State, t: int, s: int, k: int, mass: float, piece: Floats, told: float
) -> None:
    """Not taken for the k-th time: spread over the bins in which the backoff may end. told, in bins: above 0
    the moment at which it begins; else how much later, with its sign turned, than where nothing is told."""
    if state.marks[UNTIL] < t:
        state.marks[ORIGIN] = max(0, int(piece[DUE_S] / plan.bin_s))
    if told > 0.0:
        # told before this bin ended: nobody is back before the next
        _lay_even(plan, state, s, k, mass, piece, max(told, t + 1.0 - plan.back_ends[k, 0]))
    else:
        _lay_aged(plan, state, t, s, k, mass, piece, int(0.5 - told))
    state.streams[s, AWAY] += mass
    state.streams[s, MOST_TRIES] = max(state.streams[s, MOST_TRIES], k + 1.0)
    enlist(state, s)


@part
def _lay_aged(
    plan: Plan, state: State, t: int, s: int, k: int, mass: float, piece: Floats, more: int
) -> None:
    """In each bin in which some waits end, or so many bins later: with the ages that these waits add to those
    of bin `t`. Due times say the ages, of what comes back in the middle of its bin."""
    h = plan.bin_s
    waited_s, squared = piece_moments(piece)
    due_s = (t + 0.5) * h - waited_s - state.marks[ORIGIN] * h
    squares = due_s * due_s + max(0.0, squared - waited_s * waited_s)
    for i in range(plan.back.shape[1]):
        jump = plan.back[k, i]
        if jump[LAG] > 0.0:
            _change(state, s, k, t + more + int(jump[LAG]), piece, later(mass, due_s, squares, jump))


@part
def _lay_even(plan: Plan, state: State, s: int, k: int, mass: float, piece: Floats, moment: float) -> None:
    """All waits begin at one moment, in bins: they end evenly between two, in parts of the first and the last
    bin of these."""
    least, most = moment + plan.back_ends[k, 0], moment + plan.back_ends[k, 1]
    most = max(most, least + _AT_ONCE)
    first, last = int(least), int(most)
    before, rate = 0.0, mass / (most - least)
    for i in range(4):
        at = first + i if i < 2 else last + i - 2
        if i < 2 or at > first + 1:
            comes = rate * max(0.0, min(most, at + 1.0) - max(least, at))
            _lay(plan, state, s, k, at, comes - before, piece)
            before = comes


@part
def _lay(plan: Plan, state: State, s: int, k: int, at: int, jump: float, piece: Floats) -> None:
    """From bin `at` on so many more messages a bin come back, of a piece's group of tenants and due times."""
    if jump != 0.0:
        due_s = piece[DUE_S] - state.marks[ORIGIN] * plan.bin_s
        changes = (jump, jump * due_s, jump * (due_s * due_s + piece[VAR]))
        _change(state, s, k, at, piece, changes)


@part
def _change(
    state: State, s: int, k: int, at: int, piece: Floats, changes: tuple[float, float, float]
) -> None:
    """The same in moments: messages, their due times from ORIGIN on, their squares."""
    ring = state.back
    if state.known_level.shape[0] > 0 and piece[WHOSE] >= 0.0:
        ring = state.known_back[int(piece[WHOSE])]
    change = ring[at % ring.shape[0], s, k]
    change[0] += changes[0]
    change[1] += changes[1]
    change[2] += changes[2]
    state.marks[UNTIL] = max(state.marks[UNTIL], at)
    state.streams[s, BACK_UNTIL] = max(state.streams[s, BACK_UNTIL], at)
