"""Providers as the cohort kernel has them: the columns of its tables, and the tables as they start."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from scenarios.deferrals import PacedQueue
from scenarios.providers import Provider
from scenarios.scenario import Scenario
from sim.pipeline import breakerlaws
from sim.pipeline.carriers import breaker_figures
from sim.pipeline.columns import NEVER
from sim.pipeline.eras import Era
from sim.pipeline.limits import PLAIN_LAWS, Fluid, law
from sim.pipeline.providers import DEFERRED_JITTER, deferred_tries, door, mailbox
from sim.pipeline.spreading import laid_evenly, stacked
from sim.pipeline.state import Floats, Indices, Plan

# Columns of Plan.providers: figures of the breaker as sim.pipeline.breakerlaws has them, and whether there is
# one; figures of the retry budget, and whether there is one; whether a wait that a limit or the breaker tells
# is heeded; whether it is down, or a standby; the row of its paced queue (-1 = none); whether it defers, the
# bin ahead from which on it tries no more, and how often it tries; whether there is nothing to it but limits
# that refuse and forget.
_, _, _, _, _, BREAKS, BUDGET_SHARE, BUDGET_MOST, BUDGETED, TELLS, HEEDS, OUT, STANDBY = range(13)
PACE_ROW, DEFERS, RETRY_UNTIL, TRIES, PLAIN = range(13, 18)
BREAKER_FIGURES = 5

# Columns of State.providers: state of the breaker; retries left; in this bin: how many ask, the share of them
# that is asked for, the moment until which those that were not taken are told to wait, the share of retries
# that the budget grants, whether what is taken goes on at once, the first and the last wait for a turn in its
# own queue, the share of what is taken whose turn comes in time, mean and chance of a wait for a turn below a
# bin, the share that the mailboxes take; the bin in which they were asked last; tries of the messages that
# were tried most often; the last bin with a change ahead in State.deferred or State.queued; first attempts in
# this bin; the laws of the limits that refused last, at the door and of the mailboxes; of those who asked the
# mailboxes, the share who came from workers; the last moment that messages were told to wait for;
# for how many times a call its cap on calls has refused batches, and the last bin in which it did; while
# sim.pipeline.kernelthinning draws who passes, of rows not drawn yet: how many ask, are to pass, were
# expected to, and the sum of their variances; how many it set back in the last bin.
_, _, _, _, _, SAVED, ASKING, ASKED_SHARE, TOLD_S, GRANTED, AT_ONCE, TURN_FROM_S, TURN_TO_S, KEPT = range(14)
LIGHT_S, LIGHT_CHANCE, MAIL_SHARE, MAIL_BIN, DEPTH, DEFERS_UNTIL, FIRSTS, BINDS, MAIL_BINDS, MAIL_FIRSTS = (
    range(14, 24)
)
TOLD_LAST, GATHERED, GATHERED_BIN, TO_ASK, TO_LET_IN, EXPECTED, UNSURE, REFUSED = range(24, 32)
BREAKER_STATE = 5


def provider_figures(era: Era, bin_s: float, first_rows: Indices) -> Floats:
    """float64 (V, columns): Plan.providers."""
    scenario = era.scenario
    breaker, retries = scenario.pipeline.breaker, scenario.pipeline.retries
    table = np.zeros((len(scenario.providers), PLAIN + 1))
    for v, provider in enumerate(scenario.providers):
        row = table[v]
        if breaker is not None:
            row[:BREAKER_FIGURES], row[BREAKS] = breaker_figures(breaker), 1.0
        row[BUDGET_SHARE], row[BUDGET_MOST] = retries.budget or 0.0, retries.budget_saved
        row[BUDGETED] = retries.budget is not None
        row[TELLS], row[HEEDS] = provider.retry_after and retries.retry_after, retries.retry_after
        row[OUT], row[STANDBY] = provider.name in era.out, provider.standby
        paced = [at for at, limit in enumerate(door(provider)) if isinstance(limit, PacedQueue)]
        row[PACE_ROW] = first_rows[v] + paced[0] if paced else -1.0
        row[DEFERS], row[TRIES] = bool(mailbox(provider)), deferred_tries(provider)
        row[RETRY_UNTIL] = _tried_again(provider, bin_s)[-1, 0]
        row[PLAIN] = not any(row[[BREAKS, TELLS, OUT, STANDBY, DEFERS]]) and _plainly_limited(provider)
    return table


def goes_beyond(plan: Plan) -> bool:
    """Some provider has more than plain limits: the plan needs sim.pipeline.kernelbeyond."""
    return bool((plan.providers[:, PLAIN] == 0.0).any() or plan.providers[:, BUDGETED].any())


def _plainly_limited(provider: Provider) -> bool:
    """Its limits refuse and forget."""
    return all(law(limit).fluid.law in PLAIN_LAWS for limit in door(provider))


def provider_states(scenario: Scenario) -> Floats:
    """float64 (V, columns): State.providers."""
    table = np.zeros((len(scenario.providers), REFUSED + 1))
    table[:, :BREAKER_STATE] = breakerlaws.CLOSED
    table[:, SAVED] = scenario.pipeline.retries.budget_saved
    table[:, [ASKED_SHARE, GRANTED, KEPT, AT_ONCE, MAIL_SHARE]] = 1.0
    table[:, [MAIL_BIN, DEFERS_UNTIL]] = NEVER
    return table


def limit_rows(scenario: Scenario) -> tuple[list[Fluid], Indices]:
    """The limits of all providers in the order of their rows, and Plan.limit_first."""
    epoch_s = scenario.starts_at.timestamp()
    groups = [*map(door, scenario.providers), *map(mailbox, scenario.providers)]
    fluids = [law(limit, 0.0, epoch_s).fluid for group in groups for limit in group]
    return fluids, np.cumsum([0, *map(len, groups)]).astype(np.int64)


def told_ahead(scenario: Scenario, bin_s: float) -> int:
    """Bins ahead that a message may be told to wait."""
    retries = scenario.pipeline.retries
    told = scenario.pipeline.breaker is not None or any(p.retry_after for p in scenario.providers)
    return math.floor(retries.retry_after_max / bin_s) if told and retries.retry_after else 0


def turns_ahead(scenario: Scenario, bin_s: float, bins: int) -> int:
    """Bins that the turn of a message in a provider's own queue may lie ahead."""
    paced = [limit for p in scenario.providers for limit in p.limits if isinstance(limit, PacedQueue)]
    longest_s = max((min(limit.queue, limit.validity) for limit in paced), default=-4.0 * bin_s)
    return min(math.ceil(longest_s / bin_s) + 4, bins + 4)


def deferrals(scenario: Scenario, bin_s: float) -> Floats:
    """float64 (V, jumps, 4): Plan.deferrals, the shorter ones filled up with zeros."""
    return stacked([_tried_again(provider, bin_s) for provider in scenario.providers])


def deferred_room(scenario: Scenario, rows: Sequence[int], bin_s: float, bins: int) -> Floats:
    """State.deferred with room for what the providers of `rows` may try again within `bins`."""
    deferring = [(v, p) for v, p in enumerate(scenario.providers) if mailbox(p) and v in rows]
    lags = [_tried_again(provider, bin_s)[[0, -1], 0] for _, provider in deferring]
    longest = max((int(last) for _, last in lags), default=0)
    tries = [min(deferred_tries(p), bins // int(lags[at][0]) + 1) for at, (_, p) in enumerate(deferring)]
    return np.zeros((max([1, *tries]), len(rows) if deferring else 1, longest + 1, 3))


def queued_room(scenario: Scenario, rows: Sequence[int], bin_s: float, bins: int) -> Floats:
    """State.queued; only providers with both a queue of their own and mailboxes use it."""
    both = any(mailbox(p) and any(isinstance(x, PacedQueue) for x in p.limits) for p in scenario.providers)
    return np.zeros((len(rows), turns_ahead(scenario, bin_s, bins), 3) if both else (1, 1, 3))


def _tried_again(provider: Provider, bin_s: float) -> Floats:
    """What it defers it tries again after so many bins: see sim.pipeline.spreading.laid_evenly."""
    mean = provider.deferred_retry / bin_s
    found = laid_evenly((1.0 - DEFERRED_JITTER) * mean, (1.0 + DEFERRED_JITTER) * mean)
    return found * [1.0, 1.0, bin_s, bin_s * bin_s]
