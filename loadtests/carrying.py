"""What of a schedule a target can carry: streams without an operation are left out and named NOT TESTED."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from loadtests.replay.schedule import Schedule
from loadtests.targets.target import Target
from scenarios.problems import listed, user_error
from scenarios.words import CHANNELS


def carried(schedule: Schedule, target: Target) -> tuple[Schedule, tuple[str, ...]]:
    """The schedule without what the target has no operation for, and the names of the streams left out.

    Raises UserError where nothing is left.
    """
    has = [target.operation_for(*kind) is not None for kind in schedule.kinds()]
    if all(has):
        return schedule, ()
    missing = tuple(name for name, found in zip(schedule.streams, has, strict=True) if not found)
    kept = np.array(has, dtype=bool)[schedule.stream]
    if not kept.any():
        raise user_error(
            "no operation of the target carries any of these streams",
            key="operation.carries",
            found=listed(missing),
            allowed=", ".join(sorted({name for o in target.operations for name in o.carries})),
        )
    columns = {name: getattr(schedule, name)[kept] for name in ("due_s", "messages", "wait_s", "stream")}
    return replace(schedule, **columns), missing


def a_channel(target: Target) -> str:
    """The channel that a plain rate goes to: the first that the target carries."""
    return next((c for c in CHANNELS if target.operation_for(c) is not None), CHANNELS[0])
