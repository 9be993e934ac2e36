"""What the providers said to the pieces of a bin, and what follows. Compiled into sim.pipeline.kernel."""

from __future__ import annotations

import math

from sim.ledger import ATTEMPTS, BY_STANDBY, DEAD_LETTERED, FAILED, LIMITED
from sim.pipeline.kernelbackoff import set_back
from sim.pipeline.kernelcache import part
from sim.pipeline.kernelcalls import call_at
from sim.pipeline.kerneldelivery import send_on
from sim.pipeline.limits import TRICKLING
from sim.pipeline.provisions import ASKED_SHARE, ASKING, BINDS, GRANTED, PLAIN, TOLD_S
from sim.pipeline.state import (
    ACCEPT,
    DETOUR,
    MASS,
    OWNER,
    PIECES,
    PRIORITY,
    PROVIDER,
    SET_BACK,
    STREAM,
    TRIES,
    Plan,
    State,
    Window,
)


@part
def settle(plan: Plan, state: State, window: Window, t: int) -> None:
    """Each piece is taken, taken by the standby, set back or given up."""
    state.refused[0] = 0.0
    _share_by_class(plan, state)
    diverted, j = window.out[BY_STANDBY], t - window.first_bin
    for i in range(state.marks[PIECES]):
        s = int(state.pieces[i, STREAM])
        v, detour = int(plan.streams[s, PROVIDER]), int(plan.streams[s, DETOUR])
        told_s = state.providers[v, TOLD_S]
        left = _ask_row(plan, state, window, t, i, s, state.pieces[i, MASS])
        if left > 0.0 and detour >= 0:
            before, left = left, _ask_row(plan, state, window, t, i, detour, left)
            diverted[int(plan.streams[s, OWNER]), j] += before - left
            told_s = min(told_s, state.providers[int(plan.streams[detour, PROVIDER]), TOLD_S])
        if left > 0.0:
            _back_off(plan, state, window, t, left, i, told_s)


@part
def _share_by_class(plan: Plan, state: State) -> None:
    """What a provider takes of each class: in proportion, but for batches where it opens little by little."""
    for v in range(state.shares.shape[0]):
        state.class_shares[v, :] = state.shares[v]
        if plan.batch > 1 and state.shares[v] < 1.0 and int(state.providers[v, BINDS]) in TRICKLING:
            _share_batches(plan, state, v)


@part
def _share_batches(plan: Plan, state: State, v: int) -> None:
    """Of a batch the higher classes ask first, and take what opened since the last one.

    Batches end at random moments, so that an exponential number of mean `opened` has; the first of a class
    passes if it is at least 1, evenly less what was left over.
    """
    total, last = 0.0, state.waiting.shape[0] - 1
    for i in range(state.marks[PIECES]):
        total += state.pieces[i, MASS]
    left, batches = state.shares[v] * state.providers[v, ASKING], total / plan.batch
    for p in range(last + 1):
        asking = _asking(plan, state, v, p)
        if asking > 0.0 and left > 0.0:
            most = min(1.0, left / asking)
            opened, first = left / batches, max(1.0, asking / batches)
            passes = opened / first * (1.0 - math.exp(-first / opened))
            state.class_shares[v, p] = most if p == last else min(most, passes)
            left -= asking * state.class_shares[v, p]
        else:
            state.class_shares[v, p] = 0.0


@part
def _asking(plan: Plan, state: State, v: int, p: int) -> float:
    """Messages of class `p` that ask provider `v` in this bin."""
    asking = 0.0
    for i in range(state.marks[PIECES]):
        s = int(state.pieces[i, STREAM])
        if int(plan.streams[s, PROVIDER]) == v and int(plan.streams[s, PRIORITY]) == p:
            asking += state.pieces[i, MASS]
    return asking


@part
def _ask_row(plan: Plan, state: State, window: Window, t: int, i: int, row: int, mass: float) -> float:
    """The provider of `row` takes its share of `mass` messages of piece `i`. Returns the rest."""
    v, own, j = int(plan.streams[row, PROVIDER]), int(plan.streams[row, OWNER]), t - window.first_bin
    taken = mass * state.class_shares[v, int(plan.streams[row, PRIORITY])]
    asked = max(taken, mass * state.providers[v, ASKED_SHARE])
    window.out[ATTEMPTS, own, j] += asked
    window.out[LIMITED, own, j] += asked - taken
    if taken > 0.0:
        if plan.providers[v, PLAIN] > 0.0:
            send_on(plan, state, t, row, taken, state.pieces[i])
        else:
            call_at(window.beyond, plan, state, window, ACCEPT, t, i, row, taken)
    return float(mass - taken)


@part
def _back_off(plan: Plan, state: State, window: Window, t: int, mass: float, i: int, told_s: float) -> None:
    """Nobody takes `mass` of piece `i`: it comes back later, or is dead-lettered."""
    piece = state.pieces[i]
    s, tries = int(piece[STREAM]), int(piece[TRIES]) + 1
    granted, out, j = 0.0, window.out, t - window.first_bin
    if tries <= plan.back.shape[0]:
        granted = mass * state.providers[int(plan.streams[s, PROVIDER]), GRANTED]
        later = max(0, min(int(told_s / plan.bin_s + 1e-9) - t, plan.told_bins))
        if window.fair != 0:
            call_at(window.fair, plan, state, window, SET_BACK, t, i, later, granted)
        set_back(plan, state, t, s, tries - 1, granted, piece, later)
        state.refused[0] += granted
    if mass > granted:
        own = int(plan.streams[s, OWNER])
        out[FAILED, own, j] += mass - granted
        out[DEAD_LETTERED, own, j] += mass - granted
