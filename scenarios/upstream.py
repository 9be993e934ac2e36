"""What a message passes before it reaches the send path's door: segment build, catalogue sync, approval."""

from __future__ import annotations

from typing import Literal

from scenarios.season import Delay
from scenarios.words import Word

Each = Literal["message", "stream"]


class Stage(Word):
    """One stage between the event that a message is about and the door of the send path.

    A message of one of the streams in `to` (empty = of every campaign) is held up by `delay`: each message by
    a delay of its own, or all of a stream by the same one. The freshness clock runs from the event.
    """

    name: str
    delay: Delay
    each: Each = "message"
    to: tuple[str, ...] = ()
