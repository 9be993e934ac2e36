"""What a run has: the stages' own results, each of which may be missing."""

from __future__ import annotations

from dataclasses import dataclass

from loadtests.calibration import Calibration
from loadtests.ceiling.ceiling import Ceiling
from loadtests.measurement import Measurement
from reports.findings import About
from scenarios.catalogue import Loaded
from sim.judging import Judged
from sim.simulate import Simulated


@dataclass(frozen=True)
class Results:
    """None or empty where the run did not get that far.

    simulated, again: the season before and after the calibration, run at `simulated_scale` and `again_scale`.
    loaded_again: the scenario with the calibration applied. judged: the send API's objectives on the peak
    replay. scale, share: what of the season the target was to carry. not_carried: streams that the target
    has no operation for. embedded: the target was peakday's own reference API.
    damaged: what was left out because its file cannot be read, and why.
    """

    about: About
    loaded: Loaded | None = None
    simulated: Simulated | None = None
    peak: Measurement | None = None
    judged: tuple[Judged, ...] = ()
    ceiling: Ceiling | None = None
    calibration: Calibration | None = None
    loaded_again: Loaded | None = None
    again: Simulated | None = None
    scale: float = 1.0
    share: float = 1.0
    simulated_scale: float = 1.0
    again_scale: float = 1.0
    not_carried: tuple[str, ...] = ()
    embedded: bool = False
    damaged: tuple[str, ...] = ()

    @property
    def latest(self) -> Simulated | None:
        """The season with what was measured, else as it was assumed."""
        return self.again or self.simulated
