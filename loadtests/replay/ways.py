"""Where requests go: an address, what of an agenda goes there, and who takes its turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadtests.replay.agenda import Agenda
from loadtests.replay.bounds import Bounds
from loadtests.replay.connection import Peer
from loadtests.replay.exchange import Exchange
from loadtests.replay.handturn import HandTurn
from loadtests.replay.kernel import Kernel
from loadtests.replay.multiplexed import Multiplexed
from loadtests.replay.rows import Rows
from loadtests.replay.several import Several
from loadtests.replay.turns import OneWay, Turns


@dataclass(frozen=True)
class Way:
    """An address and all that is sent there."""

    peer: Peer
    agenda: Agenda


def turns_of(
    ways: Sequence[Way], rows: Rows, bounds: Bounds, kernel: Kernel, clock: Callable[[], int]
) -> Turns:
    """Who carries all of them."""
    each = [_one(way, rows, bounds, kernel, clock) for way in ways]
    return each[0] if len(each) == 1 else Several(each, kernel, clock, int(bounds.spin_s * 1e9))


def _one(way: Way, rows: Rows, bounds: Bounds, kernel: Kernel, clock: Callable[[], int]) -> OneWay:
    """In compiled code where that can carry such connections and can be had; by hand elsewhere."""
    spin_ns = int(bounds.spin_s * 1e9)
    if way.peer.http == "2":
        many = Multiplexed(way.peer, way.agenda, rows, bounds, kernel, clock)
        return HandTurn(many, way.agenda, kernel, clock, spin_ns)
    peer = way.peer.for_lane()
    if peer is not None and kernel.compiled():
        from loadtests.replay.laneturn import LaneTurn  # loads numba, which other turns do without

        carried = Exchange(peer, way.agenda, rows, bounds, kernel, clock)
        return LaneTurn(carried, way.agenda, rows, clock, spin_ns)
    exchange = Exchange(way.peer, way.agenda, rows, bounds, kernel, clock)
    return HandTurn(exchange, way.agenda, kernel, clock, spin_ns)
