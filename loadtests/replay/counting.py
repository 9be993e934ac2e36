"""Blocks of attempts into Locust's own statistics, and to whoever listens to its request event."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from loadtests.replay.fates import Fault, Reply
from loadtests.replay.rows import Columns
from loadtests.replay.schedule import Schedule
from loadtests.replay.tally import Tally, tallies, words_of

METHOD = "POST"


class Counting:
    """Adds to the statistics of one Locust environment. `entry` and `error` are Locust's StatsEntry and
    StatsError.

    Locust's request event costs 5 us and more a request, so it is fired only where somebody besides Locust's
    own statistics listens (a locustfile, a plugin, --otel); the statistics are filled in bulk in any case.
    """

    def __init__(self, environment: Any, entry: Any, error: Any) -> None:
        self._environment = environment
        self._stats = environment.stats
        self._entry = entry
        self._error = error

    def of(self, schedule: Schedule) -> Callable[[Columns], None]:
        """A listener for the attempts of one schedule."""

        def listener(columns: Columns) -> None:
            for tally in tallies(columns):
                self._add(schedule.streams[tally.stream], tally)
            for handler in self._others():
                _tell(handler, schedule, columns)

        return listener

    def _others(self) -> list[Callable[..., None]]:
        # No other way to tell Locust's own listener, which would count everything twice, from others.
        handlers = self._environment.events.request._handlers
        return [handler for handler in handlers if handler.__module__ != "locust.runners"]

    def _add(self, name: str, tally: Tally) -> None:
        now_s = time.time()
        entry = self._filled(name, tally, now_s)
        self._stats.entries[(name, METHOD)].extend(entry)
        self._stats.total.extend(entry)
        for words, times in tally.failures.items():
            key = self._error.create_key(METHOD, name, words)
            error = self._stats.errors.setdefault(key, self._error(METHOD, name, words))
            error.occurrences += times
            error.first_seen, error.last_seen = error.first_seen or now_s, now_s

    def _filled(self, name: str, tally: Tally, now_s: float) -> Any:
        entry = self._entry(self._stats, name, METHOD)
        entry.num_requests = tally.requests
        entry.num_none_requests = tally.without_time
        entry.num_failures = failures = sum(tally.failures.values())
        entry.total_response_time = tally.total_ms
        entry.min_response_time, entry.max_response_time = tally.min_ms, tally.max_ms
        entry.response_times = tally.response_times
        entry.total_content_length = tally.body_bytes
        entry.num_reqs_per_sec = {int(now_s): tally.requests}
        entry.num_fail_per_sec = {int(now_s): failures} if failures else {}
        entry.last_request_timestamp = now_s
        return entry


def _tell(handler: Callable[..., None], schedule: Schedule, columns: Columns) -> None:
    """One call an attempt; response times from the due time, None for what was never started."""
    _, attempt, due_s, _, started_s, ended_s, status, reply, fault, messages, accepted, stream, length = (
        columns
    )
    good = (reply == Reply.ACCEPTED) | (reply == Reply.PARTLY)
    for at in range(due_s.size):
        why = None
        if not good[at]:
            why = RuntimeError(words_of(int(status[at]), Reply(int(reply[at])), Fault(int(fault[at]))))
        handler(
            request_type=METHOD,
            name=schedule.streams[stream[at]],
            response_time=None if started_s[at] != started_s[at] else (ended_s[at] - due_s[at]) * 1e3,
            response_length=int(length[at]),
            exception=why,
            context={
                "messages": int(messages[at]),
                "accepted": int(accepted[at]),
                "attempt": int(attempt[at]),
            },
        )
