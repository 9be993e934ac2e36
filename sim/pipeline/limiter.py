"""All limits of one provider together, one message or batch at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scenarios.limits import LimitWord
from sim.pipeline.limitlaws import Figures
from sim.pipeline.limits import NO_LAW, Wait, law


class Limiter:
    """All limits of one provider together: a send passes all of them or takes from none."""

    __slots__ = ("_figures", "_others", "_refusals", "_start", "_state", "_take", "_wait")

    def __init__(self, limits: Sequence[LimitWord], now_s: float = 0.0, epoch_s: float = 0.0) -> None:
        self._start = now_s, epoch_s
        made = [law(limit, now_s, epoch_s) for limit in limits] or [NO_LAW]
        # the first limit is unpacked: most providers have one, and this is called for every message
        self._wait, self._take = made[0].wait, made[0].take
        self._state, self._figures = list(made[0].state), made[0].figures
        self._others = [(each.wait, each.take, list(each.state), each.figures) for each in made[1:]]
        self._refusals = [(at, each.refuse) for at, each in enumerate(made) if each.refuse]

    def admit(self, now_s: float, messages: int = 1) -> float:
        """0.0 = admitted and booked; else nothing is booked and it is worth asking again in so many seconds.

        inf when a limit can never pass that many at once.
        """
        wait_s = self._wait(self._state, self._figures, now_s, messages)
        if self._others:
            wait_s = max(wait_s, max(row[0](row[2], row[3], now_s, messages) for row in self._others))
        if wait_s == 0.0:
            self._take(self._state, self._figures, now_s, messages)
            for _, take, state, figures in self._others:
                take(state, figures, now_s, messages)
        elif self._refusals:
            self._refuse(now_s, messages)
        return wait_s

    def one_by_one(self) -> Callable[[float], float]:
        """`admit` for single messages until the next `change`. Most providers have one limit: it is bound."""
        if self._others or self._refusals:
            return self.admit
        wait, take, state, figures = self._wait, self._take, self._state, self._figures

        def admit(now_s: float) -> float:
            wait_s = wait(state, figures, now_s, 1)
            if wait_s == 0.0:
                take(state, figures, now_s, 1)
            return wait_s

        return admit

    def _refuse(self, now_s: float, messages: int) -> None:
        """Tell the limits that want to know of what they themselves refused."""
        rows = self.rows()
        for at, refuse in self._refusals:
            wait, state, figures = rows[at]
            if wait(state, figures, now_s, messages) > 0.0:
                refuse(state, figures, now_s, messages)

    def rows(self) -> list[tuple[Wait, list[float], Figures]]:
        """Each limit's `wait`, state and figures, in the order of the limits."""
        first = (self._wait, self._state, self._figures)
        return [first, *((wait, state, figures) for wait, _, state, figures in self._others)]

    def change(self, limits: Sequence[LimitWord], now_s: float) -> None:
        """From `now_s` on these figures hold, of limits of the same kinds; what was used stays used."""
        for wait, state, figures in self.rows():
            wait(state, figures, now_s, 0.0)
        made = [law(limit, *self._start) for limit in limits] or [NO_LAW]
        self._figures = made[0].figures
        self._others = [
            (wait, take, state, each.figures)
            for (wait, take, state, _), each in zip(self._others, made[1:], strict=True)
        ]
