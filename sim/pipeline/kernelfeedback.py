"""Sends that customers trigger: a stride is sent, and later what its deliveries cause is laid out. Compiled
when a season has triggers."""

from __future__ import annotations

from sim.ledger import DELIVERED, FRESH
from sim.pipeline.feedback import BEGAN, BY_FRESH, BY_STALE, FLOW_UNTIL, HELD_UP, KNOWN_UNTIL, Feedback
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
    _tell_slopes(feedback, first_bin, at, end)
    held_up = False
    for i in range(feedback.lanes.shape[0]):
        lane, level = feedback.lanes[i], feedback.levels[i]
        slope, sent = feedback.slopes[i], feedback.sent[i, first_bin:]
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
def _tell_slopes(feedback: Feedback, first_bin: int, at: int, end: int) -> None:
    """How expected sends change in these columns of the window, a stride."""
    slopes, bins = feedback.slopes, feedback.flows.shape[1]
    for i in range(slopes.shape[0]):
        slopes[i, at:end] = 0.0
    for f in range(feedback.triggers.shape[0]):
        done = at
        while done < end:
            t, until = first_bin + done, feedback.marks[FLOW_UNTIL + f]
            if t >= until:
                _flow(feedback, f, until)
            else:
                n = min(end - done, until - t)
                own = feedback.flows[f, bins - (until - t) :]
                add(1.0, own, slopes[feedback.triggers[f], done : done + n])
                done += n


@part
def _flow(feedback: Feedback, f: int, first: int) -> None:
    """How what was delivered before this stride changes a flow's expected sends from bin `first` on: as far
    as nothing that is delivered later does."""
    bins, caused = feedback.flows.shape[1], feedback.caused[f]
    known = feedback.marks[BEGAN] + int(feedback.jumps[f, 0, 0])
    n = min(bins, known - first, caused.shape[0] - first)
    slope = feedback.flows[f, bins - n :]
    slope[:] = 0.0
    for k in range(feedback.jumps.shape[1]):
        lag = int(feedback.jumps[f, k, 0])
        early = max(0, lag - first)
        if early < n:
            add(feedback.jumps[f, k, 1], caused[first + early - lag : first + n - lag], slope[early:])
    feedback.marks[FLOW_UNTIL + f] = first + n


@part
def cause(feedback: Feedback, out: Floats, first_bin: int) -> None:
    """The stride in hand is over: what its deliveries cause is noted."""
    began, until = feedback.marks[BEGAN], feedback.marks[KNOWN_UNTIL]
    for f in range(feedback.triggers.shape[0]):
        caused = feedback.caused[f, began:until]
        for s in range(feedback.weights.shape[1]):
            by_fresh, by_stale = feedback.weights[f, s, BY_FRESH], feedback.weights[f, s, BY_STALE]
            if by_fresh > 0.0 or by_stale > 0.0:
                at, end = began - first_bin, until - first_bin
                add(by_stale, out[DELIVERED, s, at:end], caused)
                add(by_fresh - by_stale, out[FRESH, s, at:end], caused)


@compiled
def lay_causes(caused: Floats, slope: Floats, lags: Indices, jumps: Floats) -> None:
    """Add to `slope` the changes that causes (n,) in its first n bins bring about, `lags` bins later each."""
    for k in range(lags.shape[0]):
        add(jumps[k], caused, slope[lags[k] :])
