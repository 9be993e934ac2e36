"""What was watched of a target: every figure of every trial, and what it says of the limit's cause."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadtests.ceiling.ceiling import Ceiling
from loadtests.farside import FarFigure, FarProvider
from loadtests.targets.figure import Meaning
from reports.find import find
from reports.results import Results
from reports.watched import NOT_OBSERVED, cause, watched


def showing(ceiling: Ceiling, quiet: float, broken: float, meaning: Meaning, unit: str) -> Ceiling:
    """The ceiling with one figure that is `quiet` where trials hold and `broken` where they break."""

    def figure(verdict: str) -> FarFigure:
        value = broken if verdict == "breaks" else quiet
        return FarFigure("it", unit, meaning, value, value, value)

    trials = tuple(
        replace(t, measurement=replace(t.measurement, figures=(figure(t.verdict),))) for t in ceiling.trials
    )
    return replace(ceiling, trials=trials)


@pytest.fixture
def ceiling(results: Results) -> Ceiling:
    """Trials that hold and break; the lowest that broke is what a cause is read from."""
    assert results.ceiling is not None
    return results.ceiling


def test_the_table_has_every_figure_of_every_trial_and_of_the_peak(results: Results) -> None:
    table = watched(results.ceiling, results.peak)
    assert table.column("figure") == ("api cpu",) * 6 + ("open connections",) * 6
    assert table.column("in")[:6] == ("trial 1", "trial 2", "trial 3", "trial 4", "trial 5", "peak")


@pytest.mark.parametrize(
    ("quiet", "broken", "meaning", "unit", "said"),
    [
        (40.0, 96.0, "cpu", "%", "it at 96 %"),
        (0.4, 0.96, "cpu", "share", "it at 96 %"),
        (40.0, 60.0, "cpu", "%", "nothing of it stands out"),
        (3.9, 3.95, "cpu", "cores", "nothing of it stands out"),
        (10.0, 400.0, "consumer lag", "messages", "it at 400 messages, up from 10 messages"),
        (0.0, 7.0, "connections", "", "it at 7, up from 0"),
        (10.0, 15.0, "connections", "", "nothing of it stands out"),
    ],
)
def test_a_busy_processor_and_what_grew_are_named_as_what_was_observed_at_the_limit(
    ceiling: Ceiling, quiet: float, broken: float, meaning: Meaning, unit: str, said: str
) -> None:
    assert said in cause(showing(ceiling, quiet, broken, meaning, unit))


def test_without_any_observation_the_cause_is_not_observed(results: Results, ceiling: Ceiling) -> None:
    blind = tuple(
        replace(t, measurement=replace(t.measurement, figures=(), providers=())) for t in ceiling.trials
    )
    unseen = replace(ceiling, trials=blind)
    assert cause(unseen) == NOT_OBSERVED
    theirs = replace(results, ceiling=unseen, embedded=False)
    assert NOT_OBSERVED in find(theirs).binds_first_because
    assert NOT_OBSERVED not in find(replace(theirs, embedded=True)).binds_first_because


def test_where_deliveries_are_watched_or_nothing_broke_there_is_nothing_to_complain_of(
    ceiling: Ceiling,
) -> None:
    far = (FarProvider("all", 10.0, 0.0, False),)
    seen = tuple(
        replace(t, measurement=replace(t.measurement, figures=(), providers=far)) for t in ceiling.trials
    )
    assert cause(replace(ceiling, trials=seen)) == ""
    held = tuple(t for t in ceiling.trials if t.verdict == "holds")
    assert cause(replace(ceiling, trials=held)) == "" == cause(None)
