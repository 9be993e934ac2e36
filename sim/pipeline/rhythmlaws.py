"""How far a higher class is ahead at a limit that opens little by little, before busy workers whose services
are all equally long.

They end at the same moments of every service. What came in a longer gap between two ends asks after a gap
that is as long, a service later: it finds more of the limit open. Plain functions of figures, compiled into
sim.pipeline.kernelshares.
"""

from __future__ import annotations

import math

from sim.pipeline.calllaws import decay_of

_LEAST, _MOST = 0.02, 0.999
"""Of what passes: below, and above, nobody is ahead by more, or by anything."""
_BETWEEN, _HASTE = 1.4, 0.8
_CODES = 6.0
_NO_END = 1e-4
"""So few ends in a part are none."""


def lead_in_rhythm(higher: float, asking: float, passes: float, workers: float) -> float:
    """How much more often than all that asks, of which the share `passes` passes, a higher class does.

    higher, asking: of what the workers serve, the class's and all that asks here. The gaps are exponential.
    A rare message of the class finds the limit's level as anybody does, and after it what opens until the
    next end: the level is a random walk that rises evenly and falls by one at an end, so that it is over
    k >= 1 by exp(-decay k) (`decay_of`) and of density 1 - exp(-decay k) below (exact). Where hardly any
    pass, whoever ends first after a message's worth has opened takes it; with M/M/1 for the class that gives
    (q - r)^2 / (q - r^2), r and q the class's and all that asks (exact). Between these, and for a few
    workers, whose gaps are less varied by (c - 1) / (c + 1): by trial.
    """
    s, r, q = max(passes, _LEAST), higher, asking
    if s > _MOST or r >= q or workers <= 1.0:
        return 0.0
    rare = _rare(s, q)
    beside = 2.0 * _rare(s, 1.0) ** _BETWEEN - 1.0
    more = (q - r) * (q - r) / (q * (q - r * r)) * (1.0 + r) / (1.0 + beside * r)
    few = (1.0 - 2.0 / (workers + 1.0)) ** (1.0 - _HASTE * s * (1.0 - r))
    return float(rare * more * few)


def _rare(passes: float, asking: float) -> float:
    """The lead of a class of which a message comes now and then."""
    decay, each = decay_of(passes), 1.0 / (passes * asking)
    apart = each - decay
    shared = -math.expm1(-apart) / apart if apart > 0.0 else 1.0
    return (-math.expm1(-each) / each - math.exp(-decay) * shared) / passes


def lead_of_clumps(
    higher: float, asking: float, passes: float, workers: float, thin: float, dense: float
) -> float:
    """The same where workers whom a sudden start found idle began at the pace `dense` of what they can
    take, and the others before at the pace `thin`: so dense are the ends in two parts of every service.

    In the thin part more may open than is asked for. What messages of the class have not used of it, others'
    asks aside, is less often there with one of them where less than a message opens (by trial).
    """
    lead = lead_in_rhythm(higher, asking, passes, workers)
    if passes > _MOST or higher >= asking or workers <= 1.0 or thin >= 1.0 or dense <= 1.0:
        return lead
    lasts, opens = (dense - 1.0) / (dense - thin), passes * asking
    others = (asking - higher) / (1.0 - higher) * (thin - min(thin, higher))
    if opens <= others:
        return lead
    messages = float((workers * (opens - others) * lasts) ** 1.5)
    clumped = _passed_by_clumps(higher, asking, passes, workers, thin, dense) / higher / passes - 1.0
    return max(lead, lead + (clumped - lead) * messages / (messages + _CODES * higher / asking))


def thin_wait(ends: float, came: float) -> float:
    """The greatest wait, as a share of a thin part, of those of a class who come in it, when their waits are
    even from none to that: on average the lesser of what is left of the part and of the time until an end
    that is left to them.

    ends, came: how many workers end in it, how many come of the class and those above, one by one at random.
    Those compete for the ends, the more so the more there are (by trial: means within 7 ms of parts of 0.1
    to 0.3 s; one of a hundred waits up to a fifth longer).
    """
    left = ends
    if ends > 0.0:
        left = ends / (1.0 + came / ends * came / (1.0 + came))
    if left < _NO_END:
        return 1.0
    return 2.0 * (left + math.expm1(-left)) / (left * left)


def _passed_by_clumps(
    higher: float, asking: float, passes: float, workers: float, thin: float, dense: float
) -> float:
    """What passes of the class, in fluid amounts of what the workers serve.

    All that ends in the thin part passes, as far as enough opens there. The dense part begins with those of
    the class whom the thin one left waiting, one after the other; they, and then all, pass until what was
    saved is used up. In the rest so much less of the limit is open for each.
    """
    lower, opens, lasts = (asking - higher) / (1.0 - higher), passes * asking, (dense - 1.0) / (dense - thin)
    first = min(thin, higher)
    of_thin = first + lower * (thin - first)
    passed = first * lasts * (opens / of_thin if opens < of_thin else 1.0)
    saved, left = max(0.0, opens - of_thin) * lasts, 1.0 - lasts
    queued = min(left, (higher - first) * lasts / (dense - higher))
    used = min(saved, max(0.0, dense - opens) * queued)
    passed += min(dense * queued, used + opens * queued)
    left -= queued
    asked = higher + lower * (dense - higher)
    if asked <= opens:
        return passed + higher * left
    all_pass, inside = min(left, (saved - used) / (asked - opens)), opens / asked
    inside = min(1.0, inside * (1.0 + lead_in_rhythm(higher / dense, asked / dense, inside, workers)))
    return passed + higher * (all_pass + (left - all_pass) * inside)
