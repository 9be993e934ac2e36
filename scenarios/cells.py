"""What one cell of a history or calendar means: moments, counts, channels, names."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from scenarios.problems import BadValueError, nearest
from scenarios.scenario import local_moment
from scenarios.words import CHANNELS, Channel

MOMENT_ALLOWED = "2025-11-11T00:05:00+08:00, or 2025-11-11 00:05 in the scenario's time zone"
MESSAGES_ALLOWED = "a number of messages, 0 or more"
YEARS = (1970, 2199)

_MESSAGES_MAX = 1e12
_PLAIN_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_CHANNEL_BREAKS = re.compile(r"[;+,/|]")
_CALENDAR_TIME = re.compile(r"\d{4}-?\d{2}-?\d{2}")


def moment_in(zone: ZoneInfo, value: Any) -> datetime:
    """The moment of an ISO text, date or time, as told by the clock of `zone`. Raises BadValueError.

    Without an offset it is local to `zone`: in an hour that the clock skips it is moved on by the skip, in
    one that comes twice the first is meant.
    """
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and not _CALENDAR_TIME.match(text):
        raise BadValueError("is not a date and time" if text else "is empty", MOMENT_ALLOWED)
    moment = local_moment(text, zone)
    if not isinstance(moment, datetime):
        raise BadValueError("is empty" if moment is None else "is not a date and time", MOMENT_ALLOWED)
    if not YEARS[0] < moment.year < YEARS[1]:
        raise BadValueError(f"the year {moment.year} is far away", MOMENT_ALLOWED)
    return moment.astimezone(UTC).astimezone(zone)


def messages(value: Any) -> float:
    """A count of messages, 0 or more and finite. Raises BadValueError."""
    text = value.strip() if isinstance(value, str) else value
    if text is None or text == "":
        raise BadValueError("is empty", MESSAGES_ALLOWED)
    if isinstance(text, str) and not _PLAIN_NUMBER.fullmatch(text):
        raise BadValueError("is not a number", MESSAGES_ALLOWED)
    if isinstance(text, bool | date) or not isinstance(text, int | float | str | Decimal):
        raise BadValueError("is not a number", MESSAGES_ALLOWED)
    number = float(text)
    if math.isnan(number) or number < 0:
        raise BadValueError("is below 0" if number < 0 else "is not a number", MESSAGES_ALLOWED)
    if number > _MESSAGES_MAX:
        raise BadValueError("is more than 10^12", MESSAGES_ALLOWED)
    return number


def channel(value: Any) -> Channel:
    """One of the known channels. Raises BadValueError."""
    text = value.strip() if isinstance(value, str) else value
    for known in CHANNELS:
        if text == known:
            return known
    reason = "unknown channel" if text else "is empty"
    raise BadValueError(reason, ", ".join(CHANNELS), nearest(str(text or ""), CHANNELS))


def channels(value: Any) -> tuple[Channel, ...]:
    """Several channels, separated by one of `; + , / |`, each once. Raises BadValueError."""
    found = tuple(channel(part) for part in _CHANNEL_BREAKS.split(str(value if value is not None else "")))
    if len(set(found)) < len(found):
        raise BadValueError("names a channel twice", "each channel once, as in push;email")
    return found


def name(value: Any) -> str:
    """A name that is not empty. Raises BadValueError."""
    text = "" if value is None else str(value).strip()
    if not text or len(text) > 200 or not text.isprintable():
        raise BadValueError("is empty" if not text else "is not a name", "1 to 200 printable characters")
    return text
