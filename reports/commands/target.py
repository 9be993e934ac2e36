"""The commands that load or serve a send API: serve, replay, ceiling, calibrate."""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from loadtests import alone
from loadtests import calibration as calibrating
from loadtests import measurement as measuring
from loadtests.ceiling import document as ceiling_document
from loadtests.cutting import Cut
from loadtests.measurement import Measurement
from loadtests.rig import api_key
from loadtests.sendapi import server
from loadtests.sendapi.knobs import Knobs
from loadtests.stages import Asked, Part
from loadtests.targets.behind import STAND_INS
from loadtests.targets.embedded import parse_serve
from reports import tellings
from reports.commands import standing_in
from reports.commands.options import Options, must_answer
from reports.commands.runs import named, run_of, run_without_season
from reports.judgement import EXIT_DONE, EXIT_INCONCLUSIVE
from reports.terminal import Screen
from scenarios.catalogue import Loaded
from scenarios.problems import BadValueError, user_error
from scenarios.quantities import parse_duration, parse_rate, parse_rates
from scenarios.scenario import Objectives
from sim.runs import Run, open_run
from sim.traffic import Traffic

MAX = "max"
"""A rate: as much as the generator may be asked for."""


@dataclass(frozen=True)
class ReplayOptions:
    """The options of `replay` as typed; None where not given."""

    target: str
    start: str | None
    duration: str
    rate: str | None
    arrivals: Literal["even", "poisson"]
    scale: float | None
    share: float | None
    batch: int | None
    compress: float
    retries: int
    seed: int | None
    workers: int = 1


@dataclass(frozen=True)
class CeilingOptions:
    """The options of `ceiling` as typed."""

    target: str
    objectives: tuple[str, ...]
    budget: str
    batch: int
    max_rate: str | None


def serve(
    screen: Screen,
    options: Mapping[str, str | int | None],
    stand_in: str | None,
    played: Mapping[str, str | None],
    host: str,
    port: int,
) -> int:
    """The reference send API in the foreground until it is told to stop; options as in embedded?…

    With `stand_in` a provider, played; `played`: options that only it knows.
    """
    if stand_in is not None:
        return standing_in.serve(screen, {"as": stand_in, **played}, options, host, port)
    if given := [name for name, value in played.items() if value is not None]:
        message = "only a stand-in knows this; say who is to be played with --as"
        raise user_error(
            message, key=f"--{given[0]}", found=str(played[given[0]]), allowed=", ".join(STAND_INS)
        )
    admin_key = os.environ.get(server.ADMIN_KEY, "") or secrets.token_urlsafe(12)
    knobs = parse_serve(options, Knobs(host=host, port=port, key=api_key(), admin_key=admin_key))
    server.serve(knobs, screen.show)
    return EXIT_DONE


def replay(screen: Screen, source: str | None, options: ReplayOptions, command: str) -> int:
    """Replay a part of a season, or a plain rate."""
    if (source is None) == (options.rate is None):
        raise user_error("give a SCENARIO or RUN to replay, or --rate: one of the two", key="replay")
    if options.rate is not None:
        measured, run = _replay_rate(screen, options, options.rate, command)
    else:
        measured, run = _replay_season(screen, str(source), options, command)
    screen.result(measuring.summary(measured) | named(run), tellings.replayed(measured))
    seen = measured.passage is None or measured.passage.valid
    return EXIT_DONE if measured.valid and seen else EXIT_INCONCLUSIVE


def _replay_rate(screen: Screen, options: ReplayOptions, rate: str, command: str) -> tuple[Measurement, Run]:
    typed = Options()
    most: tuple[float, ...] = ()
    rates_per_s = most if rate == MAX else typed.value("--rate", rate, _rates_above_zero, most)
    duration_s = typed.above_zero("--for", options.duration, parse_duration)
    target = typed.target(options.target)
    typed.check()
    must_answer(target)
    seed = options.seed or 0
    run = run_without_season("replay", seed, command)
    part = Part(batch=options.batch or 1, retries=options.retries, workers=options.workers)
    measured = alone.replay_rate(
        rates_per_s, duration_s, options.arrivals, part, seed, options.target, run, screen
    )
    run.end()
    return measured, run


def _rates_above_zero(text: str) -> tuple[float, ...]:
    rates = parse_rates(text)
    if min(rates) <= 0.0:
        raise BadValueError("is nothing at all", "more than 0")
    return rates


def _replay_season(
    screen: Screen, source: str, options: ReplayOptions, command: str
) -> tuple[Measurement, Run]:
    loaded, traffic, start_s, duration_s = _season_asked(source, options)
    said = loaded.scenario.rehearsal
    part = Part(
        scale=said.scale if options.scale is None else options.scale,
        share=said.share if options.share is None else options.share,
        batch=options.batch or said.batch,
        compress=options.compress,
        retries=options.retries,
        workers=options.workers,
    )
    seed = loaded.scenario.seed if options.seed is None else options.seed
    cut = Cut(start_s, duration_s, part, seed)
    run = run_of(loaded, seed, command)
    measured = alone.replay_season(loaded, traffic, cut, options.target, run, screen)
    run.end()
    return measured, run


def _season_asked(source: str, options: ReplayOptions) -> tuple[Loaded, Traffic | None, float | None, float]:
    """Season, traffic where known, from when (None: its worst part) and how much. Raises UserError."""
    typed = Options()
    found = typed.told(lambda: alone.season_of(source, ()))
    duration_s = typed.above_zero("--for", options.duration, parse_duration)
    start_s = None if options.start is None else typed.value("--from", options.start, parse_duration, 0.0)
    target = typed.target(options.target)
    if found and start_s is not None:
        typed.within("--from", str(options.start), start_s, found[0].scenario.duration)
    typed.check()
    must_answer(target)
    assert found is not None
    return *found, start_s, duration_s


def ceiling(screen: Screen, options: CeilingOptions, command: str) -> int:
    """The ceiling of a target, under the objectives given or those that a scenario has by default."""
    typed = Options()
    objectives = typed.objectives("--objective", options.objectives or Objectives().send_api)
    budget_s = typed.above_zero("--budget", options.budget, parse_duration)
    rate = options.max_rate
    max_per_s = math.inf if rate is None else typed.above_zero("--max-rate", rate, parse_rate)
    target = typed.target(options.target)
    typed.check()
    must_answer(target)
    run = run_without_season("ceiling", None, command)
    asked = Asked(objectives, budget_s, batch=options.batch, max_per_s=max_per_s)
    found = alone.ceiling_alone(asked, options.target, run, screen)
    run.end()
    screen.result(ceiling_document.summary(found) | named(run), tellings.ceiling(found))
    return EXIT_DONE if found.valid else EXIT_INCONCLUSIVE


def calibrate(screen: Screen, reference: str) -> int:
    """Fit the scenario of a run to what the run measured."""
    run = open_run(reference)
    found = alone.calibrate_run(run, screen)
    screen.result(calibrating.to_document(found) | named(run), tellings.calibrated(found))
    return EXIT_DONE
