"""What comes to the cohort's door, window by window: what is planned, held up by stages, triggered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.pipeline.feedback import BEGAN, KNOWN_UNTIL, Feedback
from sim.pipeline.kernelfeedback import lay_causes
from sim.pipeline.lanes import Approach, Doors, Lane
from sim.pipeline.state import Window
from sim.seeds import stream as random_stream
from sim.traffic import Traffic


class Entrance:
    """Ask `open` for each window in order, and `let_in_sent` whenever sends may have been triggered."""

    def __init__(self, traffic: Traffic, lanes: Sequence[Lane], feedback: Feedback, seed: int) -> None:
        self._counts, self._feedback, self._doors = traffic.counts, feedback, Doors(lanes)
        triggered = feedback.streams.tolist()
        # one random stream a trigger, so that the windows' length changes no draw
        self._draw = [
            random_stream(seed, "triggered", traffic.streams[i].name).standard_normal for i in triggered
        ]
        self._planned = [i for i in self._doors.held_up if i not in triggered]
        self._caused = [i for i in self._doors.held_up if i in triggered]
        self._sent_rows = [triggered.index(i) for i in self._caused]
        self._on_its_way = Approach(lanes, self._planned, traffic.bin_s, lay_causes)
        self._sent_on_its_way = Approach(lanes, self._caused, traffic.bin_s, lay_causes)
        self._eventful = np.flatnonzero(traffic.counts[self._planned].any(axis=0))
        self._let_in_until = 0

    def open(self, window: Window) -> None:
        """Into `window.arrivals`: all but what customers trigger; the numbers are drawn that decide on it."""
        first, n = window.first_bin, window.arrivals.shape[1]
        for own, draw in zip(self._feedback.normals, self._draw, strict=True):
            own[:n] = draw(n)
        events = self._counts[:, first : first + n]
        self._doors.let_in(events, window.arrivals)
        began, ended = np.searchsorted(self._eventful, (first, first + n)).tolist()
        if began < ended or self._on_its_way.any:
            self._on_its_way.let_in(events[self._planned], window.arrivals)

    def let_in_sent(self, window: Window) -> None:
        """What customers triggered in the stride in hand and stages hold up."""
        if not self._caused or self._feedback.marks[KNOWN_UNTIL] <= self._let_in_until:
            return
        began, self._let_in_until = self._feedback.marks[[BEGAN, KNOWN_UNTIL]].tolist()
        events = self._feedback.sent[self._sent_rows, began : self._let_in_until]
        columns = slice(began - window.first_bin, self._let_in_until - window.first_bin)
        self._sent_on_its_way.let_in(events, window.arrivals[:, columns])
