"""What not every drawn season has: answers, stages before the door, crews, overflows, faults and more."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scenarios.pipeline import Pipeline, Queue, Retries, Workers
from scenarios.providers import Provider
from scenarios.scenario import Scenario
from scenarios.words import Word
from tests.study.chance import Random, Tables, at_minute, between, delay, seconds


@dataclass(frozen=True)
class Extra:
    """Adds itself to a season's tables (with the season's peak rate); `word` says `key` where it can."""

    add: Callable[[Random, Tables, float], None]
    word: type[Word]
    key: str

    def known(self) -> bool:
        """Whether the vocabulary of this checkout has its words."""
        return self.key in self.word.model_fields


def _answers(random: Random, tables: Tables, _peak_per_s: float) -> None:
    """A blast's clicks cause texts; some messages bounce."""
    answered = {
        "open_share": 0.4,
        "click_share": float(random.uniform(0.05, 0.3)),
        "bounce_share": float(random.uniform(0.0, 0.05)),
        "delay": delay(random, 10.0, 60.0),
        "act_delay": delay(random, 10.0, 60.0),
    }
    tables["response"] = dict.fromkeys(("email", "sms", "push"), answered)
    caused = {"name": "reminder", "channel": "sms", "after": "click", "share": 0.5}
    tables["trigger"] = [caused | {"delay": delay(random, 5.0, 30.0)}]


def _stage(random: Random, tables: Tables, _peak_per_s: float) -> None:
    each = str(random.choice(["message", "stream"]))
    tables["upstream"] = [{"name": "segment build", "delay": delay(random, 2.0, 30.0), "each": each}]


def _batches(random: Random, tables: Tables, _peak_per_s: float) -> None:
    crew = tables["pipeline"]["workers"]
    crew["batch"] = int(random.integers(2, 9))
    crew["count"] = max(2, math.ceil(crew["count"] / crew["batch"]))


def _measured(random: Random, tables: Tables, _peak_per_s: float) -> None:
    """Service times as they were measured: quantiles, with a long tail."""
    crew = tables["pipeline"]["workers"]
    shape = sorted(between(random, 0.2, 4.0) for _ in range(9))
    mean = (sum(shape) - (shape[0] + shape[-1]) / 2.0) / 8.0
    service_s = float(crew["service_time"].removesuffix("s"))
    crew.pop("variation", None)
    crew |= {"distribution": "empirical", "quantiles": [seconds(service_s * q / mean) for q in shape]}


def _stalls(random: Random, tables: Tables, _peak_per_s: float) -> None:
    told = {"rate": f"{between(random, 0.005, 0.05):.6g}/s", "length": seconds(between(random, 0.5, 5.0))}
    tables["pipeline"]["workers"]["stalls"] = told


def _crashes(random: Random, tables: Tables, _peak_per_s: float) -> None:
    """What is lost comes again; long stalls are served twice."""
    told = {"rate": f"{between(random, 0.001, 0.02):.6g}/s", "restart": seconds(between(random, 1.0, 30.0))}
    tables["pipeline"]["workers"]["crashes"] = told
    tables["pipeline"]["queue"]["visibility_timeout"] = seconds(between(random, 2.0, 60.0))


def _autoscaling(random: Random, tables: Tables, _peak_per_s: float) -> None:
    crew = tables["pipeline"]["workers"]
    on = str(random.choice(["backlog", "utilisation"]))
    target = between(random, 2.0, 20.0) if on == "backlog" else float(random.uniform(0.5, 0.8))
    crew["autoscaling"] = {"most": 3 * crew["count"], "on": on, "target": target, "every": "20s"}
    crew["autoscaling"]["cool_down"] = "40s"
    crew["start_up"] = seconds(random.uniform(5.0, 30.0))


def _overflow(random: Random, tables: Tables, peak_per_s: float) -> None:
    way = str(random.choice(["drop oldest", "spill"]))
    bound = int(peak_per_s * random.uniform(5.0, 30.0))
    tables["pipeline"]["queue"] |= {"bound": bound, "overflow": way}


def _tenants(random: Random, tables: Tables, _peak_per_s: float) -> None:
    """Many who share the queue fairly, the greatest of whom sends a blast of its own now and then."""
    skew = float(random.uniform(0.6, 1.4))
    tables["tenants"] = {"count": int(between(random, 20.0, 3000.0)), "skew": skew}
    tables["pipeline"]["queue"]["fair_share"] = True
    if random.random() < 0.5:
        tables["campaign"][0]["tenant"] = 1


def _budget(random: Random, tables: Tables, _peak_per_s: float) -> None:
    tables["pipeline"]["retries"] |= {"budget": float(random.uniform(0.1, 0.5)), "budget_saved": 200}


def _retry_after(_random: Random, tables: Tables, _peak_per_s: float) -> None:
    for provider in tables["provider"]:
        provider["retry_after"] = True


def _breaker(random: Random, tables: Tables, _peak_per_s: float) -> None:
    tables["pipeline"]["breaker"] = {"open": seconds(random.uniform(5.0, 30.0)), "calls": 40}


def _standby(_random: Random, tables: Tables, _peak_per_s: float) -> None:
    first = tables["provider"][0]
    tables["provider"].append({"name": "second", "channels": first["channels"], "standby": True})


def _when(random: Random) -> Tables:
    return {"from": at_minute(random.uniform(2.0, 8.0)), "for": seconds(random.uniform(20.0, 120.0))}


def _worker_fault(random: Random, tables: Tables, _peak_per_s: float) -> None:
    kind = str(random.choice(["worker-loss", "region-loss", "queue-unavailable"]))
    told = {
        "kind": kind,
        "from": at_minute(random.uniform(2.0, 8.0)),
        "for": seconds(random.uniform(20, 120)),
    }
    tables.setdefault("fault", []).append(
        told if kind == "queue-unavailable" else told | {"share": float(random.uniform(0.2, 0.8))}
    )


def _provider_fault(random: Random, tables: Tables, _peak_per_s: float) -> None:
    kind = str(random.choice(["provider-outage", "slow-provider", "halved-limit"]))
    told = {
        "kind": kind,
        "from": at_minute(random.uniform(2.0, 8.0)),
        "for": seconds(random.uniform(20, 120)),
    }
    told["provider"] = tables["provider"][0]["name"]
    tables.setdefault("fault", []).append(told | ({"factor": 4.0} if kind == "slow-provider" else {}))


EXTRAS: dict[str, Extra] = {
    "answers": Extra(_answers, Scenario, "triggers"),
    "stage before the door": Extra(_stage, Scenario, "upstream"),
    "batches": Extra(_batches, Workers, "batch"),
    "measured service": Extra(_measured, Workers, "quantiles"),
    "stalls": Extra(_stalls, Workers, "stalls"),
    "crashes": Extra(_crashes, Workers, "crashes"),
    "autoscaling": Extra(_autoscaling, Workers, "autoscaling"),
    "overflow": Extra(_overflow, Queue, "overflow"),
    "tenants": Extra(_tenants, Queue, "fair_share"),
    "retry budget": Extra(_budget, Retries, "budget"),
    "Retry-After": Extra(_retry_after, Provider, "retry_after"),
    "breaker": Extra(_breaker, Pipeline, "breaker"),
    "standby": Extra(_standby, Provider, "standby"),
    "fault of workers": Extra(_worker_fault, Workers, "start_up"),
    "fault of a provider": Extra(_provider_fault, Pipeline, "breaker"),
}
