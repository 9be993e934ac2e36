"""When sends leave the most time for something else. No clock, no I/O."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def longest_pause_ns(due_ns: Ints, from_ns: int, to_ns: int) -> int:
    """When the longest time without a send begins, of those that begin from `from_ns` to `to_ns`: at the send
    before it, or at `from_ns`. due_ns: int64 (sends,), ascending; what comes after them is not known."""
    first, last = np.searchsorted(due_ns, (from_ns, to_ns), side="right").tolist()
    after_ns = due_ns[last] if last < due_ns.size else to_ns
    edges_ns = np.concatenate(((from_ns,), due_ns[first:last], (after_ns,)))
    return int(edges_ns[np.argmax(np.diff(edges_ns))])
