"""What no response may exceed, and what is said of one that is none."""

from __future__ import annotations

from loadtests.replay.fates import Fault

HEAD_BYTES_MAX = 64 * 1024
BODY_BYTES_MAX = 8 * 1024 * 1024
"""A send API answers in a few hundred bytes; a body beyond this is a fault and is not read to its end."""


class BadResponse(Exception):  # noqa: N818 - what came is bad, nothing here failed
    """What came is no acceptable response; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.name)
