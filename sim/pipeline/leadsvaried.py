"""How far a higher class is ahead at a limit that opens little by little, before busy workers who take one
message each and whose services vary.

Who of a class of few is taken came in a long gap between asks, and asks a service later. Nothing that the
limit does depends on classes, so its lead is Cov(gap before the taking, whether the same worker's next ask
passes) / (mean gap x share that passes): a mean over all asks of a crew. The tables are such means over 20
million asks of crews tried one by one (`tests/theory/test_lead_agreement.py` tries some again), within 0.001.
Below 0 they are 0: -0.01 at least, where services vary by half.

Of one worker with exponential services the tokens are a D/M/1 queue that asks serve, and a gap tells only if
it brought two: exp(-1 / share), next to nothing below a fifth. Of more the worker's next ask comes after
others, which use up what a gap brought. Of very varied services one worker's long one makes all gaps long
meanwhile, however little passes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_WORKERS = (1, 2, 3, 5, 9, 17, 32)
_PASSES = (0.0, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.92, 1.0)
_VARYING = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
_USED_UP = 2.4
"""Of a class that is the share r of what is served (1 - r)^(2.4 (1 - share that passes)) of the lead is left:
its messages wait behind each other, and come no longer from the last gap alone (by trial, within 0.02)."""

_EXPONENTIAL = (
    (0, 39, 169, 216, 181, 109, 45),
    (0, 20, 99, 145, 136, 89, 38),
    (0, 14, 70, 110, 110, 76, 34),
    (0, 8, 44, 74, 81, 61, 29),
    (0, 5, 25, 45, 54, 45, 23),
    (0, 3, 14, 26, 33, 30, 17),
    (0, 2, 8, 14, 19, 19, 12),
)
"""Thousandths, by workers and by what passes (between 0 and 1)."""
_LOGNORMAL = (
    (
        (0, 0, 0, 0, 4, 11, 9),
        (23, 23, 23, 22, 19, 17, 11),
        (34, 34, 35, 30, 20, 13, 9),
        (37, 37, 36, 28, 17, 9, 6),
        (28, 27, 25, 20, 13, 6, 3),
        (16, 16, 15, 13, 9, 4, 2),
        (8, 8, 8, 7, 6, 3, 1),
    ),
    (
        (0, 0, 9, 32, 48, 43, 21),
        (0, 0, 0, 2, 17, 24, 15),
        (0, 0, 0, 0, 7, 16, 12),
        (0, 0, 0, 0, 0, 9, 8),
        (0, 0, 0, 0, 0, 3, 6),
        (0, 0, 0, 0, 0, 0, 3),
        (0, 0, 0, 0, 0, 0, 2),
    ),
    (
        (2, 23, 78, 110, 104, 70, 30),
        (5, 8, 30, 54, 63, 49, 23),
        (0, 1, 12, 30, 43, 38, 19),
        (0, 0, 1, 11, 23, 26, 15),
        (0, 0, 0, 1, 9, 16, 11),
        (0, 0, 0, 0, 2, 8, 7),
        (0, 0, 0, 0, 0, 3, 5),
    ),
    (
        (29, 109, 187, 192, 151, 91, 38),
        (28, 51, 98, 119, 106, 70, 31),
        (20, 29, 59, 81, 81, 58, 26),
        (10, 14, 28, 45, 52, 43, 21),
        (4, 5, 10, 20, 28, 28, 16),
        (1, 1, 3, 7, 13, 17, 11),
        (0, 0, 1, 2, 5, 9, 8),
    ),
    (
        (113, 245, 300, 262, 188, 107, 46),
        (59, 117, 176, 178, 142, 86, 38),
        (44, 71, 117, 131, 113, 73, 33),
        (27, 37, 63, 82, 80, 57, 28),
        (15, 17, 29, 42, 48, 40, 21),
        (7, 7, 12, 18, 25, 25, 15),
        (3, 3, 4, 8, 11, 14, 11),
    ),
    (
        (257, 402, 403, 319, 218, 121, 55),
        (106, 199, 252, 228, 170, 99, 46),
        (71, 124, 176, 176, 140, 86, 41),
        (46, 67, 104, 117, 104, 69, 34),
        (26, 32, 51, 66, 67, 50, 26),
        (14, 15, 22, 31, 37, 33, 19),
        (6, 7, 9, 14, 19, 20, 13),
    ),
)
"""The same by the spread of lognormal services first; others of that spread lead about as much."""


def varied_lead(workers: int, varying: float, exponential: bool, share: Floats, passes: Floats) -> Floats:
    """float64 (shares, passes), of (shares, 1) and (1, passes); varying: spread of the services."""
    by_workers = np.array(_EXPONENTIAL if exponential else _between(_VARYING, _LOGNORMAL, varying)) / 1000.0
    by_passes = _between(np.log(_WORKERS), by_workers, np.log(workers))
    few = np.interp(passes, _PASSES, [by_passes[0], *by_passes, 0.0]) * min(1.0, _WORKERS[-1] / workers)
    return np.asarray(few * (1.0 - share) ** (_USED_UP * (1.0 - passes)))


def _between(points: npt.ArrayLike, rows: npt.ArrayLike, at: float) -> Floats:
    """The row at `at`, between those of neighbouring points."""
    points, rows = np.asarray(points), np.asarray(rows, dtype=np.float64)
    where = float(np.interp(at, points, np.arange(len(points))))
    low = min(int(where), len(points) - 2)
    return np.asarray(rows[low] + (where - low) * (rows[low + 1] - rows[low]))
