"""The cohort's providers are asked for what a bin's messages need. Compiled into sim.pipeline.kernel."""

from __future__ import annotations

from sim.pipeline.kernelcache import part
from sim.pipeline.kernelcalls import call_at
from sim.pipeline.kernellimits import plain_book, plain_pass
from sim.pipeline.provisions import ASKING, AT_ONCE, BINDS, FIRSTS, PLAIN, STANDBY
from sim.pipeline.state import Plan, State, Window
from sim.pipeline.steps import ASK


@part
def ask(plan: Plan, state: State, window: Window, t: int) -> None:
    """Ask the providers: `state.shares`, how many ask each one in this bin, becomes the share of them that
    it takes. Standbys are not asked yet."""
    now_s, shares, busy = t * plan.bin_s, state.shares, window.busy[t - window.first_bin]
    for v in range(shares.shape[0]):
        if plan.providers[v, PLAIN] > 0.0:
            asking, asks = shares[v], (shares[v], state.providers[v, FIRSTS])
            admitted = asking
            for row in range(plan.limit_first[v], plan.limit_first[v + 1]):
                figures = plan.limit_figures[row]
                opened = plain_pass(plan, state.limits[row], figures, now_s, plan.bin_s, asks, busy)
                if opened < admitted:
                    admitted, state.providers[v, BINDS] = max(0.0, opened), figures[-1]
            for row in range(plan.limit_first[v], plan.limit_first[v + 1]):
                plain_book(state.limits[row], plan.limit_figures[row], now_s, plan.bin_s, asking, admitted)
            state.providers[v, ASKING] = asking
            shares[v] = admitted / asking if asking > 0.0 else 1.0
        elif plan.providers[v, STANDBY] == 0.0:
            shares[v] = call_at(window.beyond, plan, state, window, ASK, t, v, 0, shares[v])
        else:
            shares[v], state.providers[v, AT_ONCE] = 1.0, 1.0
