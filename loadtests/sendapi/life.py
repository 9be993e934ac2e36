"""Where the API is in its life: starting, serving, draining; and which requests are under way."""

from __future__ import annotations

import asyncio
from typing import Literal

State = Literal["starting", "serving", "draining"]


class Life:
    """One API's. Sends are taken while it is "serving"; what was taken before a drain is answered."""

    def __init__(self) -> None:
        self.state: State = "starting"
        self.under_way = 0
        self._idle: asyncio.Event | None = None

    def serve(self) -> None:
        """The queue is open."""
        self.state = "serving"

    def begin(self) -> None:
        """A send was taken."""
        self.under_way += 1

    def end(self) -> None:
        """A send is answered, or its client left."""
        self.under_way -= 1
        if self._idle is not None and not self.under_way:
            self._idle.set()

    async def drain(self, longest_s: float) -> bool:
        """Take no more sends; wait for those under way, `longest_s` at most. False where some are left."""
        self.state = "draining"
        self._idle = asyncio.Event()
        if not self.under_way:
            return True
        try:
            await asyncio.wait_for(self._idle.wait(), longest_s)
        except TimeoutError:
            return False
        return True
