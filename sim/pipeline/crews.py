"""Which crew serves a season of the message resolution."""

from __future__ import annotations

from scenarios.faults import ProviderFault
from scenarios.scenario import Scenario
from sim.pipeline.crashing import CrashingStaff
from sim.pipeline.crew import Crew
from sim.pipeline.redelivery import forgets
from sim.pipeline.staff import Staff


def crew_for(scenario: Scenario) -> type[Crew]:
    """The simplest crew that does what the scenario asks of its workers."""
    workers = scenario.pipeline.workers
    if forgets(scenario):
        return CrashingStaff
    lost = any(not isinstance(fault, ProviderFault) for fault in scenario.faults)
    return Staff if workers.batch > 1 or workers.autoscaling or lost else Crew
