"""What /metrics says, in Prometheus' text or OpenMetrics as asked: gathered when it is read, never before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from loadtests.sendapi.answer import Answer, length_of
from loadtests.sendapi.faults import Faults
from loadtests.sendapi.health import Health, Source
from loadtests.sendapi.life import Life
from loadtests.sendapi.meter import BOUNDS_S, Answered, Meter


class Metrics:
    """A registry over the counts that the API keeps anyway; `source` None while it is starting."""

    def __init__(self, meter: Meter, life: Life) -> None:
        self.source: Source | None = None
        self._meter = meter
        self._life = life
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def told(self, accept: str) -> Answer:
        """The response to a scrape."""
        encode, content_type = choose_encoder(accept)
        content = encode(self._registry)
        return Answer(200, [(b"content-type", content_type.encode()), length_of(content)], content)

    def collect(self) -> Iterator[Metric]:
        """prometheus_client's way to ask."""
        yield from _requests(list(self._meter.answered()))
        yield _gauge("peakday_requests_under_way", "Sends taken and not answered yet", self._life.under_way)
        yield _gauge("peakday_serving", "1 = sends are taken", self._life.state == "serving")
        if self.source is not None:
            yield from _messages(self.source.health())
            yield from _queue(self.source)
            yield from _faults(self.source.faults.now)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=float(value))


def _counter(name: str, words: str, value: float) -> Metric:
    return CounterMetricFamily(name, words, value=value)


def _requests(found: list[tuple[str, int, Answered]]) -> Iterator[Metric]:
    answered = CounterMetricFamily(
        "peakday_requests", "Requests answered, by wire format", labels=["wire", "status"]
    )
    accepted = CounterMetricFamily("peakday_accepted_messages", "Messages accepted", labels=["wire"])
    took = HistogramMetricFamily(
        "peakday_request_seconds", "From a request's head to its answer", labels=["wire"]
    )
    for wire, status, counts in found:
        answered.add_metric([wire, str(status)], counts.requests)
    for wire in dict.fromkeys(wire for wire, _, _ in found):
        of = [counts for name, _, counts in found if name == wire]
        accepted.add_metric([wire], sum(counts.messages for counts in of))
        took.add_metric([wire], _cumulated(of), sum(counts.took_s for counts in of))
    yield from (answered, accepted, took)


def _cumulated(of: Iterable[Answered]) -> list[tuple[str, float]]:
    """Prometheus counts what took at most so long, for each bound."""
    totals = accumulate(sum(counts) for counts in zip(*(a.bins for a in of), strict=True))
    return list(zip([*map(str, BOUNDS_S), "+Inf"], totals, strict=True))


def _messages(health: Health) -> Iterator[Metric]:
    yield _counter("peakday_received_messages", "Messages that became durable here", health.received)
    yield _counter("peakday_recovered_messages", "Messages found in the queue", health.recovered)
    yield _counter("peakday_expired_messages", "Messages that were stale before their turn", health.expired)
    yield _counter("peakday_duplicated_messages", "Messages delivered more than once", health.duplicated)
    yield _counter("peakday_limited_requests", "Requests that a full queue or door refused", health.limited)
    words = {
        "delivered": "Messages delivered",
        "failed": "Dead letters",
        "deferred": "Messages that were refused and are tried again",
    }
    for kind, said in words.items():
        family = CounterMetricFamily(f"peakday_{kind}_messages", said, labels=["provider"])
        for name, flow in health.providers.items():
            family.add_metric([name], getattr(flow, kind))
        yield family
    if health.webhook is not None:
        yield _counter("peakday_webhook_posted_events", "Events that a webhook took", health.webhook.posted)
        given_up = health.webhook.given_up
        yield _counter("peakday_webhook_given_up_events", "Events that no webhook took", given_up)
        yield _gauge("peakday_webhook_waiting_events", "Events still to be posted", health.webhook.waiting)


def _faults(now: Faults) -> Iterator[Metric]:
    """A fault that is not switched on is 0, but for what the API was started with."""
    stall = now.stall
    yield _gauge("peakday_fault_error_share", "Sends answered 500 on purpose", now.error_share)
    yield _gauge("peakday_fault_service_seconds", "Service time switched on", now.service_time_s or 0.0)
    yield _gauge("peakday_fault_stall_seconds", "Length of a stall", stall.length_s if stall else 0.0)
    yield _gauge("peakday_fault_stall_every_seconds", "Period of a stall", stall.every_s if stall else 0.0)
    yield _gauge("peakday_fault_limit_per_second", "Limit switched on", now.limit_per_s or 0.0)


def _queue(source: Source) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "peakday_waiting_messages", "Durable and not done", labels=["priority", "channel"]
    )
    for lane, state in source.store.lanes.items():
        waiting.add_metric([lane.priority, lane.channel], state.untaken + state.in_hand)
    yield waiting
    held = sum(state.untaken_size + state.in_hand_size for state in source.store.lanes.values())
    yield _gauge("peakday_queue_bytes", "Bytes of what waits", held)
    yield _gauge("peakday_queue_durable", "1 = on disk before success is said", source.store.backend.durable)
