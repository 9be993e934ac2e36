"""When a stand-in is in trouble: errors by chance, stalls and an outage by the clock."""

from __future__ import annotations

import random

from loadtests.standin.settings import Settings


class Trouble:
    """Asked once a request, with the clock passed in. Time 0 is the first request's."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._random = random.Random(settings.seed)
        self._began_s: float | None = None

    def since_first_s(self, now_s: float) -> float:
        """Seconds since the first request, which this may be."""
        if self._began_s is None:
            self._began_s = now_s
        return now_s - self._began_s

    def is_out(self, now_s: float) -> bool:
        """Whether the provider is down."""
        of = self._settings
        return of.outage_s > 0.0 and 0.0 <= self.since_first_s(now_s) - of.outage_after_s < of.outage_s

    def fails(self) -> bool:
        """Whether this request is answered 500."""
        return self._settings.error_share > 0.0 and self._random.random() < self._settings.error_share

    def refused(self, messages: int) -> list[int]:
        """Places of the messages that are refused inside an accepted request."""
        share = self._settings.partial_failure
        return [place for place in range(messages) if self._random.random() < share] if share > 0.0 else []

    def held_s(self, now_s: float, taken: bool) -> float:
        """How long the answer to a request of now takes: a yes as long as it takes, any to a stall's end."""
        of = self._settings
        held_s = of.held_s if taken else 0.0
        if of.stall_s <= 0.0:
            return held_s
        part_s = (self.since_first_s(now_s) + held_s) % of.stall_every_s
        thaws_in_s = of.stall_every_s - part_s
        return held_s + (thaws_in_s if thaws_in_s <= of.stall_s else 0.0)
