"""Messages that will not be delivered, and why: JSON lines, on disk before their message is forgotten."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

FILE = "dead-letters.jsonl"


class DeadLetter(msgspec.Struct, frozen=True):
    """One of them. `at`: Unix time; `attempts`: how often it was tried."""

    at: float
    id: str
    message_id: str
    channel: str
    priority: str
    campaign: str
    attempts: int
    reason: str


class DeadLetters:
    """The file of one API."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE

    async def keep(self, letters: Sequence[DeadLetter]) -> None:
        """Append them; on disk when it returns. Raises OSError."""
        lines = b"".join(msgspec.json.encode(letter) + b"\n" for letter in letters)
        await asyncio.to_thread(self._append, lines)

    def _append(self, lines: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
