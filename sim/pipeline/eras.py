"""Faults as eras: from which bin on which scenario is in force, for both engines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from scenarios.faults import Fault, HalvedLimit, ProviderOutage, SlowProvider
from scenarios.providers import Provider
from scenarios.scenario import Scenario


@dataclass(frozen=True)
class Era:
    """From `first_bin` on the season runs as `scenario` says, and the providers named in `out` are down."""

    first_bin: int
    scenario: Scenario
    out: frozenset[str] = frozenset()


def eras(scenario: Scenario, bins: int, bin_s: float) -> tuple[Era, ...]:
    """The eras of a season of `bins` bins, in order, the first from bin 0; one without faults.

    A fault begins and ends at the bin's edge that is nearest; faults of one provider multiply.
    """
    spans = [_span(scenario, fault, bin_s) for fault in scenario.faults]
    edges = sorted({0, *(edge for span in spans for edge in span if 0 < edge < bins)})
    return tuple(
        _era(scenario, first, [f for f, (b, e) in zip(scenario.faults, spans, strict=True) if b <= first < e])
        for first in edges
    )


def _span(scenario: Scenario, fault: Fault, bin_s: float) -> tuple[int, int]:
    """First bin of a fault, and the first after it."""
    begins_s = (fault.from_ - scenario.starts_at).total_seconds()
    return round(begins_s / bin_s), round((begins_s + fault.for_) / bin_s)


def _era(scenario: Scenario, first_bin: int, faults: Sequence[Fault]) -> Era:
    providers = tuple(_afflicted(provider, faults) for provider in scenario.providers)
    out = frozenset(fault.provider for fault in faults if isinstance(fault, ProviderOutage))
    return Era(first_bin, scenario.model_copy(update={"providers": providers}), out)


def _afflicted(provider: Provider, faults: Sequence[Fault]) -> Provider:
    """The provider as it is while these faults last."""
    for fault in _of(provider, faults):
        if isinstance(fault, SlowProvider):
            delay = provider.delay.model_copy(update={"median": provider.delay.median * fault.factor})
            provider = provider.model_copy(update={"delay": delay})
        elif isinstance(fault, HalvedLimit):
            limits = tuple(limit.scaled(fault.factor) for limit in provider.limits)
            provider = provider.model_copy(update={"limits": limits})
    return provider


def _of(provider: Provider, faults: Sequence[Fault]) -> Iterator[Fault]:
    return (fault for fault in faults if fault.provider == provider.name)
