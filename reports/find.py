"""From whatever stages a run has to its Findings: a pure function, every stage may be missing."""

from __future__ import annotations

from dataclasses import replace

from loadtests.calibration import PARALLELISM
from loadtests.ceiling.ceiling import Ceiling
from loadtests.measurement import Measurement
from loadtests.reasons import unauthorized
from reports import actions, delivering, disclosure, passing, tables, timeline, watched, words
from reports.bottleneck import Binding, behind, binding, resources
from reports.findings import (
    Action,
    Findings,
    Interval,
    Label,
    ObjectiveFinding,
    Season,
    Spread,
    Table,
    finite,
)
from reports.judgement import Facts, headroom_share, judge
from reports.results import Results
from sim.judging import Judged
from sim.simulate import Simulated
from sim.summary import headline

FATES = (
    "planned", "suppressed", "offered", "accepted",
    "delivered", "expired", "rejected", "failed", "in_backlog",
    "redelivered", "duplicates",
)  # fmt: skip
TOLERATED_SHARE = 0.1
"""P90: of the replications, this share may miss an objective."""
UNITS = {"drain": "s", "backlog": "messages"}


def find(results: Results, *, report: str = "") -> Findings:
    """The Findings of a run. `report` is the path under which the page will lie."""
    peak, season_peak = _peaks(results)
    results = replace(results, ceiling=_decided(results.ceiling, peak))
    objectives = _objectives(results)
    found = judge(_facts(results, peak, objectives))
    passage = results.peak.passage if results.peak else None
    delivered = results.peak.delivery if results.peak else None
    stages = resources(results.latest.outcome) if results.latest else ()
    workers = results.calibration.value(PARALLELISM) if results.calibration else None
    binds = binding(
        results.ceiling,
        stages,
        season_misses=_season_misses(objectives),
        workers=workers,
        cause="" if results.embedded else watched.cause(results.ceiling),
    )
    ceiling = results.ceiling if results.ceiling is not None and results.ceiling.valid else None
    low = (finite(ceiling.low_per_s) or None) if ceiling else None
    return Findings(
        run=results.about.run,
        title=results.loaded.scenario.title if results.loaded else results.about.run,
        scenario=results.loaded.name if results.loaded else "",
        verdict=found.verdict,
        why=found.why,
        basis="projected" if results.scale < 1.0 or results.share < 1.0 else "measured",
        complete=disclosure.complete(results),
        headroom_share=headroom_share(low, peak.p90),
        peak_offered_per_s=peak,
        season_peak_per_s=season_peak,
        ceiling_per_s=_interval(results.ceiling),
        is_lower_bound=ceiling is not None and ceiling.is_lower_bound,
        requests_per_s=finite(results.ceiling.requests_per_s) if results.ceiling else None,
        scale=results.scale,
        share=results.share,
        binds_first=binds.what,
        binds_first_because=binds.because,
        resources=binds.resources,
        actions=_actions(results, peak, binds, objectives),
        not_tested=disclosure.not_tested(results),
        objectives=objectives,
        flags=disclosure.flags(results),
        season=_season(results.simulated, results.simulated_scale),
        season_calibrated=_season(results.again, results.again_scale),
        tables=_tables(results, binds),
        assumptions=disclosure.assumptions(results.loaded),
        sources=disclosure.sources(results.loaded),
        about=results.about,
        report=report,
        behind=passing.finding(passage) if passage else None,
        delivery=delivering.finding(delivered) if delivered else None,
        accept_ceiling_per_s=delivering.interval(ceiling.accept) if ceiling else None,
        delivery_ceiling_per_s=delivering.interval(ceiling.delivery) if ceiling else None,
        ceilings_because=delivering.which_binds(ceiling) if ceiling else "",
    )


def _peaks(results: Results) -> tuple[Spread, Spread]:
    """The peak of what the target is to carry, and the whole season's: calibration moves neither."""
    if results.simulated is None:
        return Spread(None, None), Spread(None, None)
    peaks, part = results.simulated.peaks, results.scale * results.share / results.simulated_scale
    full = 1.0 / results.simulated_scale
    here = Spread(finite(peaks.carried_per_s_p50 * part), finite(peaks.carried_per_s_p90 * part))
    return here, Spread(finite(peaks.offered_per_s_p50 * full), finite(peaks.offered_per_s_p90 * full))


def _decided(ceiling: Ceiling | None, peak: Spread) -> Ceiling | None:
    """A search that carried something and broke below the peak decides, though it had no time to find what
    holds: whatever the ceiling is, the peak is above it."""
    if ceiling is None or ceiling.valid or not peak.p50 or not ceiling.point_per_s > 0.0:
        return ceiling
    broke = any(t.verdict == "breaks" and t.offered_per_s <= peak.p50 for t in ceiling.trials)
    decided = broke and ceiling.stopped_by != "interrupted"
    return replace(ceiling, valid=True, invalid_because="") if decided else ceiling


def _interval(ceiling: Ceiling | None) -> Interval:
    if ceiling is None or (not ceiling.low_per_s and finite(ceiling.high_per_s) is None):
        return Interval(None, None, None)
    return Interval(finite(ceiling.point_per_s), finite(ceiling.low_per_s), finite(ceiling.high_per_s))


def _objectives(results: Results) -> tuple[ObjectiveFinding, ...]:
    season = results.latest.judged if results.latest else ()
    found = [_objective(judged, "MEASURED") for judged in results.judged]
    return tuple(found + [_objective(judged, "SIMULATED") for judged in season])


def _objective(judged: Judged, label: Label) -> ObjectiveFinding:
    objective, value = judged.objective, finite(judged.value)
    unit = UNITS.get(objective.quantity, "share" if objective.quantity.endswith("share") else "s")
    margin = None
    if value is not None and objective.limit:
        margin = (objective.limit - value if objective.at_most else value - objective.limit) / objective.limit
    return ObjectiveFinding(
        name=objective.text,
        label=label,
        unit=unit,  # type: ignore[arg-type]  # one of the three by construction
        value=value,
        limit=objective.limit,
        at_most=objective.at_most,
        margin_share=margin,
        holds=judged.holds,
        because=judged.because if judged.holds is None or objective.window_s else "",
    )


def _facts(results: Results, peak: Spread, objectives: tuple[ObjectiveFinding, ...]) -> Facts:
    missed = [o for o in objectives if o.holds is False]
    return Facts(
        no_ceiling_because=_why_not(results.ceiling, "it was not searched"),
        no_replay_because=_why_not(results.peak, "it was not replayed"),
        ceiling_low_per_s=finite(results.ceiling.low_per_s) if results.ceiling else None,
        broke_at_per_s=finite(results.ceiling.high_per_s) if results.ceiling else None,
        peak_p50_per_s=peak.p50,
        peak_p90_per_s=peak.p90,
        missed_in_replay=tuple(_missed(o) for o in missed if o.label == "MEASURED"),
        missed_in_season=tuple(_missed(o) for o in missed if o.label == "SIMULATED"),
        missed_p90=_missed_p90(results.latest),
        unjudged=tuple(o.name for o in objectives if o.holds is None),
    )


def _why_not(measured: Ceiling | Measurement | None, missing: str) -> str:
    if measured is None:
        return missing
    return "" if measured.valid else measured.invalid_because or "it is not valid"


def _missed(objective: ObjectiveFinding) -> str:
    return f"{objective.name} ({words.reached(objective)})"


def _missed_p90(simulated: Simulated | None) -> str:
    """How many replications miss a season objective, where it is more than one in ten; else ""."""
    found = simulated.replications if simulated else ()
    missing = sum(replication.missed > 0 for replication in found)
    return f"{missing} of {len(found)} replications" if missing > TOLERATED_SHARE * len(found) else ""


def _drain_s_max(results: Results) -> float | None:
    """The drain time asked for, where the season misses it."""
    judged = results.latest.judged if results.latest else ()
    missed = [j.objective for j in judged if j.objective.quantity == "drain" and j.holds is False]
    return min((objective.limit for objective in missed), default=None)


def _season_misses(objectives: tuple[ObjectiveFinding, ...]) -> bool:
    return any(o.label == "SIMULATED" and o.holds is False for o in objectives)


def _actions(
    results: Results, peak: Spread, binds: Binding, objectives: tuple[ObjectiveFinding, ...]
) -> tuple[Action, ...]:
    loaded, simulated = results.loaded_again or results.loaded, results.latest
    if loaded is None or simulated is None:
        return ()
    return actions.actions(
        actions.Situation(
            scenario=loaded.scenario,
            traffic=simulated.traffic,
            scaling=results.scale * results.share,
            ceiling_low_per_s=finite(results.ceiling.low_per_s) if results.ceiling else None,
            peak_p90_per_s=peak.p90,
            limited_by=results.ceiling.limited_by if results.ceiling else "",
            valid=not (_why_not(results.ceiling, "") or _why_not(results.peak, "")),
            stages=binds.resources,
            season_misses=_season_misses(objectives),
            drain_s_max=_drain_s_max(results),
            behind=behind(results.ceiling),
            unauthorized=results.peak is not None and unauthorized(map(int, results.peak.statuses)),
        )
    )


def _season(simulated: Simulated | None, scale: float) -> Season | None:
    """One season in totals, from the outcome's own figures."""
    if simulated is None:
        return None
    outcome, told = simulated.outcome, headline(simulated.outcome)
    return Season(
        **{name: float(value) for name, value in told["messages"].items() if name in FATES},
        delay_s_p50=finite(told["delay_s"]["p50"]),
        delay_s_p99=finite(told["delay_s"]["p99"]),
        backlog_max=finite(told["backlog_max"]),
        drain_s=finite(told["drain_s"]),
        resolution=outcome.resolution,
        seed=outcome.seed,
        replications=max(1, len(simulated.replications)),
        scale=scale,
        cost=finite(told["cost"]),
    )


def _tables(results: Results, binds: Binding) -> tuple[Table, ...]:
    """Every table that the results allow, in the order of the page."""
    found = [tables.gauge(_peaks(results)[0], _interval(results.ceiling))]
    if results.ceiling is not None:
        found += [tables.trials(results.ceiling), delivering.ceilings(results.ceiling)]
    if results.latest is not None and results.loaded is not None:
        scenario, outcome = results.loaded.scenario, results.latest.outcome
        found += [timeline.demand(outcome, scenario.timezone), timeline.campaigns(scenario, outcome)]
        found += [tables.streams(outcome), tables.tenants(outcome)]
    found.append(watched.watched(results.ceiling, results.peak))
    if results.peak is not None:
        found += [tables.peak(results.peak), tables.addresses(results.peak)]
        found.append(tables.percentiles(results.peak))
        if (delivered := results.peak.delivery) is not None:
            found += [delivering.delivered(delivered), delivering.over_time(delivered)]
        if (passage := results.peak.passage) is not None:
            found += [passing.behind(passage), passing.classes(passage)]
    if binds.resources:
        found.append(tables.headroom(binds.resources))
    if results.calibration is not None:
        found += [tables.predicted(results.calibration), tables.fitted(results.calibration)]
    return tuple(table for table in found if table.rows)
