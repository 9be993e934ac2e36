"""The whole scenario, and the same scenario at another scale."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import Field

from scenarios.faults import Fault
from scenarios.objectives import scaled_objective
from scenarios.pipeline import Pipeline, Retries, Workers
from scenarios.providers import Provider
from scenarios.quantities import Seconds, Share
from scenarios.season import Audience, Background, Campaign, Demand, Response, Trigger
from scenarios.tenants import Tenants
from scenarios.upstream import Stage
from scenarios.words import Channel, Word

AnyWord = TypeVar("AnyWord", bound=Word)


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
    """A season as its file says it, in seconds and messages per second.

    `starts_at` carries an offset. Campaign starts without one are local to `timezone`.
    """

    title: str
    description: str = ""
    starts_at: datetime
    timezone: str = "UTC"
    duration: Seconds = Field(gt=0)
    bin: Seconds = Field(default=1.0, gt=0)
    seed: int = Field(default=1, ge=0, lt=2**63)
    audience: Audience
    tenants: Tenants | None = None
    demand: Demand = Demand()
    campaigns: tuple[Campaign, ...] = Field(default=(), alias="campaign")
    backgrounds: tuple[Background, ...] = Field(default=(), alias="background")
    triggers: tuple[Trigger, ...] = Field(default=(), alias="trigger")
    responses: dict[Channel, Response] = Field(default_factory=dict, alias="response")
    upstream: tuple[Stage, ...] = ()
    pipeline: Pipeline
    providers: tuple[Provider, ...] = Field(alias="provider")
    faults: tuple[Fault, ...] = Field(default=(), alias="fault")
    objectives: Objectives = Objectives()
    rehearsal: Rehearsal = Rehearsal()
    assumptions: tuple[Assumption, ...] = Field(default=(), alias="assumption")

    @classmethod
    def prepared(cls, table: dict[str, Any]) -> dict[str, Any]:
        """The table with the moments of campaigns and faults on its clock where they carry no offset."""
        zone = zone_of(table.get("timezone", "UTC"))
        if zone is None:
            return table
        on_clock = {
            name: [_with_moment_in(zone, row, key) for row in table[name]]
            for name, key in (("campaign", "start"), ("fault", "from"))
            if isinstance(table.get(name), list)
        }
        return {**table, **on_clock}

    def scaled(self, scale: float) -> Scenario:
        """The same season `scale` times as large; every time and every share is unchanged.

        Multiplied exactly: release and background rates, rates of limits. Rounded to whole numbers and at
        least 1: audience size, worker counts, queue bound (0 stays unbounded), messages and calls of limits,
        a breaker's least calls, saved retries, limits of `backlog` objectives. Bursts are at least 1, since a
        smaller bucket admits no message ever. Rounding moves the workers' utilisation by up to half a worker:
        choose scales that leave several.
        """
        workers = self.pipeline.workers
        queue, retries, breaker = self.pipeline.queue, self.pipeline.retries, self.pipeline.breaker
        return self.model_copy(
            update={
                "audience": _with(self.audience, size=_at_least_one(self.audience.size * scale)),
                "campaigns": tuple(_with(c, release=c.release * scale) for c in self.campaigns),
                "backgrounds": tuple(_with(b, rate=b.rate * scale) for b in self.backgrounds),
                "providers": tuple(_scaled_provider(provider, scale) for provider in self.providers),
                "pipeline": _with(
                    self.pipeline,
                    workers=_scaled_workers(workers, scale),
                    queue=_with(queue, bound=_at_least_one(queue.bound * scale) if queue.bound else 0),
                    retries=_scaled_retries(retries, scale),
                    breaker=breaker and _with(breaker, calls=_at_least_one(breaker.calls * scale)),
                ),
                "objectives": _with(
                    self.objectives,
                    season=tuple(scaled_objective(line, "season", scale) for line in self.objectives.season),
                ),
            }
        )


def zone_of(name: Any) -> ZoneInfo | None:
    """The time zone of that name, or None where there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, TypeError, OSError):  # what zoneinfo raises for names of many wrong sorts
        return None


def local_moment(value: Any, zone: ZoneInfo) -> Any:
    """A date or time without offset, also as text, on the clock of `zone`; anything else as it is."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return value
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - given its zone below
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=zone)
    return value


def _with_moment_in(zone: ZoneInfo, row: Any, key: str) -> Any:
    if not isinstance(row, dict) or key not in row:
        return row
    return {**row, key: local_moment(row[key], zone)}


def _scaled_provider(provider: Provider, scale: float) -> Provider:
    return _with(provider, limits=tuple(limit.scaled(scale) for limit in provider.limits))


def _scaled_retries(retries: Retries, scale: float) -> Retries:
    if retries.budget is None:
        return retries
    return _with(retries, budget_saved=_at_least_one(retries.budget_saved * scale))


def _scaled_workers(workers: Workers, scale: float) -> Workers:
    scaling = workers.autoscaling
    return _with(
        workers,
        count=_at_least_one(workers.count * scale),
        autoscaling=scaling and _with(scaling, most=_at_least_one(scaling.most * scale)),
    )


def _at_least_one(number: float) -> int:
    return max(1, round(number))


def _with(word: AnyWord, **changes: Any) -> AnyWord:
    return word.model_copy(update=changes)
