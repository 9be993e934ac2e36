"""From a run's folder to Results: every stage's own file, as far as the run got."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from loadtests import calibration as calibrating
from loadtests import measurement as measuring
from loadtests import stages
from loadtests.ceiling import document as ceiling_document
from loadtests.stages import Part
from reports import disclosure
from reports.findings import About
from reports.results import Results
from scenarios.catalogue import Loaded, load_text
from scenarios.files import read_text
from scenarios.problems import UserError
from sim import simulate as simulating
from sim.judging import Judged
from sim.outcomefile import read_outcome
from sim.rulings import from_documents
from sim.runs import MANIFEST, Run
from sim.simulate import Simulated
from sim.traffic import read_traffic

Read = TypeVar("Read")


def gather(run: Run) -> Results:
    """What the run has; a stage whose file is missing or cannot be read is None.

    Measurements without the part of the season that they stand for would be held against the wrong peak:
    where that part cannot be told they are left out too.
    """
    reader = _Reader(run)
    about = reader.about()
    told = reader.described()
    part = reader.document(stages.REHEARSAL, _part)
    ceiling = reader.measured(stages.CEILING, ceiling_document.from_document, part)
    return Results(
        about=replace(about, target=str(told.get("target", {}).get("text", ""))) if part else about,
        loaded=reader.loaded(""),
        simulated=reader.simulated(""),
        peak=reader.measured(stages.REPLAY, measuring.from_document, part),
        judged=reader.measured(stages.REPLAY, _judged, part) or (),
        ceiling=ceiling,
        calibration=reader.measured(stages.CALIBRATION, calibrating.from_document, part),
        loaded_again=reader.loaded(stages.AGAIN),
        again=reader.simulated(stages.AGAIN),
        scale=part.scale if part else 1.0,
        share=part.share if part else 1.0,
        not_carried=tuple(told.get("not_carried", ())),
        embedded=bool(told.get("knobs")),
        damaged=tuple(dict.fromkeys(reader.damaged)),
    )


class _Reader:
    """Reads a run's files, each for itself; what is wrong with one is kept and the others are read."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.damaged: list[str] = []

    def about(self) -> About:
        """How the run came about, as far as its manifest tells."""
        found = self.document(MANIFEST, lambda manifest: disclosure.about(manifest, target=""))
        return found or disclosure.about({}, target="")

    def described(self) -> dict[str, Any]:
        """What the run says it loads; {} where it does not say."""
        return self._attempt(stages.REHEARSAL, lambda: stages.described(self._run)) or {}

    def document(self, name: str, read: Callable[[dict[str, Any]], Read]) -> Read | None:
        """What `read` makes of a JSON file."""

        def whole() -> Read | None:
            document = self._run.read_json(name)
            return None if document is None else read(document)

        return self._attempt(name, whole)

    def measured(self, name: str, read: Callable[[dict[str, Any]], Read], part: Part | None) -> Read | None:
        """The same for a measurement, which is worth nothing without the part of the season it stands for."""
        if part is None and self._run.has(name):
            self.damaged.append(f"{name} is left out: {stages.REHEARSAL}, which says its scale, is missing")
            return None
        return self.document(name, read)

    def loaded(self, prefix: str) -> Loaded | None:
        """The scenario as resolved, read as if it stood where it came from: its history lies there."""
        name = prefix + stages.SCENARIO
        return self._attempt(name, lambda: self._loaded(name)) if self._run.has(name) else None

    def simulated(self, prefix: str) -> Simulated | None:
        """A season as simulated: its summary, traffic and outcome, all three or none."""
        names = [prefix + name for name in (stages.SIMULATION, stages.TRAFFIC, stages.OUTCOME)]
        if not self._run.has(names[0]):
            return None
        return self._attempt(names[0], lambda: _simulated(self._run, *names))

    def _loaded(self, name: str) -> Loaded:
        path = self._run.path / name
        manifest = self._run.manifest()
        return load_text(read_text(path, str(path)), Path(manifest.get("scenario_path", path)))

    def _attempt(self, name: str, read: Callable[[], Read | None]) -> Read | None:
        try:
            return read()
        except UserError as error:
            self.damaged.append(f"{name} is left out: {error}")
        except Exception as error:  # noqa: BLE001 - whatever a damaged file holds, the rest is reported
            self.damaged.append(f"{name} is left out: {type(error).__name__}: {error}")
        return None


def _part(document: dict[str, Any]) -> Part:
    return msgspec.convert(document["part"], Part)


def _judged(document: dict[str, Any]) -> tuple[Judged, ...]:
    return from_documents(document.get("objectives", ()), "send api")


def _simulated(run: Run, simulation: str, traffic: str, outcome: str) -> Simulated:
    return simulating.from_document(
        run.read_json(simulation) or {}, read_traffic(run.path / traffic), read_outcome(run.path / outcome)
    )
