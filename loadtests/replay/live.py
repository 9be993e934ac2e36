"""How a replay is going: counts so far, rates and percentiles of the last seconds."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from loadtests.replay.fates import DROPPED, Fault, Reply
from loadtests.replay.rows import Columns
from loadtests.replay.schedule import Schedule
from loadtests.replay.tally import failures
from sim import histogram

RECENT_S = 10.0

_ACCEPTED, _PARTLY, _LIMITED = (int(reply) for reply in (Reply.ACCEPTED, Reply.PARTLY, Reply.LIMITED))
_IS_DROPPED = np.isin(np.arange(128), DROPPED)
_NEVER_STARTED = np.isin(np.arange(128), (*DROPPED, Fault.LOST_WORKER))
"""By fault: a look into a table costs a tenth of asking numpy whether each is one of several."""


@dataclass(frozen=True)
class Figures:
    """Requests so far, messages/s and seconds of the last RECENT_S; NaN where nothing ended in them.

    at_s: since the replay's start. started counts those under way. errors: attempts that were neither
    accepted nor limited, dropped ones apart; errors_by_kind: the same by what went wrong, in words, and lost
    with a worker. target_per_s: messages due; actual_per_s: messages answered.
    """

    at_s: float
    due: int
    started: int
    dropped: int
    in_flight: int
    waiting: int
    accepted: int
    limited: int
    errors: int
    target_per_s: float
    actual_per_s: float
    lateness_s_p99: float
    latency_s_p50: float
    latency_s_p99: float
    errors_by_kind: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Fold:
    at_s: float
    messages: int
    latency_counts: npt.NDArray[np.float64]
    lateness_counts: npt.NDArray[np.float64]


class Live:
    """Folds finished attempts, as they are written, into figures."""

    def __init__(self, schedule: Schedule) -> None:
        self._due_s = schedule.due_s
        self._messages_of = schedule.messages
        self._recent = (0, 0)
        self._messages_recent = 0
        self._duration_s = schedule.duration_s
        self._folds: deque[_Fold] = deque()
        self._messages = 0
        self._latency_counts = np.zeros(histogram.BINS)
        self._lateness_counts = np.zeros(histogram.BINS)
        self._kinds: dict[str, int] = {}
        self._started = self._dropped = self._accepted = self._limited = self._errors = 0

    def count(self, columns: Columns) -> None:
        """Count attempts, in the order of `rows.columns`."""
        attempt, status, reply, fault = (columns[at] for at in (1, 6, 7, 8))
        never = _NEVER_STARTED[fault]
        accepted = (reply == _ACCEPTED) | (reply == _PARTLY)
        limited = reply == _LIMITED
        first = attempt == 1
        self._started += int((first & ~never).sum())
        self._dropped += int((first & never).sum())
        self._accepted += int(accepted.sum())
        self._limited += int(limited.sum())
        wrong = ~(accepted | limited | _IS_DROPPED[fault])
        if wrong.any():
            self._errors += int((wrong & ~never).sum())
            for words, times in failures(status[wrong], reply[wrong], fault[wrong]).items():
                self._kinds[words] = self._kinds.get(words, 0) + times

    def fold(self, columns: Columns, at_s: float) -> None:
        """Add the times of attempts that were counted to those of the last seconds."""
        _, attempt, due_s, picked_s, _, ended_s, _, _, fault, messages, _, _, _ = columns
        answered = fault == 0
        latency_s = np.where(answered, ended_s - due_s, np.inf)
        first = (attempt == 1) & ~np.isnan(picked_s)
        lateness_s = picked_s[first] - due_s[first]
        counts = histogram.count(latency_s), histogram.count(lateness_s)
        self._remember(_Fold(at_s, int(messages[answered].sum()), *counts))

    def _remember(self, new: _Fold) -> None:
        """Keep sums over the last RECENT_S, so that figures cost the same however much came in."""
        self._folds.append(new)
        self._add(new, 1)
        while self._folds[0].at_s < new.at_s - RECENT_S:
            self._add(self._folds.popleft(), -1)

    def _add(self, fold: _Fold, sign: int) -> None:
        self._messages += sign * fold.messages
        self._latency_counts += sign * fold.latency_counts
        self._lateness_counts += sign * fold.lateness_counts

    def figures(self, at_s: float, in_flight: int, waiting: int) -> Figures:
        """Now, with what the reactor has under way."""
        since_s = max(0.0, at_s - RECENT_S)
        before, due = np.searchsorted(self._due_s, (since_s, at_s), side="right").tolist()
        span_s = max(min(at_s, self._duration_s) - since_s, 1e-3)
        return Figures(
            at_s=at_s,
            due=due,
            started=self._started + in_flight,
            dropped=self._dropped,
            in_flight=in_flight,
            waiting=waiting,
            accepted=self._accepted,
            limited=self._limited,
            errors=self._errors,
            target_per_s=self._due_recently(before, due) / span_s,
            actual_per_s=self._messages / max(at_s - since_s, 1e-3),
            lateness_s_p99=histogram.quantile(self._lateness_counts, 0.99),
            latency_s_p50=histogram.quantile(self._latency_counts, 0.50),
            latency_s_p99=histogram.quantile(self._latency_counts, 0.99),
            errors_by_kind=dict(self._kinds),
        )

    def _due_recently(self, before: int, due: int) -> int:
        """Messages of requests [before, due), which only go on: no sum of all of them is kept."""
        was_before, was_due = self._recent
        self._recent = (before, due)
        self._messages_recent += int(self._messages_of[was_due:due].sum())
        self._messages_recent -= int(self._messages_of[was_before:before].sum())
        return self._messages_recent
