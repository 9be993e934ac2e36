"""The send API with a sink that outlives it: every delivered id is appended to a file before it counts.

`python -m tests.loadtests.sendapi.recorded KNOBS_FILE IDS_FILE`, as a child of a test.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from loadtests.sendapi import assembly, server
from loadtests.sendapi.blocks import Entry, Lane
from loadtests.sendapi.sinks import CountingSink

_ids_file = os.open(sys.argv[2], os.O_CREAT | os.O_WRONLY | os.O_APPEND)


class RecordingSink(CountingSink):
    """Counts like the one it replaces."""

    async def deliver(self, lane: Lane, entry: Entry, first: int, count: int) -> None:
        """Write the ids, then count them."""
        _record(entry.ids[first : first + count])
        await super().deliver(lane, entry, first, count)

    async def deliver_all(self, lane: Lane, entries: Sequence[Entry]) -> None:
        """Write the ids, then count them."""
        _record([name for entry in entries for name in entry.ids])
        await super().deliver_all(lane, entries)


def _record(ids: Sequence[str]) -> None:
    os.write(_ids_file, "".join(f"{name}\n" for name in ids).encode())


if __name__ == "__main__":
    assembly.CountingSink = RecordingSink  # type: ignore[misc]
    sys.exit(server.main(Path(sys.argv[1])))
