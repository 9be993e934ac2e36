"""Chances in compiled code, by the bin and the row they are of: a hash of these and of the season's key. So
nothing is drawn where nothing hangs on it, and no number depends on what was drawn before."""

from __future__ import annotations

import math

from sim.pipeline.kernelcache import part
from sim.pipeline.kerneldraws import MANY

_FIRST, _SECOND = 0x21F0AAAD, 0x735A2D97
"""Odd multipliers of a 32-bit hash, found by search for little bias (C. Wellons, hash-prospector)."""
_WORD = 0xFFFFFFFF


@part
def chance_of(key: int, bin_: int, row: int, which: int) -> float:
    """Between 0 and 1, both excluded; as good as independent for every bin, row and which."""
    mixed = _mix(_mix(_mix(key ^ (bin_ & _WORD)) ^ (row & _WORD)) ^ which)
    return (mixed + 0.5) / (_WORD + 1.0)


@part
def _mix(word: int) -> int:
    """Every bit of a 32-bit word changes half of the bits told. Products fit into 63 bits."""
    word ^= word >> 16
    word = (word * _FIRST) & _WORD
    word ^= word >> 15
    word = (word * _SECOND) & _WORD
    return word ^ (word >> 15)


@part
def binomial(trials: int, share: float, chance: float, other: float) -> float:
    """Of so many trials the number that succeed, each with `share`; it is as likely not exceeded as `chance`,
    or, where many do and many do not, of the normal number of both chances (Box and Muller 1958) by Cornish
    and Fisher's expansion (1938), and then no whole number."""
    if share > 0.5:
        return trials - _at_most_half(trials, 1.0 - share, chance, other)
    return _at_most_half(trials, share, chance, other)


@part
def _at_most_half(trials: int, share: float, chance: float, other: float) -> float:
    """The same where a half is the most that may be expected."""
    mean = trials * share
    if mean >= MANY:
        normal = math.sqrt(-2.0 * math.log(chance)) * math.cos(2.0 * math.pi * other)
        skewed = (1.0 - 2.0 * share) * (normal * normal - 1.0) / 6.0
        return min(1.0 * trials, max(0.0, mean + math.sqrt(mean * (1.0 - share)) * normal + skewed))
    odds, number = share / (1.0 - share), 0
    own = (1.0 - share) ** trials
    total = own
    while total < chance and number < trials:
        own *= odds * (trials - number) / (number + 1.0)
        total += own
        number += 1
    return 1.0 * number
