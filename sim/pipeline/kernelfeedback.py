"""Sends that customers trigger: a stride is sent, and later what its deliveries cause is laid out. Compiled
when a season has triggers."""

from __future__ import annotations

from sim.ledger import DELIVERED, FRESH
from sim.pipeline.feedback import BEGAN, BY_FRESH, BY_STALE, HELD_UP, KNOWN_UNTIL, Feedback
from sim.pipeline.kernelcache import compiled, part
from sim.pipeline.kerneldraws import poisson
from sim.pipeline.kernelrows import add
from sim.pipeline.state import Floats, Indices, Plan, State, Window
from sim.pipeline.steps import SEND


def feed(
    _plan: Plan, state: State, window: Window, step: int, t: int, at: int, _row: int, _mass: float
) -> float:
    """SEND: the column before which all sends are known, `at` itself where held up ones have to be let in
    first. CAUSE: column `at` is reached."""
    feedback = state.feedback
    if step == SEND:
        if t < feedback.marks[KNOWN_UNTIL]:
            return float(feedback.marks[KNOWN_UNTIL] - window.first_bin)
        return float(send(feedback, window.arrivals, window.first_bin, at))
    if t == feedback.marks[KNOWN_UNTIL]:
        cause(feedback, window.out, window.first_bin)
    return 0.0


@part
def send(feedback: Feedback, arrivals: Floats, first_bin: int, at: int) -> int:
    """The next stride begins in column `at` of the window: its sends are drawn, and stand at the door."""
    end = min(at + feedback.horizon_bins, arrivals.shape[1])
    feedback.marks[BEGAN], feedback.marks[KNOWN_UNTIL] = first_bin + at, first_bin + end
    held_up = False
    for i in range(feedback.lanes.shape[0]):
        lane, level = feedback.lanes[i], feedback.levels[i]
        slope, sent = feedback.slopes[i, first_bin:], feedback.sent[i, first_bin:]
        held_up = held_up or lane == HELD_UP
        for j in range(at, end):
            level += slope[j]
            # cumulated differences leave residues of about 1e-16 of the peak on either side of zero
            number = poisson(max(level, 0.0), feedback.normals[i, j])
            sent[j] = int(number)
            if lane != HELD_UP:
                arrivals[lane, j] += number
        feedback.levels[i] = level
    return at if held_up else end


@part
def cause(feedback: Feedback, out: Floats, first_bin: int) -> None:
    """The stride in hand is over: what its deliveries cause is laid out."""
    began, until = feedback.marks[BEGAN], feedback.marks[KNOWN_UNTIL]
    caused = feedback.caused[: until - began]
    for f in range(feedback.triggers.shape[0]):
        caused[:] = 0.0
        for s in range(feedback.weights.shape[1]):
            by_fresh, by_stale = feedback.weights[f, s, BY_FRESH], feedback.weights[f, s, BY_STALE]
            if by_fresh > 0.0 or by_stale > 0.0:
                at, end = began - first_bin, until - first_bin
                add(by_stale, out[DELIVERED, s, at:end], caused)
                add(by_fresh - by_stale, out[FRESH, s, at:end], caused)
        for k in range(feedback.jumps.shape[1]):
            due = began + int(feedback.jumps[f, k, 0])
            add(feedback.jumps[f, k, 1], caused, feedback.slopes[feedback.triggers[f], due:])


@compiled
def lay_causes(caused: Floats, slope: Floats, lags: Indices, jumps: Floats) -> None:
    """Add to `slope` the changes that causes (n,) in its first n bins bring about, `lags` bins later each."""
    for k in range(lags.shape[0]):
        add(jumps[k], caused, slope[lags[k] :])
