"""Faults as eras: from which bin on which scenario is in force, for both engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scenarios.faults import HalvedLimit, ProviderFault, ProviderOutage, SlowProvider
from scenarios.providers import Provider
from scenarios.scenario import Scenario


@dataclass(frozen=True)
class Era:
    """From `first_bin` on the season runs as `scenario` says, and the providers named in `out` are down."""

    first_bin: int
    scenario: Scenario
    out: frozenset[str] = frozenset()


def eras(scenario: Scenario, bins: int, bin_s: float) -> tuple[Era, ...]:
    """The eras of a season of `bins` bins, in order, the first from bin 0; one without faults of providers.

    A fault begins and ends at the bin's edge that is nearest; faults of one provider multiply.
    """
    faults = [fault for fault in scenario.faults if isinstance(fault, ProviderFault)]
    spans = [fault.bins(scenario.starts_at, bin_s) for fault in faults]
    edges = sorted({0, *(edge for span in spans for edge in span if 0 < edge < bins)})
    return tuple(
        _era(scenario, first, [f for f, (b, e) in zip(faults, spans, strict=True) if b <= first < e])
        for first in edges
    )


def _era(scenario: Scenario, first_bin: int, faults: Sequence[ProviderFault]) -> Era:
    providers = tuple(_afflicted(provider, faults) for provider in scenario.providers)
    out = frozenset(fault.provider for fault in faults if isinstance(fault, ProviderOutage))
    return Era(first_bin, scenario.model_copy(update={"providers": providers}), out)


def _afflicted(provider: Provider, faults: Sequence[ProviderFault]) -> Provider:
    """The provider as it is while these faults last."""
    for fault in faults:
        if fault.provider != provider.name:
            continue
        if isinstance(fault, SlowProvider):
            delay = provider.delay.model_copy(update={"median": provider.delay.median * fault.factor})
            provider = provider.model_copy(update={"delay": delay})
        elif isinstance(fault, HalvedLimit):
            limits = tuple(limit.scaled(fault.factor) for limit in provider.limits)
            provider = provider.model_copy(update={"limits": limits})
    return provider
