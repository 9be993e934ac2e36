"""Events of the message resolution that their owner schedules, again and again if need be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import simpy
from simpy.events import Event

from sim.pipeline.queues import Message

Callbacks = list[Callable[[Any], None]]


class Happening(Event):
    """A Timeout without a new object each time: whoever schedules it sets its callbacks first."""

    message: Message
    started_s: float

    def __init__(self, env: simpy.Environment, callbacks: Callbacks) -> None:
        self.env = env
        self.callbacks = callbacks
        self._ok = True
        self._value = None
