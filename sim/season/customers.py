"""From answers to customers: who bought, who bought again, what it brought.

Repeat buying follows Ehrenberg's negative binomial model (A. S. C. Ehrenberg, "The Pattern of Consumer
Purchases", Applied Statistics 8, 1959): each of N customers buys as a Poisson process, the propensities are
gamma distributed with shape k. After a mean of m purchases a customer, N (1 + m/k)^-k have not bought yet.
"""

from __future__ import annotations

from sim.outcome import Customers

PROPENSITY_SHAPE = 1.0
"""k: assumed. At 1 the best 10 % of customers make 33 % of the purchases; the 70 % of C7 needs about 0.15."""
REPEAT_SHARE = 0.47
"""C3 (Klaviyo, Cyber Week): share of purchases by customers who had bought before, as the season begins."""


def bought_before(shape: float = PROPENSITY_SHAPE, repeat_share: float = REPEAT_SHARE) -> float:
    """Mean purchases a customer made before the season.

    The share of purchases by customers who had bought before is 1 - (1 + m/k)^-(k + 1); solved for m.
    """
    return shape * (float((1.0 - repeat_share) ** (-1.0 / (shape + 1.0))) - 1.0)


def not_yet(mean: float, shape: float = PROPENSITY_SHAPE) -> float:
    """Share of customers without a purchase after a mean of `mean` purchases a customer."""
    return float((1.0 + mean / shape) ** -shape)


def customers(
    size: int,
    *,
    opens: float,
    clicks: float,
    purchases: float,
    unsubscribes: float,
    complaints: float,
    revenue: float,
) -> Customers:
    """The season's customers among an audience of `size` (> 0).

    buyers: distinct customers who bought in the season. repeat_purchases: purchases by a customer who had
    bought before, in the season or earlier (C3).
    """
    mean, before = purchases / size, bought_before()
    first_time = size * (not_yet(before) - not_yet(before + mean))
    return Customers(
        opens=opens,
        clicks=clicks,
        purchases=purchases,
        buyers=size * (1.0 - not_yet(mean)),
        unsubscribes=unsubscribes,
        complaints=complaints,
        repeat_purchases=purchases - first_time,
        revenue=revenue,
    )
