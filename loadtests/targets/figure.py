"""The words for what can be watched of a target while it is loaded: a number, its unit, what it means."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_serializer, field_validator

from loadtests.targets.addresses import base_url_problem
from loadtests.targets.slots import Pointer
from scenarios.quantities import Seconds
from scenarios.words import Word

Meaning = Literal[
    "received",
    "delivered",
    "backlog",
    "lost",
    "duplicated",
    "cpu",
    "consumer lag",
    "connections",
    "replicas",
    "other",
]
MESSAGE_MEANINGS: tuple[Meaning, ...] = ("received", "delivered", "backlog", "lost", "duplicated")
"""Counts of messages: they are added up over providers and judged. The others are gauges that explain."""

OWN_EVERY_S = 0.05
FOREIGN_EVERY_S = 1.0


class Observe(Word):
    """A figure on the target's far side, read while load runs.

    Either `pointer`, an RFC 6901 JSON pointer into the document at `url` (a path on the target's own base
    URL, or a whole URL), or `promql`, a query to the Prometheus at `url`, whose result is one series.
    received, delivered, lost, duplicated are running totals of messages; backlog and consumer lag are what
    waits now. `provider`: whose part of it this is, "" = all there is. `every`: how often it is read; default
    50 ms on the target itself, 1 s elsewhere.
    """

    name: str = Field(min_length=1)
    url: str
    pointer: Pointer | None = None
    promql: str = ""
    unit: str = ""
    meaning: Meaning
    provider: str = ""
    every: Seconds | None = None

    @field_validator("url")
    @classmethod
    def _is_a_place(cls, url: str) -> str:
        if any(letter.isspace() for letter in url):
            raise ValueError(f"{url!r} holds blanks")
        if not url.startswith("/") and (reason := base_url_problem(url.partition("?")[0])):
            raise ValueError(f'{reason}; or write a path on the target itself, like "/stats"')
        return url

    @field_validator("every")
    @classmethod
    def _is_not_too_often(cls, every: float | None) -> float | None:
        if every is not None and every < OWN_EVERY_S:
            raise ValueError(f"a figure is read every {OWN_EVERY_S:g} s at most")
        return every

    @field_serializer("every")
    def _as_it_is_read(self, every: float | None) -> str | None:
        return None if every is None else f"{every!r}s"

    @property
    def every_s(self) -> float:
        """Seconds between two readings."""
        return self.every or (OWN_EVERY_S if self.is_own else FOREIGN_EVERY_S)

    @property
    def is_own(self) -> bool:
        """Read from the target itself."""
        return self.url.startswith("/") and not self.promql
