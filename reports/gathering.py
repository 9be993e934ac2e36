"""From a run's folder to Results: every stage's own file, as far as the run got."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from loadtests import calibration as calibrating
from loadtests import measurement as measuring
from loadtests import stages
from loadtests.ceiling import document as ceiling_document
from loadtests.stages import Part
from reports import disclosure
from reports.results import Results
from scenarios.catalogue import Loaded, load_text
from sim import simulate as simulating
from sim.judging import Judged
from sim.outcome import read_outcome
from sim.rulings import from_documents
from sim.runs import Run
from sim.simulate import Simulated
from sim.traffic import read_traffic

Read = TypeVar("Read")


def gather(run: Run) -> Results:
    """What the run has; a stage whose file is missing or cannot be read is None."""
    told = stages.described(run) or {}
    part = Part(**told.get("part", {}))
    return Results(
        about=disclosure.about(run.manifest(), target=told.get("target", {}).get("text", "")),
        loaded=_loaded(run, ""),
        simulated=_simulated(run, ""),
        peak=_document(run, stages.REPLAY, measuring.from_document),
        judged=_document(run, stages.REPLAY, _judged) or (),
        ceiling=_document(run, stages.CEILING, ceiling_document.from_document),
        calibration=_document(run, stages.CALIBRATION, calibrating.from_document),
        loaded_again=_loaded(run, stages.AGAIN),
        again=_simulated(run, stages.AGAIN),
        scale=part.scale,
        share=part.share,
        not_carried=tuple(told.get("not_carried", ())),
        embedded=bool(told.get("knobs")),
    )


def _document(run: Run, name: str, read: Callable[[dict[str, Any]], Read]) -> Read | None:
    document = run.read_json(name)
    return None if document is None else read(document)


def _judged(document: dict[str, Any]) -> tuple[Judged, ...]:
    return from_documents(document.get("objectives", ()), "send api")


def _loaded(run: Run, prefix: str) -> Loaded | None:
    """The scenario as resolved, read as if it stood where it came from: its history lies there."""
    if not run.has(prefix + stages.SCENARIO):
        return None
    text = (run.path / (prefix + stages.SCENARIO)).read_text(encoding="utf-8")
    return load_text(text, Path(run.manifest().get("scenario_path", run.path / stages.SCENARIO)))


def _simulated(run: Run, prefix: str) -> Simulated | None:
    names = [prefix + name for name in (stages.SIMULATION, stages.TRAFFIC, stages.OUTCOME)]
    document = run.read_json(names[0])
    if document is None:
        return None
    traffic, outcome = read_traffic(run.path / names[1]), read_outcome(run.path / names[2])
    return simulating.from_document(document, traffic, outcome)
