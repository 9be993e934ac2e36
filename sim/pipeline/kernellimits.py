"""The laws of limits, compiled for the cohort kernel: sim.pipeline.limitlaws, told apart by number."""

from __future__ import annotations

from types import FunctionType
from typing import Any

from sim.pipeline import limitlaws
from sim.pipeline.kernelcache import part
from sim.pipeline.limits import ROLLING, SWITCH, WINDOW
from sim.pipeline.state import Floats


def _compiled_laws() -> dict[str, Any]:
    """The functions of limitlaws by name, compiled, calling each other's compiled selves."""
    space = dict(vars(limitlaws))
    plain = {name: it for name, it in space.items() if isinstance(it, FunctionType)}
    # numba looks a name up when it compiles its caller, so all may stand in one space before any is compiled
    space.update({name: part(FunctionType(it.__code__, space, name)) for name, it in plain.items()})
    return space


_laws = _compiled_laws()
_bucket_open, _bucket_take = _laws["token_bucket_open"], _laws["token_bucket_take"]
_window_open, _window_take = _laws["window_open"], _laws["window_take"]
_rolling_open, _rolling_take = _laws["rolling_open"], _laws["rolling_take"]
_switch_open, _switch_take = _laws["switch_open"], _laws["switch_take"]


@part
def limit_open(state: Floats, figures: Floats, now_s: float, span_s: float) -> float:
    """The most that a limit passes in [now_s, now_s + span_s); the last of its figures says which law."""
    law = int(figures[-1])
    if law == WINDOW:
        return float(_window_open(state, figures, now_s, span_s))
    if law == ROLLING:
        return float(_rolling_open(state, figures, now_s, span_s))
    if law == SWITCH:
        return float(_switch_open(state, figures, now_s, span_s))
    return float(_bucket_open(state, figures, now_s, span_s))


@part
def limit_take(state: Floats, figures: Floats, now_s: float, messages: float) -> None:
    """Book an amount."""
    law = int(figures[-1])
    if law == WINDOW:
        _window_take(state, figures, now_s, messages)
    elif law == ROLLING:
        _rolling_take(state, figures, now_s, messages)
    elif law == SWITCH:
        _switch_take(state, figures, now_s, messages)
    else:
        _bucket_take(state, figures, now_s, messages)
