"""Checks of who carries what: one provider a channel, at most one standby behind it, faults of providers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scenarios.complaints import Complaint
from scenarios.deferrals import PacedQueue
from scenarios.faults import FaultWord, ProviderFault
from scenarios.positions import KeyPath
from scenarios.problems import listed, nearest
from scenarios.providers import Provider
from scenarios.salvage import held
from scenarios.words import Channel

Carried = dict[tuple[bool, Channel], str]
"""By whether it stands by, and channel: the provider's name."""


def carried_by(providers: Sequence[Provider]) -> Carried:
    """The first provider and the first standby of each channel."""
    carried: Carried = {}
    for provider in providers:
        for channel in held(lambda one: one.channels, provider):
            carried.setdefault((provider.standby, channel), provider.name)
    return carried


def carrying_complaints(path: KeyPath, provider: Provider, carried: Carried) -> Iterator[Complaint]:
    """What is wrong with the channels of a provider, given who carries what."""
    if not provider.channels:
        yield Complaint((*path, "channels"), "carries nothing", "at least one channel")
    for position, channel in enumerate(provider.channels):
        at, other = (*path, "channels", position), carried[provider.standby, channel]
        if other != provider.name:
            yield Complaint(
                at, f"{other} carries {channel} already", "one provider a channel, and one standby"
            )
        elif provider.standby and (False, channel) not in carried:
            reason = f"there is nobody to stand by for: no provider carries {channel}"
            yield Complaint(at, reason, "standby = false")


def behind_complaints(path: KeyPath, provider: Provider) -> Iterator[Complaint]:
    """What is wrong with the limits behind a provider's door."""
    paced = [at for at, limit in enumerate(provider.limits) if isinstance(limit, PacedQueue)]
    for position in paced[1:]:
        yield Complaint((*path, "limits", position), "is a second queue", "one paced queue a provider")


def fault_complaints(path: KeyPath, fault: FaultWord, names: Sequence[str]) -> Iterator[Complaint]:
    """A fault of a provider that there is none of."""
    if isinstance(fault, ProviderFault) and fault.provider not in names:
        near = nearest(fault.provider, names)
        yield Complaint((*path, "provider"), "there is no provider of that name", listed(names), near)
