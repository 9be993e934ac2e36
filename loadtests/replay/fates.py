"""What became of an attempt: the fault that the socket tells, the reply that the target said."""

from __future__ import annotations

from enum import IntEnum


class Fault(IntEnum):
    """What went wrong with an attempt, as far as the socket tells. NONE: a complete response arrived."""

    NONE = 0
    TIMEOUT = 1
    REFUSED = 2
    RESET = 3
    CLOSED_EARLY = 4
    MALFORMED = 5
    NAME_UNRESOLVED = 6
    TLS = 7
    TOO_LARGE = 8
    UNANSWERED = 9
    """Still without a complete response when the run ended; its time-out had not come."""
    DROPPED_NO_CONNECTION = 20
    DROPPED_RUN_ENDED = 21
    LOST_WORKER = 22


DROPPED = (Fault.DROPPED_NO_CONNECTION, Fault.DROPPED_RUN_ENDED)
"""It was due and never sent."""


class Reply(IntEnum):
    """What the target said, read by its target file."""

    NONE = 0
    ACCEPTED = 1
    LIMITED = 2
    REJECTED = 3
    PARTLY = 4
    FAILED = 5
