"""Fits service time, parallelism and limits to what was measured; predicts a part it was not fitted on."""

from __future__ import annotations

from dataclasses import dataclass

FORMAT = "peakday calibration 1"


@dataclass(frozen=True)
class Fitted:
    """One parameter of the scenario before and after, with a 90 % interval; `unit` is "s" or "messages/s"."""

    name: str
    unit: str
    before: float
    after: float
    low: float
    high: float


@dataclass(frozen=True)
class Refused:
    """A parameter that the measurement says nothing about, and what would be needed to fit it."""

    name: str
    missing: str


@dataclass(frozen=True)
class Predicted:
    """One held-out figure, predicted by the fitted model and measured; error = predicted / measured - 1."""

    name: str
    unit: str
    predicted: float
    measured: float
    error: float


@dataclass(frozen=True)
class Calibration:
    """What the measurement changed in the model, and how well that model predicts the held-out replay."""

    fitted: tuple[Fitted, ...]
    refused: tuple[Refused, ...]
    held_out: tuple[Predicted, ...]
    fitted_on: tuple[str, ...]
    held_out_on: str
