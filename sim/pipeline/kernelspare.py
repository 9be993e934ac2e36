"""The laws of limits for runs of spans in which all that asks passes (sim.pipeline.sparelaws), told apart by
number, compiled for the cohort kernel."""

from __future__ import annotations

from sim.pipeline import sparelaws
from sim.pipeline.kernelcache import part
from sim.pipeline.kernellimits import CALLING, DEFERRALS, PLAIN, compiled_laws
from sim.pipeline.limits import PACED, REPUTATION, ROLLING, STARTED, SWITCH, WARM_UP, WINDOW
from sim.pipeline.state import Floats

_laws = compiled_laws(sparelaws, PLAIN, DEFERRALS, CALLING)
_bucket_spare, _bucket_note = _laws["token_bucket_spare"], _laws["token_bucket_note"]
_window_spare, _window_note = _laws["window_spare"], _laws["window_note"]
_rolling_spare, _rolling_note = _laws["rolling_spare"], _laws["rolling_note"]
_switch_spare, _switch_note = _laws["switch_spare"], _laws["switch_note"]
_started_spare, _started_note = _laws["started_spare"], _laws["started_note"]
_paced_spare, _paced_note = _laws["paced_spare"], _laws["paced_note"]
_mail_spare, _mail_note = _laws["reputation_spare"], _laws["reputation_note"]
_warm_spare, _warm_note = _laws["warm_up_spare"], _laws["warm_up_note"]


@part
def limit_spare(state: Floats, figures: Floats, first: int, span_s: float, asks: Floats) -> int:
    """In how many spans from the `first` on all of (n,) that ask surely pass a limit of any law."""
    law = int(figures[-1])
    if law == WINDOW:
        return int(_window_spare(state, figures, first, span_s, asks))
    if law == ROLLING:
        return int(_rolling_spare(state, figures, first, span_s, asks))
    if law == SWITCH:
        return int(_switch_spare(state, figures, first, span_s, asks))
    if law == STARTED:
        return int(_started_spare(state, figures, first, span_s, asks))
    if law == PACED:
        return int(_paced_spare(state, figures, first, span_s, asks))
    if law == REPUTATION:
        return int(_mail_spare(state, figures, first, span_s, asks))
    if law == WARM_UP:
        return int(_warm_spare(state, figures, first, span_s, asks))
    return int(_bucket_spare(state, figures, first, span_s, asks))


@part
def limit_note(state: Floats, figures: Floats, first: int, span_s: float, asks: Floats) -> None:
    """They passed."""
    law = int(figures[-1])
    if law == WINDOW:
        _window_note(state, figures, first, span_s, asks)
    elif law == ROLLING:
        _rolling_note(state, figures, first, span_s, asks)
    elif law == SWITCH:
        _switch_note(state, figures, first, span_s, asks)
    elif law == STARTED:
        _started_note(state, figures, first, span_s, asks)
    elif law == PACED:
        _paced_note(state, figures, first, span_s, asks)
    elif law == REPUTATION:
        _mail_note(state, figures, first, span_s, asks)
    elif law == WARM_UP:
        _warm_note(state, figures, first, span_s, asks)
    else:
        _bucket_note(state, figures, first, span_s, asks)
