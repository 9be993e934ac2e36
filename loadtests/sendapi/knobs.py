"""Everything that can be set on the reference send API, with its JSON."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any, Literal

import msgspec

from loadtests.sendapi.resp import place_of
from scenarios.limits import LimitWord
from scenarios.problems import Problem, UserError
from scenarios.providers import limit_of, limit_table
from scenarios.words import CHANNELS, Channel

MEBIBYTE = 1024 * 1024
BURST_S = 0.02
"""A limit without a stated burst lets this many seconds of its rate pass at once (at least one message)."""

ALL = "all"
"""The provider's name where one carries every channel."""

Distribution = Literal["deterministic", "exponential", "lognormal"]
QUEUES = (
    '"auto" (Valkey, SQLite where there is none), "valkey", "sqlite", "sqlite:///path/file.db", '
    '"redis://host:port/n" or "valkey://host:port/n"'
)


class Stall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The door is frozen for the last `length_s` of every `every_s`, counted from the start of the API."""

    length_s: float
    every_s: float


class ProviderLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One provider. `rate_per_s` None = no bucket; `burst` None = max(1, BURST_S x rate).

    `limits`: of any kind, as in a scenario; all of them and the bucket apply.
    """

    name: str
    channels: tuple[Channel, ...]
    rate_per_s: float | None = None
    burst: float | None = None
    limits: tuple[LimitWord, ...] = ()

    def burst_messages(self) -> float:
        """Messages that a full bucket lets pass at once."""
        return self.burst if self.burst is not None else max(1.0, BURST_S * (self.rate_per_s or 0.0))


class Knobs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the reference send API is to behave.

    `port` 0 = a free one. `key` "" = any bearer key is taken (a missing one is still refused).
    `limit_per_s` is short for one provider that carries every channel; `providers` states them one by one.
    `service_time_s` 0 = no model of a door: requests are answered as fast as they are durable.
    `wait_bound_s`: a request that would wait longer for a free worker is answered 503 at once.
    `queue_bound` (messages, 0 = none) and `queue_bytes` cap the queue: beyond, 429 with Retry-After.
    `freshness_s` 0 = messages never expire in the queue. `data` "" = the folder given at the start.
    `hold`: nothing is delivered, what is accepted piles up: a consumer that stands still.
    `processes`: that share the port, each with its own `workers`, before one queue and one dispatcher.
    `drain_s`: how long requests under way may still take once the API is told to leave.
    `admin_key` opens /admin/faults, "" = there is none. `access_log`: a file to append a JSON line for each
    answer to, "-" = stderr, "" = none.
    `sink`: where delivered messages go, over how many `connections`; a message that is refused there is tried
    `attempts` times, after backoffs as the simulation's `Retries`. `webhook`: a URL on this machine that
    is told what becomes of messages, "" = nobody is.
    """

    host: str = "127.0.0.1"
    port: int = 0
    key: str = ""
    limit_per_s: float | None = None
    burst: float | None = None
    providers: tuple[ProviderLimit, ...] = ()
    service_time_s: float = 0.0
    distribution: Distribution = "deterministic"
    variation: float = 0.5
    workers: int = 8
    wait_bound_s: float = 60.0
    stall: Stall | None = None
    queue: str = "auto"
    queue_bound: int = 0
    queue_bytes: int = 1024 * MEBIBYTE
    freshness_s: float = 0.0
    seed: int = 1
    data: str = ""
    hold: bool = False
    drain_s: float = 10.0
    admin_key: str = ""
    processes: int = 1
    access_log: str = ""
    sink: str = "count"
    webhook: str = ""
    connections: int = 8
    attempts: int = 8
    backoff_s: float = 1.0
    backoff_cap_s: float = 60.0

    @property
    def switch_key(self) -> str:
        """The key of /admin/faults; "" behind fronts, where a switch would reach nobody who takes sends."""
        return self.admin_key if self.processes == 1 else ""

    def limits(self) -> tuple[ProviderLimit, ...]:
        """The providers that together carry every channel; channels nobody names are unlimited."""
        if not self.providers:
            return (ProviderLimit(ALL, CHANNELS, self.limit_per_s, self.burst),)
        named = {channel for provider in self.providers for channel in provider.channels}
        rest = tuple(channel for channel in CHANNELS if channel not in named)
        return (*self.providers, ProviderLimit("unlimited", rest)) if rest else self.providers


def to_json(knobs: Knobs) -> bytes:
    """The knobs as one JSON object, floats as they are."""
    return msgspec.json.format(msgspec.json.encode(knobs, enc_hook=_limit_told), indent=2)


def from_json(text: bytes | str, where: str = "") -> Knobs:
    """Knobs from JSON, checked. UserError where it is not that."""
    knobs = decoded(text, where)
    check(knobs, where)
    return knobs


def decoded(text: bytes | str, where: str = "") -> Knobs:
    """Knobs from JSON, whatever they are. UserError where they are none."""
    try:
        return msgspec.json.decode(text, type=Knobs, dec_hook=_limit_read)
    except msgspec.DecodeError as error:
        raise UserError(Problem(where, "", "", str(error), "the fields of Knobs")) from error


def _limit_told(limit: LimitWord) -> dict[str, Any]:
    return limit_table(limit)


def _limit_read(_: type, table: dict[str, Any]) -> LimitWord:
    """Raises ValueError, which msgspec turns into its own complaint with the place."""
    return limit_of(table)


def check(knobs: Knobs, where: str = "") -> None:
    """UserError with every setting that makes no sense, and for any address but loopback."""
    problems = [
        Problem(where, key, str(found), message, allowed) for key, found, message, allowed in _wrong(knobs)
    ]
    problems += _shared_channels(knobs, where)
    if problems:
        raise UserError(problems)
    if not is_loopback(knobs.host):
        allowed = "127.0.0.1, ::1, localhost"
        raise UserError(Problem(where, "host", knobs.host, "the send API listens on loopback only", allowed))


def is_loopback(host: str) -> bool:
    """True when every address that `host` stands for is a loopback address."""
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(str(address)).is_loopback for address in found)


def queue_kind(url: str) -> Literal["auto", "valkey", "sqlite", "remote"] | None:
    """Our own Valkey, SQLite, or a server that runs already ("remote"); None = no such queue."""
    if url == "auto":
        return "auto"
    if url == "valkey":
        return "valkey"
    if url == "sqlite" or (url.startswith("sqlite:///") and len(url) > len("sqlite:///")):
        return "sqlite"
    return "remote" if url.startswith(("redis://", "valkey://", "rediss://", "valkeys://")) else None


def _wrong(knobs: Knobs) -> list[tuple[str, object, str, str]]:
    rates = [
        ("limit", knobs.limit_per_s),
        *((f"providers.{p.name}.rate", p.rate_per_s) for p in knobs.providers),
    ]
    bursts = [("burst", knobs.burst), *((f"providers.{p.name}.burst", p.burst) for p in knobs.providers)]
    stall = knobs.stall
    checks = [
        *(
            (key, rate, "a limit must let something pass", "more than 0/s")
            for key, rate in rates
            if _bad(rate)
        ),
        *(
            (key, n, "a burst below one message lets nothing pass", "1 or more")
            for key, n in bursts
            if _below_one(n)
        ),
        ("port", knobs.port, "no such port", "0 (a free one) to 65535")
        if not 0 <= knobs.port <= 65535
        else None,
        ("service_time", knobs.service_time_s, "below zero", "0s or more")
        if knobs.service_time_s < 0
        else None,
        ("variation", knobs.variation, "below zero", "0 or more") if knobs.variation < 0 else None,
        ("workers", knobs.workers, "nobody would answer", "1 or more") if knobs.workers < 1 else None,
        ("processes", knobs.processes, "nobody would answer", "1 to 64")
        if not 1 <= knobs.processes <= 64
        else None,
        ("wait_bound", knobs.wait_bound_s, "below zero", "0s or more") if knobs.wait_bound_s < 0 else None,
        ("queue_bound", knobs.queue_bound, "below zero", "0 (no bound) or more")
        if knobs.queue_bound < 0
        else None,
        ("queue_bytes", knobs.queue_bytes, "too small", "1 MiB or more")
        if knobs.queue_bytes < MEBIBYTE
        else None,
        ("queue", knobs.queue, wrong, QUEUES) if (wrong := _wrong_queue(knobs.queue)) else None,
        ("freshness", knobs.freshness_s, "below zero", "0s (for ever) or more")
        if knobs.freshness_s < 0
        else None,
        ("attempts", knobs.attempts, "a message is tried at least once", "1 to 100")
        if not 1 <= knobs.attempts <= 100
        else None,
        ("backoff", knobs.backoff_s, "no time at all", "more than 0s") if knobs.backoff_s <= 0 else None,
        ("connections", knobs.connections, "nothing would be delivered", "1 or more")
        if knobs.connections < 1
        else None,
        ("drain", knobs.drain_s, "below zero", "0s or more") if knobs.drain_s < 0 else None,
        (
            "stall",
            f"{stall.length_s:g}s/every {stall.every_s:g}s",
            "it would never thaw",
            "a length below its period",
        )
        if stall is not None and not 0 < stall.length_s < stall.every_s
        else None,
    ]
    return [entry for entry in checks if entry is not None]


def _wrong_queue(url: str) -> str:
    kind = queue_kind(url)
    if kind != "remote":
        return "" if kind else "unknown queue"
    try:
        place_of(url)
    except ValueError as error:
        return str(error)
    return ""


def _bad(rate: float | None) -> bool:
    return rate is not None and rate <= 0.0


def _below_one(burst: float | None) -> bool:
    return burst is not None and burst < 1.0


def _shared_channels(knobs: Knobs, where: str) -> list[Problem]:
    named = [channel for provider in knobs.providers for channel in provider.channels]
    return [
        Problem(where, "providers", channel, "two providers carry the same channel", "each channel once")
        for channel in CHANNELS
        if named.count(channel) > 1
    ]
