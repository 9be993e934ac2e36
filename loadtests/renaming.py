"""A watcher that puts what a simulation tells under the name of the stage that runs it."""

from __future__ import annotations

from collections.abc import Mapping

from sim.progress import Watcher


class Named:
    """A watcher that puts what is told under one stage, in replications."""

    def __init__(self, watcher: Watcher, stage_name: str, replications: int) -> None:
        self._watcher = watcher
        self._stage = stage_name
        self._replications = replications
        self._finished = 0.0

    def tell(
        self,
        stage: str,
        done: float,
        total: float,
        text: str = "",
        figures: Mapping[str, float] | None = None,
    ) -> None:
        """A replication finished, or a part of one."""
        if stage == "replications":
            self._finished = done
            self._watcher.tell(self._stage, done, self._replications, f"{done:g} of {total:g} replications")
        else:
            part = done / total if total else 0.0
            self._watcher.tell(self._stage, self._finished + part, self._replications, text, figures)

    def stopped(self) -> bool:
        """As the watcher says."""
        return self._watcher.stopped()
