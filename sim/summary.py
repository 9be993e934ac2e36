"""An Outcome in figures: the keys that `simulate --json` keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sim import histogram
from sim.draining import drain_of
from sim.ledger import (
    ACCEPTED,
    DELIVERED,
    DUPLICATES,
    EXPIRED,
    FAILED,
    FRESH,
    OFFERED,
    REDELIVERED,
    REJECTED,
)
from sim.outcome import Outcome
from sim.tenants import Group
from sim.traffic import peak

_FATES = {
    "offered": OFFERED,
    "accepted": ACCEPTED,
    "delivered": DELIVERED,
    "expired": EXPIRED,
    "rejected": REJECTED,
    "failed": FAILED,
}

Floats = npt.NDArray[np.float64]


def summary(outcome: Outcome) -> dict[str, Any]:
    """CONTRACT's keys of `simulate` that follow from the outcome alone;

    a quantile without messages is None, and so is a cost that nobody knows.
    """
    return {
        "scenario": outcome.scenario,
        "resolution": outcome.resolution,
        "seed": outcome.seed,
        "duration_s": outcome.duration_s,
        "wall_s": outcome.wall_s,
        "cpu_s": outcome.cpu_s,
        "compile_s": outcome.compile_s,
        **headline(outcome),
        "streams": by_stream(outcome),
        "tenants": by_group(outcome),
        "customers": _customers(outcome),
    }


def headline(outcome: Outcome) -> dict[str, Any]:
    """The figures of all streams together."""
    everything, backlog = range(len(outcome.streams)), outcome.total("backlog")
    costs = [outcome.cost(i) for i in everything]
    known = [cost for cost in costs if cost is not None]
    return {
        "messages": messages(outcome, everything),
        "peak_per_min": {
            "offered": peak(outcome.total("offered"), outcome.bin_s).per_min,
            "delivered": peak(outcome.total("delivered"), outcome.bin_s).per_min,
        },
        "delay_s": delays(outcome.delay_counts.sum(axis=0)),
        "backlog_max": float(backlog.max(initial=0.0)),
        "drain_s": drain_of(backlog, outcome.bin_s).took_s,
        "cost": sum(known) if len(known) == len(costs) else None,
    }


def messages(outcome: Outcome, streams: Sequence[int]) -> dict[str, float]:
    """How many messages met each fate, over the streams with these indices; besides, how often one was
    visible again, and how often providers took one once more."""
    totals = outcome.totals[:, list(streams)].sum(axis=1)
    planned, suppressed = outcome.planned[list(streams)].sum(), outcome.suppressed[list(streams)].sum()
    again = {"redelivered": float(totals[REDELIVERED]), "duplicates": float(totals[DUPLICATES])}
    return {"planned": int(planned), "suppressed": int(suppressed), **_fates(totals), **again}


def _fates(totals: Floats) -> dict[str, float]:
    """How many messages met each fate, of totals (quantities,); `in_backlog` have none yet."""
    counts = {name: float(totals[row]) for name, row in _FATES.items()}
    lost = sum(counts[fate] for fate in ("delivered", "expired", "rejected", "failed"))
    return {**counts, "in_backlog": max(0.0, counts["offered"] - lost)}


def delays(counts: Floats) -> dict[str, float | None]:
    """Mean and quantiles of delivered - due, seconds."""
    if counts.sum() <= 0.0:
        return {"mean": None, "p50": None, "p95": None, "p99": None}
    quantiles = {f"p{round(q * 100)}": histogram.quantile(counts, q) for q in (0.5, 0.95, 0.99)}
    return {"mean": histogram.mean(counts), **quantiles}


def fresh_share(outcome: Outcome, streams: Sequence[int]) -> float | None:
    """Delivered within their freshness, of all offered; None when nothing was offered."""
    offered = float(outcome.totals[OFFERED, list(streams)].sum())
    return _of_offered(float(outcome.totals[FRESH, list(streams)].sum()), offered)


def _of_offered(fresh: float, offered: float) -> float | None:
    return fresh / offered if offered else None


def by_stream(outcome: Outcome) -> list[dict[str, Any]]:
    """The figures of each stream."""
    return [_stream(outcome, i) for i in range(len(outcome.streams))]


def _stream(outcome: Outcome, i: int) -> dict[str, Any]:
    stream, alone, backlog = outcome.streams[i], [i], outcome.total("backlog", [i])
    return {
        "name": stream.name,
        "channel": stream.channel,
        "campaign": stream.campaign,
        "priority": stream.priority,
        "messages": messages(outcome, alone),
        "delay_s": delays(outcome.delay_counts[i]),
        "fresh_share": fresh_share(outcome, alone),
        "backlog_max": float(backlog.max(initial=0.0)),
        "drain_s": drain_of(backlog, outcome.bin_s).took_s,
        "cost": outcome.cost(i),
    }


def by_group(outcome: Outcome) -> list[dict[str, Any]]:
    """The figures of each group of tenants; none in a season without."""
    return [_group(group) for group in outcome.groups]


def _group(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "messages": _fates(group.totals),
        "delay_s": delays(group.delay_counts),
        "fresh_share": _of_offered(float(group.totals[FRESH]), float(group.totals[OFFERED])),
    }


def _customers(outcome: Outcome) -> dict[str, float]:
    found, delivered = outcome.customers, float(outcome.totals[DELIVERED].sum())
    return {
        "opens": found.opens,
        "clicks": found.clicks,
        "purchases": found.purchases,
        "buyers": found.buyers,
        "unsubscribes": found.unsubscribes,
        "complaints": found.complaints,
        "complaint_share": found.complaints / delivered if delivered else 0.0,
        "repeat_purchase_share": found.repeat_purchases / found.purchases if found.purchases else 0.0,
        "revenue": found.revenue,
    }
