"""Rows of amounts, bin by bin, added to each other. Compiled into sim.pipeline.kernel and kernelfeedback."""

from __future__ import annotations

from sim.pipeline.kernelcache import vectorised
from sim.pipeline.state import Floats


@vectorised
def add(factor: float, what: Floats, to: Floats) -> None:
    """Add `factor` times (n,) to the first n of (m,), of the first m where those are fewer."""
    for i in range(min(what.shape[0], to.shape[0])):
        to[i] += factor * what[i]
