"""What the providers said to the pieces of a bin, and what follows. Compiled into sim.pipeline.kernel."""

from __future__ import annotations

from sim.ledger import ATTEMPTS, BY_STANDBY, DEAD_LETTERED, FAILED, LIMITED
from sim.pipeline.columns import DETOUR, MASS, OWNER, PIECES, PROVIDER, STREAM, TRIES
from sim.pipeline.kernelbackoff import set_back
from sim.pipeline.kernelcache import inlined, part
from sim.pipeline.kernelcalls import call_at
from sim.pipeline.kerneldelivery import send_on
from sim.pipeline.kernelnoting import AT_DOOR
from sim.pipeline.kernelshares import share_by_class
from sim.pipeline.kernelthinning import PASSES, class_share, draw_passing
from sim.pipeline.provisions import ASKED_SHARE, GRANTED, PLAIN, REFUSED, TOLD_S
from sim.pipeline.state import Plan, State, Window
from sim.pipeline.steps import ACCEPT, SET_BACK, SHARE


@part
def settle(plan: Plan, state: State, window: Window, t: int) -> None:
    """Each piece is taken, taken by the standby, set back or given up."""
    state.refused[0] = state.refused[4] = 0.0
    state.providers[:, REFUSED] = 0.0
    diverted, j = window.out[BY_STANDBY], t - window.first_bin
    share_by_class(plan, state, t, window.busy[j])
    if window.beyond != 0:
        call_at(window.beyond, plan, state, window, SHARE, t, 0, 0, window.busy[j])
    drawn = draw_passing(plan, state, t)
    for i in range(state.marks[PIECES]):
        s = int(state.pieces[i, STREAM])
        v, detour = int(plan.streams[s, PROVIDER]), int(plan.streams[s, DETOUR])
        told_s = state.providers[v, TOLD_S]
        state.refused[4] += state.pieces[i, MASS]
        share = state.asking[PASSES, s] if drawn else class_share(plan, state, s)
        left = _ask_row(plan, state, window, t, i, s, state.pieces[i, MASS], share)
        if left > 0.0 and detour >= 0:
            before, share = left, class_share(plan, state, detour)
            left = _ask_row(plan, state, window, t, i, detour, left, share)
            diverted[int(plan.streams[s, OWNER]), j] += before - left
            told_s = min(told_s, state.providers[int(plan.streams[detour, PROVIDER]), TOLD_S])
        if left > 0.0:
            _back_off(plan, state, window, t, left, i, told_s)


@inlined
def _ask_row(
    plan: Plan, state: State, window: Window, t: int, i: int, row: int, mass: float, share: float
) -> float:
    """The provider of `row` takes a share of `mass` messages of piece `i`. Returns the rest."""
    v, own, j = int(plan.streams[row, PROVIDER]), int(plan.streams[row, OWNER]), t - window.first_bin
    taken = mass * share
    asked = max(taken, mass * state.providers[v, ASKED_SHARE])
    window.out[ATTEMPTS, own, j] += asked
    window.out[LIMITED, own, j] += asked - taken
    if taken > 0.0:
        if plan.providers[v, PLAIN] > 0.0:
            send_on(plan, state, t, row, taken, state.pieces[i], AT_DOOR)
        else:
            call_at(window.beyond, plan, state, window, ACCEPT, t, i, row, taken)
    return float(mass - taken)


@inlined
def _back_off(plan: Plan, state: State, window: Window, t: int, mass: float, i: int, told_s: float) -> None:
    """Nobody takes `mass` of piece `i`: it comes back later, or is dead-lettered."""
    piece = state.pieces[i]
    s, tries = int(piece[STREAM]), int(piece[TRIES]) + 1
    granted, out, j = 0.0, window.out, t - window.first_bin
    if tries <= plan.back.shape[0]:
        granted = mass * state.providers[int(plan.streams[s, PROVIDER]), GRANTED]
        told = min(max(told_s / plan.bin_s, -plan.told_bins), t + plan.told_bins + 0.5)
        later = 0
        if told > 0.0:
            later = int(told) - t
        if window.fair != 0:
            call_at(window.fair, plan, state, window, SET_BACK, t, i, later, granted)
        set_back(plan, state, t, s, tries - 1, granted, piece, told)
        state.refused[0] += granted
        state.providers[int(plan.streams[s, PROVIDER]), REFUSED] += granted
    if mass > granted:
        own = int(plan.streams[s, OWNER])
        out[FAILED, own, j] += mass - granted
        out[DEAD_LETTERED, own, j] += mass - granted
