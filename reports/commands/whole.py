"""The commands that end in a report: rehearse, report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.children import ChildFailed
from loadtests.rehearsal import Plan, rehearse
from loadtests.stages import Part, stage
from reports import disclosure, words
from reports.commands.options import Options, must_answer
from reports.commands.runs import run_of
from reports.console import EXIT_INCONCLUSIVE
from reports.findings import Findings, plain
from reports.judgement import exit_code
from reports.publishing import publish, publish_words
from reports.terminal import EXIT_INTERRUPTED, Screen
from scenarios.catalogue import load
from scenarios.quantities import parse_duration
from sim.progress import Interrupted
from sim.runs import open_run

STAGES = (*disclosure.STAGES, "report")


@dataclass(frozen=True)
class RehearseOptions:
    """The options of `rehearse` as typed; None where not given."""

    settings: Sequence[str]
    target: str
    seed: int | None
    budget: str
    scale: float | None
    share: float | None
    batch: int | None
    strict: bool


def rehearse_and_report(screen: Screen, source: str, options: RehearseOptions, command: str) -> int:
    """All stages and the report; what ends it early is said after what was measured is reported."""
    plan = plan_of(source, options)
    run = run_of(plan.loaded, plan.seed, command)
    try:
        rehearse(plan, run, screen)
        with stage(run, screen, "report"):
            screen.tell("report", 0, 1, "findings and figures")
            findings = publish(run)
            screen.tell("report", 1, 1, findings.report)
        run.end()
    except (Interrupted, KeyboardInterrupt):
        _tell(screen, publish_words(run))
        screen.warn(f"interrupted; what was measured is kept: peakday report {run.id}")
        return EXIT_INTERRUPTED
    except ChildFailed as error:
        _tell(screen, publish(run))
        screen.warn(str(error))
        return EXIT_INCONCLUSIVE
    _tell(screen, findings)
    return exit_code(findings.verdict, strict=options.strict)


def plan_of(source: str, options: RehearseOptions) -> Plan:
    """What the options ask for, with the scenario's own words where they are silent. Raises UserError."""
    typed = Options()
    loaded = typed.told(lambda: load(source, options.settings))
    budget_s = typed.above_zero("--budget", options.budget, parse_duration)
    target = typed.target(options.target)
    typed.check()
    must_answer(target)
    assert loaded is not None
    said = loaded.scenario.rehearsal
    part = Part(
        scale=said.scale if options.scale is None else options.scale,
        share=said.share if options.share is None else options.share,
        batch=options.batch or said.batch,
    )
    seed = loaded.scenario.seed if options.seed is None else options.seed
    return Plan(loaded, options.target, seed, budget_s, part)


def report(screen: Screen, reference: str) -> int:
    """The report of a run, complete or not, written again."""
    run = open_run(reference)
    findings = publish(run)
    _tell(screen, findings)
    return exit_code(findings.verdict)


def _tell(screen: Screen, findings: Findings) -> None:
    screen.result(plain(findings), "\n".join(words.last_lines(findings)))
