"""Limits at a provider's door, as figures: what is above them is refused. Their laws are in sim.pipeline."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field

from scenarios.quantities import Count, PerSecond, Seconds
from scenarios.words import Word

CALLS_MAX = 100_000


class LimitWord(Word):
    """Any kind of limit. `size_key` is the figure that says how much it passes."""

    size_key: ClassVar[str] = "messages"

    @property
    def per_s(self) -> float:
        """Messages/s that it lets pass at most in the long run."""
        raise NotImplementedError

    @property
    def at_once(self) -> float:
        """Messages that it lets pass in one moment at most."""
        return float(getattr(self, self.size_key))

    def open_per(self, span_s: float) -> float:
        """Messages that it lets pass in a span at most, whatever was sent before."""
        return max(self.at_once, self.per_s * span_s)

    @property
    def minute_per_s(self) -> float:
        """The greatest 1-minute mean that it lets pass, messages/s: what a peak minute meets."""
        return self.open_per(60.0) / 60.0

    def scaled(self, scale: float) -> LimitWord:
        """The same limit for `scale` times the messages, at least one; times are unchanged."""
        size = max(1, round(getattr(self, self.size_key) * scale))
        return self.model_copy(update={self.size_key: size})


class Bucket(LimitWord):
    """What fills at `rate` up to `burst`."""

    size_key: ClassVar[str] = "rate"
    kind: str
    rate: PerSecond = Field(gt=0)
    burst: float = Field(default=1.0, ge=1.0)

    @property
    def per_s(self) -> float:
        return self.rate

    @property
    def at_once(self) -> float:
        return self.burst

    def open_per(self, span_s: float) -> float:
        """At its rate: the burst is once for all, not for every span."""
        return self.rate * span_s

    def scaled(self, scale: float) -> Self:
        """Exact but for the burst, which is at least 1: a smaller bucket admits no message ever."""
        return self.model_copy(update={"rate": self.rate * scale, "burst": max(1.0, self.burst * scale)})


class TokenBucket(Bucket):
    """Kind (k): `burst` messages at once, then `rate`."""

    kind: Literal["token bucket"] = "token bucket"


class FixedWindow(LimitWord):
    """Kind (a): `messages` in every `window`; windows begin at multiples of their length on the UTC clock."""

    kind: Literal["fixed window"]
    messages: Count = Field(gt=0)
    window: Seconds = Field(gt=0)

    @property
    def per_s(self) -> float:
        return self.messages / self.window


class ClockHour(LimitWord):
    """Kind (b): `messages` in every hour of the UTC clock."""

    kind: Literal["clock hour"]
    messages: Count = Field(gt=0)

    @property
    def per_s(self) -> float:
        return self.messages / 3600.0


class RefilledBucket(LimitWord):
    """Kind (c): a bucket of `messages`, refilled whole `every` so often, not aligned to the clock.

    It is full at the start; the first refill comes `phase` later, which nobody tells: vary it.
    """

    kind: Literal["refilled bucket"]
    messages: Count = Field(gt=0)
    every: Seconds = Field(default=60.0, gt=0)
    phase: Seconds = 0.0

    @property
    def per_s(self) -> float:
        return self.messages / self.every


class DailyCap(LimitWord):
    """Kind (g): `messages` a day, from midnight to midnight in `timezone`."""

    kind: Literal["daily cap"]
    messages: Count = Field(gt=0)
    timezone: str = "UTC"

    @property
    def per_s(self) -> float:
        return self.messages / 86400.0


class RollingQuota(LimitWord):
    """Kind (f): `messages` in any `window`, wherever it begins."""

    kind: Literal["rolling quota"]
    messages: Count = Field(gt=0)
    window: Seconds = Field(default=86400.0, gt=0)

    @property
    def per_s(self) -> float:
        return self.messages / self.window


class ConcurrencyCap(LimitWord):
    """Kind (d): `calls` in progress at most, one message each, `call_duration` long; what is refused was
    never processed and is safe to send again."""

    size_key: ClassVar[str] = "calls"
    kind: Literal["concurrency cap"]
    calls: int = Field(gt=0, le=CALLS_MAX)
    call_duration: Seconds = Field(gt=0)

    @property
    def per_s(self) -> float:
        return self.calls / self.call_duration

    def open_per(self, span_s: float) -> float:
        """As many calls as can follow each other."""
        return self.per_s * span_s


class SwitchOff(LimitWord):
    """Kind (h): more than `messages` in any `window` and everything is refused for `off`.

    The message that exceeds them still passes. Then the count begins anew.
    """

    kind: Literal["switch-off"]
    messages: Count = Field(gt=0)
    window: Seconds = Field(gt=0)
    off: Seconds = Field(gt=0)

    @property
    def per_s(self) -> float:
        return self.messages / self.window
