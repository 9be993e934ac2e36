"""The far side's counters, read while load runs: what arrived, what went out, what waits.

An API that answers 202 can hide overload in its queue; only these figures show it.
"""

from __future__ import annotations

import http.client
import json
import math
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from loadtests.targets import trust
from loadtests.targets.safety import Address
from loadtests.targets.target import Target
from loadtests.targets.wire import Meaning

INTERVAL_S = 0.05
READ_TIMEOUT_S = 2.0
REPLY_BYTES_MAX = 1_000_000
ALL = "all"
"""The name of a far side that does not tell its providers apart."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Observed:
    """Samples of the far side, from shortly before a play to shortly after it.

    at_s: float64 (samples,), seconds from the play's start, ascending. series: float64 (samples,) by meaning,
    NaN where a sample could not be read; a meaning that the target does not offer is absent. providers: the
    same by the provider's name, for a target that tells them apart.
    """

    at_s: Floats
    series: dict[Meaning, Floats] = field(default_factory=dict)
    providers: dict[str, dict[Meaning, Floats]] = field(default_factory=dict)

    def by_provider(self) -> dict[str, Observed]:
        """What each provider shows; one called ALL where the target does not tell them apart."""
        found = {name: Observed(self.at_s, series) for name, series in self.providers.items()}
        return found or {ALL: self}

    def gained(self, meaning: Meaning) -> float | None:
        """Last value minus first; None where it was not observed twice."""
        values = self.series.get(meaning)
        known = values[np.isfinite(values)] if values is not None else np.empty(0)
        return float(known[-1] - known[0]) if len(known) >= 2 else None

    def slope_per_s(self, meaning: Meaning, from_s: float, to_s: float) -> float | None:
        """Least-squares slope of a series over [from_s, to_s]; None with fewer than 4 samples."""
        values = self.series.get(meaning)
        if values is None:
            return None
        chosen = (self.at_s >= from_s) & (self.at_s <= to_s) & np.isfinite(values)
        if int(chosen.sum()) < 4:
            return None
        at, seen = self.at_s[chosen], values[chosen]
        centred = at - at.mean()
        return float(centred @ (seen - seen.mean()) / (centred @ centred))


class Observer:
    """Reads every `[[observe]]` of a target each `interval_s` from a thread of its own; a context manager."""

    def __init__(self, target: Target, address: Address, interval_s: float = INTERVAL_S) -> None:
        self._target = target
        self._address = address
        self._interval_s = interval_s
        self._base_path = urlsplit(target.base_url).path.rstrip("/")
        self._samples: list[tuple[float, dict[str, float]]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)

    def __enter__(self) -> Observer:
        if self._target.observe:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(2 * READ_TIMEOUT_S)

    def watches(self, meaning: Meaning) -> bool:
        """Whether the target offers this figure at all."""
        return any(observe.meaning == meaning for observe in self._target.observe)

    def latest(self, meaning: Meaning) -> float | None:
        """The newest reading of a figure; None before the first or when it could not be read."""
        of = [observe for observe in self._target.observe if observe.meaning == meaning]
        names = [observe.name for observe in of if not observe.provider] or [observe.name for observe in of]
        newest = self._samples[-1][1] if self._samples else {}
        return sum(newest[name] for name in names) if names and all(n in newest for n in names) else None

    def settle(self, backlog_before: float, longest_s: float) -> bool:
        """Wait until the backlog is back where it was, `longest_s` at most. False when it is not."""
        ends_s = time.monotonic() + longest_s
        seen = len(self._samples)
        while time.monotonic() < ends_s and not self._ended.is_set():
            backlog = self.latest("backlog")
            if len(self._samples) > seen and backlog is not None and backlog <= backlog_before:
                return True
            self._ended.wait(self._interval_s / 2)
        return False

    def refresh(self, longest_s: float = READ_TIMEOUT_S) -> None:
        """Wait for a sample that was begun after now, so that all that was accepted until now is in it."""
        seen, ends_s = len(self._samples), time.monotonic() + longest_s
        while self._target.observe and len(self._samples) < seen + 2 and time.monotonic() < ends_s:
            self._ended.wait(self._interval_s / 4)

    def since(self, started_at: float) -> Observed:
        """Every sample from just before `started_at` (seconds since 1970) on, as seconds from that moment."""
        samples = [s for s in self._samples if s[0] >= started_at - 2 * self._interval_s]
        at_s = np.array([at - started_at for at, _ in samples], dtype=np.float64)
        found: dict[str, dict[Meaning, Floats]] = {}
        for observe in self._target.observe:
            values = np.array([sample.get(observe.name, math.nan) for _, sample in samples], dtype=np.float64)
            of = found.setdefault(observe.provider, {})
            of[observe.meaning] = of[observe.meaning] + values if observe.meaning in of else values
        whole = found.pop("", None)
        return Observed(at_s, _added_up(found) if whole is None else whole, found)

    def _run(self) -> None:
        reader = _JsonReader(self._target, self._address)
        due_s = time.monotonic()
        while not self._ended.is_set():
            asked_at = time.time()
            values = self._sample(reader.get)
            # the figure is from between question and answer
            self._samples.append(((asked_at + time.time()) / 2, values))
            due_s = max(due_s + self._interval_s, time.monotonic())
            self._ended.wait(due_s - time.monotonic())
        reader.close()

    def _sample(self, get: Callable[[str], Any]) -> dict[str, float]:
        documents = {url: get(self._base_path + url) for url in {o.url for o in self._target.observe}}
        values: dict[str, float] = {}
        for observe in self._target.observe:
            found = number_at(documents[observe.url], observe.pointer)
            if found is not None:
                values[observe.name] = found
        return values


def _added_up(providers: dict[str, dict[Meaning, Floats]]) -> dict[Meaning, Floats]:
    """The whole, of a target that tells only its parts."""
    whole: dict[Meaning, Floats] = {}
    for series in providers.values():
        for meaning, values in series.items():
            whole[meaning] = whole[meaning] + values if meaning in whole else values
    return whole


class _JsonReader:
    """GETs over one kept connection to the checked address; a reading that fails is None, never raised."""

    def __init__(self, target: Target, address: Address) -> None:
        self._target = target
        self._address = address
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str) -> Any:
        try:
            connection = self._connection or self._connect()
            connection.request("GET", path, headers={"Host": f"{self._address.host}:{self._address.port}"})
            response = connection.getresponse()
            text = response.read(REPLY_BYTES_MAX)
            return json.loads(text) if response.status == 200 else None
        except (OSError, http.client.HTTPException, ValueError):
            self.close()
            return None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        address = self._address
        if address.tls:
            context = trust.context(self._target)
            # TLS must be checked against the name while the socket goes to the checked address
            connection: http.client.HTTPConnection = _NamedTLS(address, context)
        else:
            connection = http.client.HTTPConnection(address.ip, address.port, timeout=READ_TIMEOUT_S)
        self._connection = connection
        return connection


class _NamedTLS(http.client.HTTPSConnection):
    """HTTPS to the checked IP under the host's own name."""

    def __init__(self, address: Address, context: ssl.SSLContext) -> None:
        super().__init__(address.ip, address.port, timeout=READ_TIMEOUT_S, context=context)
        self._name = address.host
        self._named_context = context

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._named_context.wrap_socket(self.sock, server_hostname=self._name)


def number_at(document: Any, pointer: str) -> float | None:
    """The finite number that an RFC 6901 pointer leads to; None where there is none."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(key)
        elif isinstance(document, list) and key.isdigit() and int(key) < len(document):
            document = document[int(key)]
        else:
            return None
    if isinstance(document, bool) or not isinstance(document, int | float):
        return None
    return float(document) if math.isfinite(document) else None
