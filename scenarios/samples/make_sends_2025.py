"""Makes sends-2025.csv: what a retailer's messaging platform might have sent on Singles Day a year ago.

    python -m scenarios.samples.make_sends_2025 [FILE]

No such log is published; the volume is assumed, the shape follows the published figures: sales open at 00:00
with 39 % of the day's orders in hour 0, a second peak at 12:10, an evening wave at 20:00, sends that cluster
in the first ten minutes. Only `random.random` is used, whose sequence Python keeps from version to version,
so the same seed writes the same bytes everywhere.
"""

from __future__ import annotations

import csv
import math
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

SEED = 20251111
DAY = datetime(2025, 11, 11)  # noqa: DTZ001 - local time, as such logs have it; the scenario says which
FILE = Path(__file__).parent / "sends-2025.csv"
HEADER = ("sent_at", "channel", "campaign", "sent")

ORDERS_BY_HOUR = (39, 6, 2, 1, 1, 1, 1.5, 2, 2.5, 3, 3, 3, 5, 3, 2, 2, 2, 2, 2.5, 3, 6, 3.5, 3, 1)
PARCELS_BY_HOUR = (1, 1, 1, 1, 1, 2, 3, 5, 6, 7, 7, 6, 5, 6, 7, 7, 7, 6, 5, 4, 3, 3, 2, 2)


@dataclass(frozen=True)
class Blast:
    """A campaign: `messages` from minute `start` on, most of them in the first of `minutes` minutes."""

    campaign: str
    channel: str
    start: int
    minutes: int
    messages: int


@dataclass(frozen=True)
class Steady:
    """A stream that runs all day: `messages` by hourly weights."""

    campaign: str
    channel: str
    messages: int
    by_hour: tuple[float, ...]


BLASTS = (
    Blast("midnight-flash", "push", 0, 18, 660_000),
    Blast("midnight-mail", "email", 0, 24, 300_000),
    Blast("lunch-flash", "push", 12 * 60 + 10, 12, 180_000),
    Blast("evening-flash", "push", 20 * 60, 16, 420_000),
    Blast("evening-mail", "email", 20 * 60, 30, 260_000),
    Blast("last-hours-text", "sms", 22 * 60, 15, 30_000),
)
STEADY = (
    Steady("order-confirmation", "email", 150_000, ORDERS_BY_HOUR),
    Steady("one-time-code", "sms", 110_000, ORDERS_BY_HOUR),
    Steady("parcel-on-its-way", "push", 130_000, PARCELS_BY_HOUR),
)

Row = tuple[datetime, str, str, int]


def rows(seed: int) -> list[Row]:
    """(minute, channel, campaign, messages) in the order of time; minutes without messages have no row."""
    chance = random.Random(seed)
    found = [row for blast in BLASTS for row in _blast_rows(blast, chance)]
    found += [row for steady in STEADY for row in _steady_rows(steady, chance)]
    return sorted(found)


def write(file: Path, seed: int) -> None:
    """Writes the history as CSV."""
    with file.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows((f"{at:%Y-%m-%d %H:%M}", *rest) for at, *rest in rows(seed))


def _blast_rows(blast: Blast, chance: random.Random) -> Iterator[Row]:
    weights = [math.exp(-3.0 * minute / blast.minutes) for minute in range(blast.minutes)]
    for minute, weight in enumerate(weights):
        expected = blast.messages * weight / sum(weights)
        yield _row(blast.start + minute, blast.channel, blast.campaign, _around(expected, 0.05, chance))


def _steady_rows(steady: Steady, chance: random.Random) -> Iterator[Row]:
    for minute in range(1440):
        expected = steady.messages * steady.by_hour[minute // 60] / sum(steady.by_hour) / 60.0
        count = _around(expected, 1.0 / math.sqrt(max(expected, 1.0)), chance)
        if count:
            yield _row(minute, steady.channel, steady.campaign, count)


def _row(minute: int, channel: str, campaign: str, messages: int) -> Row:
    return DAY + timedelta(minutes=minute), channel, campaign, messages


def _around(expected: float, spread: float, chance: random.Random) -> int:
    """A whole number near `expected`, at a relative standard deviation of `spread` (Irwin-Hall, n=12)."""
    deviation = sum(chance.random() for _ in range(12)) - 6.0
    return max(0, round(expected * (1.0 + spread * deviation)))


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE, SEED)
