"""An outcome in memory gives back what was put there, window by window."""

from __future__ import annotations

import numpy as np

from sim.shelf import Memory


def test_memory_gives_back_every_window_whether_told_twice_or_not_at_all() -> None:
    memory = Memory({"offered": 2, "accepted": 2, "limited": 2}, 5)
    offered = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    memory.put({"offered": offered, "accepted": offered.copy()})
    memory.put({"offered": offered[:, :2], "accepted": offered[:, :2] - 1.0, "limited": np.ones((2, 2))})
    offered[:] = 0.0  # the window is the engine's again
    assert memory.rows("offered", [1]).tolist() == [[4.0, 5.0, 6.0, 4.0, 5.0]]
    assert memory.rows("accepted", [0, 1]).tolist() == [[1.0, 2.0, 3.0, 0.0, 1.0], [4.0, 5.0, 6.0, 3.0, 4.0]]
    assert memory.total("limited", [0, 1]).tolist() == [0.0, 0.0, 0.0, 2.0, 2.0]
    assert not memory.rows("expired", [0]).any()
