"""Everything that a stand-in provider is told at its start, with its JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from loadtests.targets.behind import Behind, Counted, StandInName, profile_of
from scenarios.limits import ConcurrencyCap, LimitWord, TokenBucket
from scenarios.providers import limit_of, limit_table

BURST_S = 0.02
"""A plain `limit` lets this many seconds of its rate pass at once (at least one message)."""
COUNTS_REQUESTS = ("braze",)
"""Whose documented limits count requests, not messages."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One stand-in. `port` 0 = a free one; `key` "" = any key is taken; `records` "" = arrivals are counted
    and not kept; `webhook` "" = only a message that asks for it (Twilio's StatusCallback) is told of. The
    other fields as in `Behind`."""

    provider: StandInName
    host: str = "127.0.0.1"
    port: int = 0
    key: str = ""
    limits: tuple[LimitWord, ...] = ()
    counts: Counted = "messages"
    answers_after_s: float = 0.0
    error_share: float = 0.0
    partial_failure: float = 0.0
    stall_s: float = 0.0
    stall_every_s: float = 0.0
    outage_after_s: float = 0.0
    outage_s: float = 0.0
    seed: int = 1
    records: str = ""
    webhook: str = ""

    @property
    def held_s(self) -> float:
        """How long a yes takes: a call that counts against a concurrency cap lasts as long as it counts."""
        calls_s = (limit.call_duration for limit in self.limits if isinstance(limit, ConcurrencyCap))
        return max(self.answers_after_s, *calls_s, 0.0)


def settings_of(behind: Behind) -> Settings:
    """What a target file's `[behind]` asks for. Raises UserError for a profile that cannot be read."""
    profile = profile_of(behind.profile_name) if behind.profile_name else None
    limits: tuple[LimitWord, ...] = behind.limits or (profile.limits if profile else ())
    if behind.limit is not None:
        limits = (_bucket(behind.limit),)
    failing = behind.partial_failure
    if failing is None:
        failing = profile.partial_failure if profile else 0.0
    counts: Counted = "requests" if behind.stand_in in COUNTS_REQUESTS else "messages"
    return Settings(
        provider=behind.stand_in,
        port=behind.port,
        limits=tuple(limit.scaled(behind.limit_share) for limit in limits),
        counts=behind.counts or counts,
        answers_after_s=behind.answers_after,
        error_share=behind.error_share,
        partial_failure=failing,
        stall_s=behind.stall.lasts if behind.stall else 0.0,
        stall_every_s=behind.stall.every if behind.stall else 0.0,
        outage_after_s=behind.outage.after if behind.outage else 0.0,
        outage_s=behind.outage.lasts if behind.outage else 0.0,
        webhook=behind.webhook,
    )


def _bucket(rate_per_s: float) -> LimitWord:
    return TokenBucket.model_validate({"rate": f"{rate_per_s!r}/s", "burst": max(1.0, BURST_S * rate_per_s)})


def write_settings(settings: Settings, path: Path) -> None:
    """Leave the settings for the child."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(settings, enc_hook=_told), indent=2))


def read_settings(path: Path) -> Settings:
    """What `write_settings` left."""
    return msgspec.json.decode(path.read_bytes(), type=Settings, dec_hook=_read)


def _told(limit: LimitWord) -> dict[str, Any]:
    return limit_table(limit)


def _read(_: type, table: dict[str, Any]) -> LimitWord:
    return limit_of(table)
