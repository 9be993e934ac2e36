"""The verdict: a pure rule over the few figures that decide, and the exit code of each verdict."""

from __future__ import annotations

from dataclasses import dataclass

from reports import units
from reports.findings import Verdict

MARGIN = 1.1
"""A ceiling below this many times the P90 peak is at risk."""

ROUNDING = 1e-12
"""110 is enough for 100, although 1.1 * 100 is not 110 in floating point."""

EXIT_DONE = 0
EXIT_MISSED = 1
EXIT_INCONCLUSIVE = 3


@dataclass(frozen=True)
class Facts:
    """What decides. Rates are messages/s at the rehearsed scale and share.

    no_ceiling_because, no_replay_because: "" when that measurement is there and valid.
    ceiling_low_per_s: highest rate that held; of a lower bound, the bound; 0 = none did.
    broke_at_per_s: lowest rate that broke.
    missed, unjudged: objectives by name and value, in the peak replay and the calibrated season.
    missed_p90: "" unless more than one replication in ten misses a season objective; then how many do.
    """

    no_ceiling_because: str = ""
    no_replay_because: str = ""
    ceiling_low_per_s: float | None = None
    broke_at_per_s: float | None = None
    peak_p50_per_s: float | None = None
    peak_p90_per_s: float | None = None
    missed_in_replay: tuple[str, ...] = ()
    missed_in_season: tuple[str, ...] = ()
    missed_p90: str = ""
    unjudged: tuple[str, ...] = ()


@dataclass(frozen=True)
class Judgement:
    """A verdict and why, in one sentence."""

    verdict: Verdict
    why: str


def headroom_share(ceiling_low_per_s: float | None, peak_p90_per_s: float | None) -> float | None:
    """ceiling.low / peak P90 - 1, or None where either is missing."""
    if ceiling_low_per_s is None or not peak_p90_per_s:
        return None
    return ceiling_low_per_s / peak_p90_per_s - 1.0


def judge(facts: Facts) -> Judgement:
    """The verdict, by the first rule that applies.

    1. inconclusive  no valid ceiling, no valid peak replay, or no peak to compare with;
    2. not ready     ceiling below the P50 peak, an objective missed in the peak replay, or a season
                     objective missed in the calibrated simulation;
    3. inconclusive  an objective that could not be judged (too little data);
    4. at risk       ceiling below 1.1 times the P90 peak, or a season objective missed at P90;
    5. ready         otherwise.
    """
    for rule in (_unmeasured, _missed, _unjudged, _close):
        if judgement := rule(facts):
            return judgement
    low, p90 = facts.ceiling_low_per_s, facts.peak_p90_per_s
    spare = units.percent(headroom_share(low, p90))
    return Judgement(
        "ready",
        f"it holds {units.rate(low)}, {spare} above the P90 peak of {units.rate(p90)}; objectives are met.",
    )


def exit_code(verdict: Verdict, *, strict: bool = False) -> int:
    """0 ready and at risk (1 at risk when `strict`), 1 not ready, 3 inconclusive."""
    if verdict == "inconclusive":
        return EXIT_INCONCLUSIVE
    missed = verdict == "not ready" or (strict and verdict == "at risk")
    return EXIT_MISSED if missed else EXIT_DONE


def _unmeasured(facts: Facts) -> Judgement | None:
    if facts.no_ceiling_because:
        return Judgement("inconclusive", f"there is no valid ceiling: {facts.no_ceiling_because}.")
    if facts.no_replay_because:
        return Judgement("inconclusive", f"there is no valid replay of the peak: {facts.no_replay_because}.")
    if facts.ceiling_low_per_s is None or not facts.peak_p50_per_s or not facts.peak_p90_per_s:
        return Judgement("inconclusive", "there is no simulated peak to compare the ceiling with.")
    return None


def _missed(facts: Facts) -> Judgement | None:
    low, p50 = facts.ceiling_low_per_s or 0.0, facts.peak_p50_per_s or 0.0
    if low == 0.0 and facts.broke_at_per_s is not None:
        broke = f"it broke at {units.rate(facts.broke_at_per_s)}, the lowest rate tried"
        return Judgement("not ready", f"{broke}; the median peak is {units.rate(p50)}.")
    if low < p50:
        short = units.percent(1.0 - low / p50)
        return Judgement(
            "not ready",
            f"it holds {units.rate(low)}, {short} less than the median peak of {units.rate(p50)}.",
        )
    if facts.missed_in_replay:
        return Judgement(
            "not ready", f"in the replay of the peak it missed {_listed(facts.missed_in_replay)}."
        )
    if facts.missed_in_season:
        return Judgement(
            "not ready",
            f"simulated with what was measured, the season misses {_listed(facts.missed_in_season)}.",
        )
    return None


def _unjudged(facts: Facts) -> Judgement | None:
    if not facts.unjudged:
        return None
    return Judgement("inconclusive", f"too little was seen to judge {_listed(facts.unjudged)}.")


def _close(facts: Facts) -> Judgement | None:
    low, p90 = facts.ceiling_low_per_s or 0.0, facts.peak_p90_per_s or 0.0
    if low < p90:
        return Judgement(
            "at risk",
            f"it holds {units.rate(low)}: enough for the median peak, not for P90, {units.rate(p90)}.",
        )
    if low < MARGIN * p90 * (1.0 - ROUNDING):
        spare = units.percent(headroom_share(low, p90))
        return Judgement(
            "at risk",
            f"it holds {units.rate(low)}, only {spare} above the P90 peak of {units.rate(p90)}; 10 % is due.",
        )
    if facts.missed_p90:
        return Judgement("at risk", f"a season objective is missed in {facts.missed_p90}.")
    return None


def _listed(names: tuple[str, ...]) -> str:
    shown = "; ".join(names[:2])
    return shown + (f" and {len(names) - 2} more" if len(names) > 2 else "")
