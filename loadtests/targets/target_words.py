"""The vocabulary of a target file: which HTTP operations a send API has, where it is, what can be watched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from pydantic import Field, field_validator

from loadtests.targets.addresses import checked_base_url, place
from loadtests.targets.behind import Behind
from loadtests.targets.delivery_words import Delivery, Way
from loadtests.targets.figure import Observe
from loadtests.targets.wire import Kind, Operation
from scenarios.quantities import Share
from scenarios.words import Word


class Target(Word):
    """A target file as written; secrets stay `${ENV_NAME}` until a request is rendered.

    `like` names a shipped target whose operations are taken when the file has none of its own.
    `http` "2": HTTP/2, agreed on in TLS (ALPN) or, over http://, taken for granted (prior knowledge); what
    is observed is read over HTTP/1.1 all the same.
    `share` is the part of the season that this target carries. `allow_hosts` names the hosts that may be
    loaded besides this machine, exactly as they stand in a `base_url`. `ca_file`: whom TLS trusts instead of
    this system's authorities (PEM, from the target file's folder); certificates are checked in any case.
    `behind`: the provider that peakday plays behind the target, to see from outside what it passes on.
    `delivery`: how deliveries are seen; without it at the stand-in of `behind`, else by what `observe` reads.
    """

    title: str = ""
    like: str = ""
    base_url: str = ""
    http: Literal["1.1", "2"] = "1.1"
    share: Share = 1.0
    allow_hosts: tuple[str, ...] = ()
    ca_file: str = ""
    source: str = ""
    operations: tuple[Operation, ...] = Field(default=(), alias="operation")
    observe: tuple[Observe, ...] = ()
    behind: Behind | None = None
    delivery: Delivery | None = None

    @field_validator("base_url")
    @classmethod
    def _is_a_base(cls, url: str) -> str:
        return checked_base_url(url)

    @field_validator("operations")
    @classmethod
    def _have_names_of_their_own(cls, operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
        for name, times in Counter(operation.name for operation in operations).items():
            if times > 1:
                raise ValueError(f"{times} operations are called {name!r}; give each a name of its own")
        return operations

    @field_validator("observe")
    @classmethod
    def _are_told_apart(cls, observe: tuple[Observe, ...]) -> tuple[Observe, ...]:
        for name, times in Counter(figure.name for figure in observe).items():
            if times > 1:
                raise ValueError(f"{times} observed figures are called {name!r}; give each a name of its own")
        return observe

    @property
    def base_urls(self) -> tuple[str, ...]:
        """Every address that requests go to: the target's, then those that operations have of their own."""
        return tuple(dict.fromkeys(url for url in (self.base_url, *self._own_base_urls) if url))

    @property
    def asks_its_base_url(self) -> bool:
        """Whether anything is asked of `base_url`: a send, a figure, a status."""
        base = place(self.base_url) if self.base_url else None
        sends = not self.operations or any(not url or place(url) == base for url in self._own_base_urls)
        return sends or self.seen_by == "poll" or any(figure.is_own for figure in self.observe)

    @property
    def _own_base_urls(self) -> tuple[str, ...]:
        return tuple(operation.base_url for operation in self.operations)

    @property
    def is_named_by_reply(self) -> bool:
        """Whether events name messages by the ids that replies gave them."""
        return self.delivery is not None and self.delivery.named_by == "reply"

    @property
    def seen_by(self) -> Way:
        """How each delivery is seen, "none" where at most their number is."""
        if self.delivery is not None:
            return self.delivery.observed
        return "none" if self.behind is None else "stand-in"

    def base_url_of(self, operation: int) -> str:
        """Where an operation is sent to."""
        return self.operations[operation].base_url or self.base_url

    @property
    def destinations(self) -> tuple[str, ...]:
        """A base URL for each place (scheme, host, port) that operations are sent to, in their order."""
        urls = map(self.base_url_of, range(len(self.operations)))
        first: dict[tuple[str, str, int], str] = {}
        for url in urls:
            first.setdefault(place(url), url)
        return tuple(first.values())

    def operation_for(
        self, channel: str, stream: str = "", priority: str = "", kind: Kind = "send"
    ) -> int | None:
        """Index of a stream's operation: by its name, priority, channel or kind, else the one for all."""
        for wanted in (stream, priority, channel, kind):
            for index, operation in enumerate(self.operations):
                if wanted and wanted in operation.carries:
                    return index
        return next((i for i, operation in enumerate(self.operations) if not operation.carries), None)

    def destinations_of(self, streams: Iterable[tuple[str, str, str]]) -> tuple[int, ...]:
        """Which of `destinations` each stream (channel, name, priority) is sent to."""
        places = [place(url) for url in self.destinations]
        operations = (self.operation_for(*stream) or 0 for stream in streams)
        return tuple(places.index(place(self.base_url_of(operation))) for operation in operations)
