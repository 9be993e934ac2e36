"""The shipped cyber-week in any size: the same pipeline with all that it uses, more or less to carry."""

from __future__ import annotations

from dataclasses import replace

from scenarios.catalogue import Loaded, load
from scenarios.scenario import Scenario

NAME = "cyber-week"
MESSAGES, DAYS = 68e9, 7.0


def week(parts: int = 1, days: float = DAYS, messages: float = MESSAGES, bin_s: float = 1.0) -> Loaded:
    """Its first `days`, every background in so many `parts`, with so many messages in seven days.

    What begins after these days, campaigns and faults, does not happen.
    """
    loaded = load(NAME)
    shorter = loaded.scenario.model_copy(update={"duration": days * 86_400.0, "bin": bin_s})
    return replace(loaded, scenario=_split(shorter, parts).scaled(messages / MESSAGES))


def _split(scenario: Scenario, parts: int) -> Scenario:
    """More streams that carry as much: every background is so many, and whatever follows it, follows all."""
    names = {
        own.name: [own.name, *(f"{own.name} {i}" for i in range(2, parts + 1))]
        for own in scenario.backgrounds
    }
    backgrounds = [
        own.model_copy(update={"name": name, "rate": own.rate / parts})
        for own in scenario.backgrounds
        for name in names[own.name]
    ]
    triggers = [
        own.model_copy(update={"to": tuple(name for cause in own.to for name in names.get(cause, [cause]))})
        for own in scenario.triggers
    ]
    return scenario.model_copy(update={"backgrounds": tuple(backgrounds), "triggers": tuple(triggers)})
