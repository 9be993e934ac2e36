"""The whole scenario and the checks that span its parts."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from scenarios.pipeline import Pipeline
from scenarios.providers import Provider
from scenarios.quantities import Seconds, Share
from scenarios.season import Audience, Background, Campaign, Demand, Response, Trigger
from scenarios.words import Channel, Word


class Assumption(Word):
    """A figure that the scenario rests on: what it is, its value in words and who said so."""

    key: str
    text: str
    origin: str = Field(description="a fact's id (V1, C3, …), a publisher, or 'assumed'")


class Rehearsal(Word):
    """How the season is brought to a target: `scale` multiplies audience, limits, bursts and worker
    counts and leaves every time unchanged; `share` is the part of the season that this target carries;
    `batch` the messages per request."""

    scale: float = Field(default=1.0, gt=0.0, le=1.0)
    share: Share = 1.0
    batch: int = Field(default=1, ge=1, le=1000)
    replications: int = Field(default=8, ge=1, le=1000)


class Objectives(Word):
    """Lines of `scenarios.objectives`, by what they are judged on."""

    send_api: tuple[str, ...] = ("p99<=250ms", "error_share<=1%")
    season: tuple[str, ...] = ("fresh_share>=99%",)


class Scenario(Word):
    """A season as its file says it, in seconds and messages per second."""

    title: str
    description: str = ""
    starts_at: datetime
    timezone: str = "UTC"
    duration: Seconds
    bin: Seconds = 1.0
    seed: int = Field(default=1, ge=0)
    audience: Audience
    demand: Demand = Demand()
    campaigns: tuple[Campaign, ...] = Field(default=(), alias="campaign")
    backgrounds: tuple[Background, ...] = Field(default=(), alias="background")
    triggers: tuple[Trigger, ...] = Field(default=(), alias="trigger")
    responses: dict[Channel, Response] = Field(default_factory=dict, alias="response")
    pipeline: Pipeline
    providers: tuple[Provider, ...] = Field(alias="provider")
    objectives: Objectives = Objectives()
    rehearsal: Rehearsal = Rehearsal()
    assumptions: tuple[Assumption, ...] = Field(default=(), alias="assumption")
