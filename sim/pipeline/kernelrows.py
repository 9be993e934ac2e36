"""Rows of amounts, bin by bin, at one go. Compiled into sim.pipeline.kernel and its units."""

from __future__ import annotations

from sim.pipeline.kernelcache import vectorised
from sim.pipeline.state import Floats

TINY = 1e-12
"""Less than this of a message is what rounding left."""


@vectorised
def add(factor: float, what: Floats, to: Floats) -> None:
    """Add `factor` times (n,) to the first n of (m,), of the first m where those are fewer."""
    for i in range(min(what.shape[0], to.shape[0])):
        to[i] += factor * what[i]


@vectorised
def multiply(factor: float, what: Floats, to: Floats) -> None:
    """Into the first n of (m,): `factor` times (n,)."""
    for i in range(what.shape[0]):
        to[i] = factor * what[i]


@vectorised
def count_some(what: Floats) -> int:
    """How many of these are above 0."""
    some = 0
    for i in range(what.shape[0]):
        some += 1 if what[i] > 0.0 else 0
    return some


@vectorised
def add_with(more: float, what: Floats, to: Floats) -> None:
    """Add (n,), and so much more each, to the first n of (m,)."""
    for i in range(what.shape[0]):
        to[i] += what[i] + more


@vectorised
def arrive(share: float, landed: Floats, late: Floats, delivered: Floats, fresh: Floats) -> None:
    """Add the share that does not bounce of what landed, (n,), to what is delivered, and what of it is not
    too late to what is fresh."""
    for i in range(landed.shape[0]):
        arrived = landed[i] * share
        delivered[i] += arrived
        fresh[i] += min(max(landed[i] - late[i], 0.0) * share, arrived)


@vectorised
def lose(share: float, landed: Floats, failed: Floats) -> None:
    """Add to what failed what bounces of (n,)."""
    for i in range(landed.shape[0]):
        failed[i] += landed[i] - landed[i] * share
