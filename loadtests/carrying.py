"""What of a season a target can carry: streams without an operation are left out and named NOT TESTED."""

from __future__ import annotations

from functools import partial

from loadtests.targets.target import Target
from scenarios.problems import listed, user_error
from scenarios.words import CHANNELS
from sim.simulate import Carries
from sim.traffic import Stream, Traffic, only


def carries(target: Target) -> Carries:
    """Whether the target has an operation for a stream; can be sent to another process."""
    return partial(_has_operation, target)


def carried(traffic: Traffic, target: Target) -> tuple[Traffic, tuple[str, ...]]:
    """The traffic without what the target has no operation for, and the names of the streams left out.

    Raises UserError where nothing is left.
    """
    has = carries(target)
    kept = only(traffic, has)
    missing = tuple(stream.name for stream in traffic.streams if not has(stream))
    if missing and not kept.counts.any():
        raise user_error(
            "no operation of the target carries any of these streams",
            key="operation.carries",
            found=listed(missing),
            allowed=", ".join(sorted({name for o in target.operations for name in o.carries})),
        )
    return kept, missing


def a_channel(target: Target) -> str:
    """The channel that a plain rate goes to: the first that the target carries."""
    return next((c for c in CHANNELS if target.operation_for(c) is not None), CHANNELS[0])


def _has_operation(target: Target, stream: Stream) -> bool:
    return target.operation_for(stream.channel, stream.campaign, stream.priority) is not None
