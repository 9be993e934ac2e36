"""Intervals of what one series tells, from blocks of it: neighbouring latencies are not independent."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

BLOCKS = 10
T_90 = 1.833  # two-sided 90 % quantile of Student's t with BLOCKS - 1 degrees of freedom

Floats = npt.NDArray[np.float64]
Estimate = tuple[float, float, float]
"""A figure, and the low and high end of its 90 % interval."""


def mean(values: Floats) -> Estimate:
    """Mean of values (n,) that are not negative."""
    return _estimate(values, lambda part: float(part.mean()))


def variation(values: Floats) -> Estimate:
    """Standard deviation / mean of values (n,) that are positive; n >= 2."""
    return _estimate(values, lambda part: float(part.std(ddof=1) / part.mean()))


def _estimate(values: Floats, figure: Callable[[Floats], float]) -> Estimate:
    """The figure of all, its interval from the spread when one of BLOCKS is left out.

    The delete-one-block jackknife of Kuensch (1989); for a mean of equal blocks it is the interval of the
    block means. Too few values for it: an interval without width.
    """
    whole = figure(values)
    blocks = np.array_split(values, BLOCKS)
    if values.size < BLOCKS:
        return whole, whole, whole
    rest = [figure(np.concatenate(blocks[:at] + blocks[at + 1 :])) for at in range(BLOCKS)]
    half = T_90 * math.sqrt((BLOCKS - 1) * float(np.var(rest)))
    return whole, max(0.0, whole - half), whole + half
