"""A number that steps up and down in continuous time, and its mean over bins."""

from __future__ import annotations

from array import array

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Level:
    """Steps are written down as they happen, in time's order; `integral` forgets those before its end."""

    def __init__(self, level: float = 0.0) -> None:
        self.now = self._opening = level
        self._total_s = self._since_s = 0.0
        self._times_s, self._steps = array("d"), array("d")

    def step(self, time_s: float, by: float) -> None:
        """From now on it is `by` greater."""
        self._total_s += self.now * (time_s - self._since_s)
        self._since_s = time_s
        self.now += by
        self._times_s.append(time_s)
        self._steps.append(by)

    def total(self, time_s: float) -> float:
        """Level x seconds from 0 to `time_s`, which no step lies behind."""
        return self._total_s + self.now * (time_s - self._since_s)

    def integral(self, first_bin: int, n: int, bin_s: float) -> Floats:
        """float64 (n,): level x seconds in each of the `n` bins from `first_bin`, in which all steps lie."""
        times_s, steps = np.array(self._times_s), np.array(self._steps)
        at = np.clip((times_s / bin_s).astype(np.int64) - first_bin, 0, n - 1)
        left_s = np.clip((first_bin + at + 1) * bin_s - times_s, 0.0, bin_s)
        closing = self._opening + np.cumsum(np.bincount(at, weights=steps, minlength=n))
        opening = np.concatenate(([self._opening], closing[:-1]))
        self._opening = float(closing[-1])
        self._times_s, self._steps = array("d"), array("d")
        return np.asarray(opening * bin_s + np.bincount(at, weights=steps * left_s, minlength=n))
