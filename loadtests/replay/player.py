"""One replay in this process: agenda, records, figures and the reactor that carries it."""

from __future__ import annotations

import gc
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from loadtests.replay import footprint
from loadtests.replay.agenda import Agenda
from loadtests.replay.ahead import AHEAD_S_MAX
from loadtests.replay.bounds import Bounds
from loadtests.replay.connection import Connection, Peer
from loadtests.replay.given import Giving
from loadtests.replay.journal import Journal
from loadtests.replay.kernel import Kernel, affordable_connections
from loadtests.replay.live import Figures
from loadtests.replay.orders import Settings, StandIn
from loadtests.replay.reactor import Reactor
from loadtests.replay.records import Writer
from loadtests.replay.rows import Columns, RawRows
from loadtests.replay.schedule import Schedule
from loadtests.replay.tls import Secure
from loadtests.replay.ways import Way
from loadtests.targets import credentials
from loadtests.targets.addresses import is_tls
from loadtests.targets.rendering import Renderer
from loadtests.targets.replies import Reader
from loadtests.targets.safety import Address
from loadtests.targets.target import Target

HERE = "127.0.0.1"

LEAD_S = 0.02
"""From the command to time 0, so that the first sends are not late."""

GARBAGE_OBJECTS = 50_000
"""New objects between two looks for garbage in cycles: a replay makes none, and each look stops the sends."""


@dataclass(frozen=True)
class Kit:
    """Where requests go, how they are written and read, what bounds them. peers: one for each of the target's
    destinations."""

    peers: tuple[Peer, ...]
    target: Target
    renderer: Renderer
    reader: Reader
    bounds: Bounds

    def standing_in(self, stand_in: StandIn | None) -> Kit:
        """The same requests to a server on this machine; itself where there is none."""
        if stand_in is None:
            return self
        peers = tuple(self._in_place_of(url, stand_in) for url in self.target.destinations)
        return replace(self, peers=peers, bounds=replace(self.bounds, connections=stand_in.connections))

    def _in_place_of(self, url: str, stand_in: StandIn) -> Peer:
        http = self.target.http
        if not is_tls(url):
            return Peer(socket.AF_INET, HERE, stand_in.port, http=http)
        return Peer(socket.AF_INET, HERE, stand_in.tls_port, Secure(stand_in.ca_file, HERE, http), http)

    def destinations(self, schedule: Schedule) -> npt.NDArray[np.int64]:
        """Which of the peers each stream of a schedule goes to, int64 (streams,)."""
        return np.array(self.target.destinations_of(schedule.kinds()), dtype=np.int64)

    def ways(self, schedule: Schedule, first_id: int, giving: Giving | None = None) -> list[Way]:
        """Each address that requests of a schedule go to, with these."""
        whole = Agenda(schedule, self.target, self.renderer, self.reader, first_id, giving)
        if len(self.peers) == 1:
            return [Way(self.peers[0], whole)]
        destination = self.destinations(schedule)[schedule.stream]
        requests = [np.flatnonzero(destination == one) for one in range(len(self.peers))]
        found = zip(self.peers, requests, strict=True)
        return [Way(peer, whole.of(its)) for peer, its in found if its.size] or [Way(self.peers[0], whole)]


def kit_of(target: Target, settings: Settings) -> Kit:
    """What a target needs. Raises UserError where a secret is missing or `ca_file` is none."""
    secrets = credentials.environment(target, os.environ)
    return Kit(
        tuple(_peer(target, address) for address in settings.addresses),
        target,
        Renderer(target, secrets, settings.run),
        Reader(target),
        _affordable(settings.bounds, len(target.destinations)),
    )


def _peer(target: Target, address: Address) -> Peer:
    makes = _secure(target, address.host) if address.tls else Connection
    return Peer(address.family, address.ip, address.port, makes, target.http)


def _secure(target: Target, host: str) -> Secure:
    return Secure(target.ca_file, host, target.http)


def _affordable(bounds: Bounds, destinations: int) -> Bounds:
    most = affordable_connections(bounds.connections * destinations) // destinations
    return replace(bounds, connections=max(1, most))


def spare_garbage() -> None:
    """What lives now lives on: the collector need not look at it again in the middle of a replay."""
    gc.collect()
    footprint.shrink()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)


@dataclass(frozen=True)
class Surroundings:
    """The process that a replay runs in: its calls, how it lets others run, a descriptor to listen to."""

    kernel: Kernel
    breathe: Callable[[], object]
    control: tuple[int, Callable[[], None]] | None = None


@dataclass(frozen=True)
class Listeners:
    """Who hears of a replay: `began` its time 0 (s since 1970), `figures` five times a second, `block` every
    block of attempts."""

    began: Callable[[float], None] = lambda _: None
    figures: Callable[[Figures], None] = lambda _: None
    block: Callable[[Columns], None] = lambda _: None


class Player:
    """Plays one schedule; `stop` may be called by whoever listens."""

    def __init__(
        self, kit: Kit, schedule: Schedule, first_id: int, surroundings: Surroundings, listeners: Listeners
    ) -> None:
        self._schedule = schedule
        self._listeners = listeners
        self._journal: Journal | None = None
        self._start_ns = 0
        self._giving = Giving() if kit.target.is_named_by_reply else None
        self._reactor = Reactor(
            kit.ways(schedule, first_id, self._giving),
            self._take,
            bounds=kit.bounds,
            kernel=surroundings.kernel,
            breathe=surroundings.breathe,
            control=surroundings.control,
        )

    def play(self, records: Path) -> float:
        """Play and leave the records; seconds of the schedule that were played."""
        writer = Writer(records)
        if self._giving is not None:
            self._giving.open(records)
        spare_garbage()
        self._reactor.open_ahead(time.monotonic_ns() + int(AHEAD_S_MAX * 1e9))
        self._start_ns = time.monotonic_ns() + int(LEAD_S * 1e9)
        self._journal = Journal(self._schedule, self._start_ns, writer, self._listeners.block)
        self._listeners.began(time.time() + (self._start_ns - time.monotonic_ns()) / 1e9)
        duration_s = self._reactor.run(self._start_ns)
        writer.close(duration_s)
        if self._giving is not None:
            self._giving.close()
        return duration_s

    def stop(self) -> None:
        """End now; what was recorded is kept."""
        self._reactor.stop()

    def _take(self, rows: RawRows) -> Iterator[None]:
        assert self._journal is not None
        now_ns = time.monotonic_ns()
        in_flight, waiting = self._reactor.in_flight, self._reactor.waiting
        yield from self._journal.steps(rows, now_ns)
        if self._giving is not None:
            self._giving.flush()
            yield
        at_s = (now_ns - self._start_ns) / 1e9
        self._listeners.figures(self._journal.live.figures(at_s, in_flight, waiting))
