"""What delivered messages cause: the customers' answers and the sends triggered by them. One law, two faces.

The law. A message delivered on a channel with a `Response` is opened, clicked and leads to a purchase with
the channel's shares, which are nested (who clicks has opened, who buys has clicked), `stale_share` times as
often when it came too late. On a channel without opens the click comes first. The message makes its customer
unsubscribe or complain with the channel's shares, late or not. Transactional messages are opened and clicked,
but sell nothing and annoy nobody. Answers count with the message that caused them, however late they come.
Each `after` answer to a message of one of a trigger's `to` causes a send with probability `share`; on another
channel than the cause's, only to the share of customers within that channel's reach (who is out of reach is
no cause, so planned = offered). Sends due after the season's end never happen.

Message face: `Answers.deliver[stream](delivered_s, fresh)` -> [(trigger stream, due_s), ...], drawn.
Cohort face: `Feedback`: expected sends. The engine steps through the bins in order:
    while first < bins:
        n = any number from 1 to feedback.horizon_bins
        arriving = feedback.arrivals(first, n)          # (S, n), each bin asked for once, in order
        ... run the pipeline over these bins ...
        feedback.add(first, delivered, fresh)           # (S, n) each, before the next arrivals()
No send arrives earlier than `horizon_bins` after its cause, so the steps' length changes no number. The
price: of each trigger, the earliest 1 % (delays.EARLY_SHARE) wait until that lag. Without triggers the
horizon is the season. Cost: bins x triggers x about 40 breakpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from scenarios.scenario import Scenario
from scenarios.season import Trigger
from sim.outcome import Customers
from sim.season.customers import customers
from sim.season.delays import Drawn, Spread, spread
from sim.season.laws import Law, causes, law_of, sends
from sim.seeds import one_by_one
from sim.seeds import stream as random_stream
from sim.traffic import Stream

_BLOCK = 256
"""Random numbers drawn at once by the message face: few messages of many streams are answered."""

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Lay = Callable[[Floats, Floats, Indices, Floats], None]


def _index(streams: Sequence[Stream], name: str) -> int:
    return next(i for i, s in enumerate(streams) if s.cause == "trigger" and s.name == name)


def _counted(scenario: Scenario, laws: Sequence[Law], delivered: Floats, fresh: Floats) -> Customers:
    """The expected customers of (S,) deliveries, `fresh` of them in time."""
    effective = fresh + np.array([law.stale for law in laws]) * (delivered - fresh)
    bought = effective * np.array([law.purchase for law in laws])
    return customers(
        scenario.audience.size,
        opens=float(effective @ np.array([law.open for law in laws])),
        clicks=float(effective @ np.array([law.click for law in laws])),
        purchases=float(bought.sum()),
        unsubscribes=float(delivered @ np.array([law.unsubscribe for law in laws])),
        complaints=float(delivered @ np.array([law.complaint for law in laws])),
        revenue=float(bought @ np.array([law.order_value for law in laws])),
    )


def lay_causes(caused: Floats, slope: Floats, lags: Indices, jumps: Floats) -> None:
    """Add to `slope` the changes that causes (n,) in its first n bins bring about, `lags` bins later each."""
    for lag, jump in zip(lags.tolist(), jumps.tolist(), strict=True):
        due = slope[lag : lag + len(caused)]
        due += jump * caused[: due.size]


class Feedback:
    """The cohort face: expected triggered sends on bins. See the module's docstring for the order of calls.

    streams: S of them, trigger streams among them. bins, bin_s: the season's. lay: sim.pipeline.kernel has
    a compiled one.
    """

    def __init__(
        self, scenario: Scenario, streams: Sequence[Stream], bins: int, bin_s: float, lay: Lay = lay_causes
    ) -> None:
        self._scenario = scenario
        self._laws = [law_of(stream, scenario.responses) for stream in streams]
        self._totals = np.zeros((2, len(streams)))
        flows = list(_flows(scenario, streams, self._laws, bin_s))
        self._rows = sorted({flow.row for flow in flows})
        self._slopes = np.zeros((len(self._rows), bins))
        self._levels = np.zeros((len(self._rows), 1))
        self._by_fresh = np.array([flow.by_fresh - flow.by_stale for flow in flows])
        self._by_any = np.array([flow.by_stale for flow in flows])
        self._caused = np.zeros((len(flows), bins))
        self._laying = [
            _Laying(flow.laid_out, caused, self._slopes[self._rows.index(flow.row)], lay)
            for flow, caused in zip(flows, self._caused, strict=True)
        ]
        self._next = 0
        self.horizon_bins = min((laying.first_lag for laying in self._laying), default=max(1, bins))

    def add(self, first_bin: int, delivered: Floats, fresh: Floats) -> None:
        """Deliveries (S, n) in the bins from `first_bin`, `fresh` of them within their freshness."""
        self._totals += delivered.sum(axis=1), fresh.sum(axis=1)
        if self._laying:
            until = first_bin + delivered.shape[1]
            self._caused[:, first_bin:until] = self._by_fresh @ fresh + self._by_any @ delivered

    def arrivals(self, first_bin: int, n: int) -> Floats:
        """Triggered sends (S, n) due in the bins from `first_bin`; rows of other streams are 0.

        Raises ValueError when bins are asked for out of order or for more than `horizon_bins` at once.
        """
        if first_bin != self._next or n > self.horizon_bins:
            asked, allowed = f"{first_bin}+{n}", f"{self._next}+{self.horizon_bins}"
            raise ValueError(f"bins {asked} asked for; next are {allowed} at most")
        arriving = np.zeros((len(self._laws), n))
        self._next += n
        if self._laying:
            for laying in self._laying:
                laying.until(first_bin, self._next)
            levels = self._levels + np.cumsum(self._slopes[:, first_bin : self._next], axis=1)
            self._levels = levels[:, -1:]
            # cumulated differences leave residues of about 1e-16 of the peak on either side of zero
            arriving[self._rows] = np.maximum(levels, 0.0)
        return arriving

    def customers(self) -> Customers:
        """What the customers did about everything added so far."""
        return _counted(self._scenario, self._laws, *self._totals)


@dataclass(frozen=True)
class _Flow:
    """Deliveries that cause sends of stream `row` after one delay; by_fresh, by_stale: (S,), sends each."""

    row: int
    by_fresh: Floats
    by_stale: Floats
    laid_out: Spread


class _Laying:
    """Lays what was caused on the sends' slope, how they change from bin to bin, as late as is early enough.

    caused, slope: float64 (bins,), shared with the Feedback. Long blocks are cheap, so causes wait until the
    first of them may be due.
    """

    def __init__(self, laid_out: Spread, caused: Floats, slope: Floats, lay: Lay) -> None:
        self.first_lag = int(laid_out.lags[0])
        self._lags, self._jumps, self._lay = laid_out.lags.astype(np.int64), laid_out.jumps, lay
        self._caused, self._slope = caused, slope
        self._laid = 0

    def until(self, known_bins: int, due_bin: int) -> None:
        """Lay all causes before `known_bins` unless none of them is due before `due_bin`."""
        if due_bin <= self._laid + self.first_lag:
            return
        caused = self._caused[self._laid : known_bins]
        if caused.any():
            self._lay(caused, self._slope[self._laid :], self._lags, self._jumps)
        self._laid = known_bins


def _flows(
    scenario: Scenario, streams: Sequence[Stream], laws: Sequence[Law], bin_s: float
) -> Iterator[_Flow]:
    for trigger in scenario.triggers:
        followed = causes(trigger, streams)
        for channel in sorted({streams[i].channel for i in followed}):
            members = [i for i in followed if streams[i].channel == channel]
            weights = np.zeros((2, len(streams)))
            for i in members:
                share = laws[i].share(trigger.after) * sends(trigger, streams[i], scenario.audience)
                weights[:, i] = share, share * laws[i].stale_factor(trigger.after)
            if weights.any():
                delays = (*laws[members[0]].delays(trigger.after), trigger.delay)
                row = _index(streams, trigger.name)
                yield _Flow(row, weights[0], weights[1], spread(delays, bin_s))


Sent = tuple[int, float]
"""A triggered send: index of its stream, due time in seconds from the season's start."""


class Answers:
    """The message face: each delivered message is answered, or not, by its own draw.

    Every stream draws from its own random streams, so that another stream changes nothing here.
    """

    def __init__(self, scenario: Scenario, streams: Sequence[Stream], seed: int) -> None:
        self._scenario = scenario
        followers: list[list[tuple[int, Trigger]]] = [[] for _ in streams]
        for trigger in scenario.triggers:
            row = _index(streams, trigger.name)
            for i in causes(trigger, streams):
                followers[i].append((row, trigger))
        both = zip(streams, followers, strict=True)
        self._replies = [_Replies(scenario, stream, followed_by, seed) for stream, followed_by in both]
        self.deliver = [reply.to for reply in self._replies]
        """By stream, (delivered_s, fresh) to the sends that one delivery causes, in no order, none due before
        `delivered_s`."""
        self.answered = [reply.any for reply in self._replies]
        """Of each stream whether anybody ever answers; else nothing need be drawn."""

    def customers(self) -> Customers:
        """What the customers did about everything delivered so far."""
        counts = np.array([reply.counts for reply in self._replies], dtype=np.float64).reshape(-1, 5)
        values = np.array([reply.law.order_value for reply in self._replies])
        opens, clicks, purchases, unsubscribes, complaints = counts.sum(axis=0).tolist()
        return customers(
            self._scenario.audience.size,
            opens=opens,
            clicks=clicks,
            purchases=purchases,
            unsubscribes=unsubscribes,
            complaints=complaints,
            revenue=float(counts[:, _PURCHASES] @ values),
        )


_OPENS, _CLICKS, _PURCHASES, _UNSUBSCRIBES, _COMPLAINTS = range(5)


class _Replies:
    """The answers to one stream. One uniform number u decides on a message: opened where u < open, clicked
    where u < click, bought where u < purchase; unsubscribed where 1 - u < unsubscribe, complained alike."""

    def __init__(
        self, scenario: Scenario, stream: Stream, followed_by: Sequence[tuple[int, Trigger]], seed: int
    ) -> None:
        self.law = law_of(stream, scenario.responses)
        self.counts = [0, 0, 0, 0, 0]
        own = partial(random_stream, seed, "response", stream.name)
        self._uniform = one_by_one(own("answer").random, _BLOCK).__next__
        self._normal = one_by_one(own("delay").standard_normal, _BLOCK)
        self._sent = one_by_one(own("sent").random, _BLOCK).__next__
        self._leaving = 1.0 - max(self.law.unsubscribe, self.law.complaint)
        self._answering = max(self.law.open, self.law.click, self.law.purchase)
        self._answering_late = self._answering * self.law.stale
        self._triggers = [
            (t.after, sends(t, stream, scenario.audience), row, Drawn((t.delay,), self._normal))
            for row, t in followed_by
        ]
        self._opening = Drawn((self.law.delay,), self._normal)
        self._acting = Drawn((self.law.act_delay,), self._normal)
        self._on_delivery = any(t.after == "delivered" for _, t in followed_by)
        self.any = self._on_delivery or self._answering > 0.0 or self._leaving < 1.0

    def to(self, delivered_s: float, fresh: bool) -> Sequence[Sent]:
        """The sends caused by one delivery."""
        u = self._uniform()
        if u >= self._leaving:
            self._leave(1.0 - u)
        if u < (self._answering if fresh else self._answering_late):
            return self._answered(delivered_s, u if fresh else u / self.law.stale, True)
        return self._answered(delivered_s, u, False) if self._on_delivery else ()

    def _leave(self, u: float) -> None:
        self.counts[_UNSUBSCRIBES] += u < self.law.unsubscribe
        self.counts[_COMPLAINTS] += u < self.law.complaint

    def _answered(self, delivered_s: float, u: float, answering: bool) -> Sequence[Sent]:
        answers: dict[str, float] = {"delivered": delivered_s}
        if answering:
            opened_s = delivered_s + self._opening()
            if u < self.law.open:
                self.counts[_OPENS] += 1
                answers["open"] = opened_s
            if u < self.law.click:
                self.counts[_CLICKS] += 1
                answers["click"] = opened_s
            if u < self.law.purchase:
                self.counts[_PURCHASES] += 1
                answers["purchase"] = opened_s + self._acting()
        return [
            (row, answers[after] + delay())
            for after, share, row, delay in self._triggers
            if after in answers and self._sent() < share
        ]
