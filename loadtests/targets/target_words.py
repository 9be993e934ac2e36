"""The vocabulary of a target file: which HTTP operations a send API has, where it is, what can be watched."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from pydantic import Field, field_validator

from loadtests.targets.addresses import checked_base_url
from loadtests.targets.behind import Behind
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
    loaded besides this machine, exactly as they stand in `base_url`. `ca_file`: whom TLS trusts instead of
    this system's authorities (PEM, from the target file's folder); certificates are checked in any case.
    `behind`: the provider that peakday plays behind the target, to see from outside what it passes on.
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
        own = (operation.base_url for operation in self.operations)
        return tuple(dict.fromkeys(url for url in (self.base_url, *own) if url))

    def base_url_of(self, operation: int) -> str:
        """Where an operation is sent to."""
        return self.operations[operation].base_url or self.base_url

    def operation_for(
        self, channel: str, stream: str = "", priority: str = "", kind: Kind = "send"
    ) -> int | None:
        """Index of a stream's operation: by its name, priority, channel or kind, else the one for all."""
        for wanted in (stream, priority, channel, kind):
            for index, operation in enumerate(self.operations):
                if wanted and wanted in operation.carries:
                    return index
        return next((i for i, operation in enumerate(self.operations) if not operation.carries), None)
