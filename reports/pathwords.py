"""A season's own send path in words: its queue, its workers, what breaks and when."""

from __future__ import annotations

from collections.abc import Iterator

from reports import units
from scenarios.faults import (
    Fault,
    HalvedLimit,
    ProviderOutage,
    QueueUnavailable,
    RegionLoss,
    SlowProvider,
    WorkerLoss,
)
from scenarios.pipeline import Pipeline, Queue, Workers
from scenarios.scenario import Scenario
from sim.pipeline.redelivery import carried_per_s
from sim.pipeline.workers import mean_s


def path_in_words(pipeline: Pipeline) -> list[str]:
    """What the queue holds and the workers carry, and what the workers do besides serving."""
    queue, workers = pipeline.queue, pipeline.workers
    holds = units.count(queue.bound) if queue.bound else "any number of"
    full = f" (full: {queue.overflow})" if queue.bound and queue.overflow != "reject" else ""
    taken = f"{workers.batch:,} messages" if workers.batch > 1 else "a message"
    path = (
        f"queue of {holds} messages{full}; {workers.count:,} workers of {units.duration(mean_s(workers))} "
        f"{taken} carry {units.rate(carried_per_s(workers))}"
    )
    return [path, *_habits(workers), *_taken_again(queue)]


def tenants_in_words(scenario: Scenario) -> Iterator[str]:
    """Who sends, and whether they share the queue."""
    tenants = scenario.tenants
    if tenants is not None:
        shared = (
            "a line each, taken from in turn" if scenario.pipeline.queue.fair_share else "one line for all"
        )
        yield f"{tenants.count:,} tenants, Zipf's exponent {tenants.skew:g}: {shared}"


def _habits(workers: Workers) -> Iterator[str]:
    stalls, crashes, scaling = workers.stalls, workers.crashes, workers.autoscaling
    if stalls:
        often = units.rate(stalls.rate)
        yield f"workers stall at {often} of service for {units.duration(stalls.length)} each, counted above"
    if crashes and crashes.rate:
        gone = units.duration(crashes.restart + workers.start_up)
        often = units.duration(1.0 / crashes.rate)
        yield f"a worker crashes once in {often} of service and is away for {gone}, counted above"
    if scaling:
        unit = "messages waiting a worker" if scaling.on == "backlog" else "of their time used"
        target = f"{scaling.target:g}" if scaling.on == "backlog" else units.percent(scaling.target)
        yield (
            f"autoscaled to {scaling.most:,} at most, for {target} {unit}, looked at every "
            f"{units.duration(scaling.every)}, serving {units.duration(workers.start_up)} later"
        )


def _taken_again(queue: Queue) -> Iterator[str]:
    if queue.visibility_timeout is not None:
        after = units.duration(queue.visibility_timeout)
        yield f"what a worker took is visible again after {after} unless it is done by then: at least once"


def fault_in_words(fault: Fault) -> str:
    """What breaks, from when on the scenario's clock, for how long."""
    return f"{fault.from_:%Y-%m-%d %H:%M:%S} for {units.duration(fault.for_)}: {_broken(fault)}"


def _broken(fault: Fault) -> str:
    match fault:
        case ProviderOutage():
            return f"{fault.provider} refuses everything"
        case SlowProvider():
            return f"{fault.provider} takes {fault.factor:g} times as long"
        case HalvedLimit():
            return f"the limits of {fault.provider} pass {units.percent(fault.factor)}"
        case WorkerLoss():
            return f"{units.percent(fault.share)} of the workers are lost"
        case RegionLoss():
            return f"a region with {units.percent(fault.share)} of workers and queue is lost"
        case QueueUnavailable():
            return "the queue cannot be reached"
