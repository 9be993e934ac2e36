"""Numbers drawn in compiled code, each from a standard normal one: in the same order, so that under the same
numbers a greater mean is never drawn less."""

from __future__ import annotations

import math

from sim.pipeline.kernelcache import part

MANY = 30.0
"""From this mean on numbers come from an expansion."""

SURELY_NONE = 0.15
"""Up to this mean nothing is drawn at up to one deviation: more than so many numbers are as likely above."""


@part
def poisson(mean: float, normal: float) -> float:
    """The Poisson number that is as likely not exceeded as `normal` is.

    Its chances are added up; for MANY it is the whole number nearest to a quantile by Cornish and Fisher's
    expansion (1938), within 5e-5 of a chance. What rounding adds to the variance, 1/12, is left out of it.
    """
    if mean >= MANY:
        root, square = math.sqrt(mean), normal * normal
        skewed = (square - 1.0) / 6.0 - (2.0 + square) * normal / (72.0 * root)
        return max(0.0, math.floor(mean + root * normal + skewed + 0.5))
    if mean <= SURELY_NONE and normal <= 1.0:
        return 0.0
    chance = 0.5 * math.erfc(-normal / math.sqrt(2.0))
    number, share = 0.0, math.exp(-mean)
    total = share
    while total < chance and number < 4.0 * MANY:
        number += 1.0
        share *= mean / number
        total += share
    return number
