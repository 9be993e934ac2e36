"""When each request of one replay is due and how many messages it carries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FORMAT = "peakday schedule 1"


@dataclass(frozen=True)
class Schedule:
    """One replay, open loop.

    due_s:    float64 (requests,), ascending, from the replay's start. A batch is due when its last message is due.
    messages: int32 (requests,), messages in the request.
    wait_s:   float32 (requests,), mean wait of the request's messages for their batch: a message's latency is
              its request's plus its wait.
    stream:   int16 (requests,), index into `streams`.
    duration_s: length of the replay; the last due time is below it.
    scale, compress, seed: as CONTRACT defines them; origin says in words what was cut out of what.
    """

    due_s: npt.NDArray[np.float64]
    messages: npt.NDArray[np.int32]
    wait_s: npt.NDArray[np.float32]
    stream: npt.NDArray[np.int16]
    streams: tuple[str, ...]
    channels: tuple[str, ...]
    duration_s: float
    scale: float
    compress: float
    seed: int
    origin: str
