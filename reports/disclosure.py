"""What surrounds a verdict: how the run came about, how far to trust it, what was not tested, sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadtests.measurement import Measurement
from reports import delivering, passing, units
from reports.findings import About, AssumptionFinding, Flag, StageFinding, finite
from reports.results import Results
from scenarios.catalogue import Loaded

STAGES = ("simulate", "serve", "replay", "ceiling", "calibrate", "simulate again")
"""What a rehearsal goes through before its report."""


def about(manifest: Mapping[str, Any], *, target: str) -> About:
    """How the run came about, from a run's manifest; what it lacks is empty."""
    stages: Mapping[str, Any] = manifest.get("stages", {})
    told = [StageFinding(name, "missing") for name in STAGES if name not in stages]
    told += [
        StageFinding(name, str(s.get("status", "")), finite(s.get("wall_s"))) for name, s in stages.items()
    ]
    order = {name: at for at, name in enumerate(STAGES)}
    return About(
        run=str(manifest.get("run", "")),
        command=str(manifest.get("command", "")),
        started_at=str(manifest.get("started_at", "")),
        scenario_sha256=str(manifest.get("scenario_sha256", "")),
        seed=manifest.get("seed"),
        target=target,
        versions={k: str(v) for k, v in manifest.get("versions", {}).items()},
        host={k: str(v) for k, v in manifest.get("host", {}).items()},
        stages=tuple(sorted(told, key=lambda s: order.get(s.name, len(order)))),
    )


def complete(results: Results) -> bool:
    """Whether every stage whose result decides or corrects the verdict has left one."""
    if results.damaged:
        return False
    needed = (results.simulated, results.peak, results.ceiling, results.calibration, results.again)
    return all(result is not None for result in needed)


def flags(results: Results) -> tuple[Flag, ...]:
    """How far the measurement can be trusted, one line each."""
    found = [Flag("damaged", False, text) for text in results.damaged]
    if results.peak is not None:
        found += _replay_flags(results.peak)
    if results.ceiling is not None:
        ceiling = results.ceiling
        text = "" if ceiling.valid else ceiling.invalid_because
        excluded = sum(trial.verdict == "invalid" for trial in ceiling.trials)
        told = f"{len(ceiling.trials)} trials, {excluded} of them not valid and left out"
        found.append(Flag("ceiling", ceiling.valid, text or told))
    if not complete(results):
        lacking = "files of it cannot be read" if results.damaged else "it ended before every stage was done"
        found.append(Flag("complete", False, f"the run lacks results: {lacking}"))
    return tuple(found)


def _replay_flags(peak: Measurement) -> list[Flag]:
    lateness = f"the generator was {units.duration(peak.lateness_s.p99)} late at p99"
    found = [Flag("replay of the peak", peak.valid, peak.invalid_because or lateness)]
    if not peak.complete:
        found.append(Flag("records", False, "the records end early: the replay was cut off"))
    if peak.dropped:
        found.append(
            Flag("dropped", False, f"{peak.dropped:,} due requests were never started; they count as slow")
        )
    if peak.delivery is not None:
        found.append(delivering.flag(peak.delivery))
    if peak.passage is not None:
        found.append(passing.flag(peak.passage))
    if peak.compress != 1.0:
        found.append(Flag("compressed", False, f"replayed {units.times(peak.compress)} as fast as it is due"))
    return found


def not_tested(results: Results) -> tuple[str, ...]:
    """What this rehearsal says nothing about."""
    found = [f"stream {name}: the target has no operation for it" for name in results.not_carried]
    if results.embedded:
        found.append(
            "your own platform: the target was peakday's reference send API with the scenario's figures"
        )
    found += _unreplayed(results.peak) + _part_of_the_season(results)
    if results.ceiling is None:
        found.append("the ceiling: the run ended before it was found")
    return tuple(found)


def _unreplayed(peak: Measurement | None) -> list[str]:
    if peak is None:
        return ["the peak: the run ended before it was replayed"]
    found = []
    if peak.messages_delivered is None and peak.delivered_per_s is None:
        found.append("delivery: delivery not observed, only what the target accepted")
    if peak.lost is None:
        found.append("lost and duplicated messages: the target does not show what it received")
    return found


def _part_of_the_season(results: Results) -> list[str]:
    found = []
    if results.scale < 1.0:
        found.append(
            f"full volume: rehearsed at {units.percent(results.scale)} of it, limits and workers alike"
        )
    if results.share < 1.0:
        found.append(f"the rest of the season: this target carries {units.percent(results.share)} of it")
    return found


def assumptions(loaded: Loaded | None) -> tuple[AssumptionFinding, ...]:
    """The scenario's assumptions as its file states them."""
    if loaded is None:
        return ()
    return tuple(AssumptionFinding(a.key, a.text, a.origin) for a in loaded.scenario.assumptions)


def sources(loaded: Loaded | None) -> tuple[str, ...]:
    """Where the scenario's figures come from, by the thing they describe, each once."""
    if loaded is None:
        return ()
    scenario = loaded.scenario
    named = [(c.name, c.source) for c in scenario.campaigns]
    named += [(b.name, b.source) for b in scenario.backgrounds]
    named += [(t.name, t.source) for t in scenario.triggers]
    found = [f"{name}: {source}" for name, source in named if source]
    found += [f"{channel} answers: {r.source}" for channel, r in scenario.responses.items() if r.source]
    for provider in scenario.providers:
        read_on = f", read on {provider.read_on.isoformat()}" if provider.read_on else ""
        found += [f"{provider.name}: {provider.source}{read_on}"] if provider.source else []
    return tuple(dict.fromkeys(found))
