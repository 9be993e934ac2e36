"""JSON pointers (RFC 6901): the value that one leads to."""

from __future__ import annotations

import math
from typing import Any

NOTHING = object()
"""What is found where there is nothing; null is something."""


def value_at(document: Any, pointer: str) -> Any:
    """The value that a pointer leads to; NOTHING where there is none."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and key in document:
            document = document[key]
        elif isinstance(document, list) and key.isdigit() and int(key) < len(document):
            document = document[int(key)]
        else:
            return NOTHING
    return document


def text_at(document: Any, pointer: str) -> str:
    """What a pointer leads to, as text; "" where there is nothing."""
    value = value_at(document, pointer)
    return "" if value is NOTHING else str(value)


def number_at(document: Any, pointer: str) -> float | None:
    """The finite number that a pointer leads to; None where there is none."""
    value = value_at(document, pointer)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
