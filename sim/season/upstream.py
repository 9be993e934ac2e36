"""The stages before the door: by how much they hold up the messages of each stream, in both resolutions.

Law: a message's event happens when it is due; it reaches the door after the sum of its stages' delays. A
stage that holds up a whole stream at once draws one delay a season, from a random stream of its own name:
the same in both resolutions. What reaches the door after the season's end does not exist.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scenarios.scenario import Scenario
from scenarios.season import Delay
from scenarios.upstream import Stage
from sim.seeds import stream as random_stream
from sim.traffic import Stream

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class HoldUp:
    """How long the messages of one stream take to the door: `fixed_s`, and a draw of each of `delays`."""

    fixed_s: float = 0.0
    delays: tuple[Delay, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether the stream is at the door at once."""
        return self.fixed_s == 0.0 and not self.delays


def hold_ups(scenario: Scenario, streams: Sequence[Stream], seed: int) -> list[HoldUp]:
    """For every stream, what its stages sum up to."""
    return [_hold_up(scenario.upstream, stream, seed) for stream in streams]


def held_up(scenario: Scenario, streams: Sequence[Stream], seed: int) -> list[int]:
    """Which streams some stage holds up."""
    return [i for i, own in enumerate(hold_ups(scenario, streams, seed)) if not own.nothing]


def _hold_up(stages: Sequence[Stage], stream: Stream, seed: int) -> HoldUp:
    passed = [stage for stage in stages if _holds_up(stage, stream)]
    known = [stage for stage in passed if stage.each == "stream" or not stage.delay.sigma]
    own = tuple(stage.delay for stage in passed if stage not in known)
    return HoldUp(sum((_drawn_s(stage, stream, seed) for stage in known), 0.0), own)


def _holds_up(stage: Stage, stream: Stream) -> bool:
    return stream.name in stage.to if stage.to else stream.cause in ("campaign", "history")


def _drawn_s(stage: Stage, stream: Stream, seed: int) -> float:
    random = random_stream(seed, "upstream", stage.name, stream.name)
    return stage.delay.median * float(np.exp(stage.delay.sigma * random.standard_normal()))


class Upstream:
    """The message face: when messages whose events happened are at the door.

    Every stream draws from a random stream of its own. What is not at the door yet is kept until it is asked
    for again.
    """

    def __init__(self, scenario: Scenario, streams: Sequence[Stream], seed: int) -> None:
        self._held_up = {
            i: (hold_up, random_stream(seed, "upstream", streams[i].name))
            for i, hold_up in enumerate(hold_ups(scenario, streams, seed))
            if not hold_up.nothing
        }
        self._kept: tuple[Indices, Floats, Floats] = (np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))

    def __bool__(self) -> bool:
        return bool(self._held_up)

    def delays_s(self, stream: int, messages: int) -> Floats:
        """float64 (messages,): from the events of messages of one stream to the door."""
        if stream not in self._held_up:
            return np.zeros(messages)
        hold_up, random = self._held_up[stream]
        total_s = np.full(messages, hold_up.fixed_s)
        for delay in hold_up.delays:
            total_s += delay.median * np.exp(delay.sigma * random.standard_normal(messages))
        return total_s

    def arrivals(self, streams: Indices, due_s: Floats, until_s: float) -> tuple[Indices, Floats, Floats]:
        """Streams, events and arrivals at the door before `until_s`, of these messages (`streams` ascending)
        and of those kept so far."""
        door_s = due_s.copy()
        for i in self._held_up:
            first, last = np.searchsorted(streams, (i, i + 1))
            door_s[first:last] += self.delays_s(i, int(last - first))
        new = (streams, due_s, door_s)
        streams, due_s, door_s = (np.concatenate(both) for both in zip(self._kept, new, strict=True))
        come = door_s < until_s
        self._kept = (streams[~come], due_s[~come], door_s[~come])
        return streams[come], due_s[come], door_s[come]
