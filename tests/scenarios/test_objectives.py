"""Objectives from one line of text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.objectives import QUANTITIES, Objective, Subject, parse_objective, scaled_objective
from scenarios.problems import BadValueError


def test_an_objective_states_quantity_limit_window_and_share() -> None:
    assert parse_objective("p99<=250ms over 10s, 95%", "send api") == Objective(
        "p99<=250ms over 10s, 95%", "send api", "p99", "", True, 0.25, 10.0, 0.95
    )


def test_without_a_window_an_objective_holds_over_the_whole_hold() -> None:
    objective = parse_objective("error_share <= 1 %", "send api")
    assert (objective.limit, objective.window_s, objective.window_share) == (0.01, 0.0, 1.0)


def test_a_season_objective_may_name_a_stream() -> None:
    objective = parse_objective("fresh_share[flash push]>=99% over 1min, 95 % of them", "season")
    assert (objective.stream, objective.at_most, objective.limit) == ("flash push", False, 0.99)


@pytest.mark.parametrize(
    ("text", "subject", "message", "allowed"),
    [
        ("p99<=1s", "season", "belongs into [objectives] send_api", "fresh_share"),
        ("fresh_share>=1", "send api", "belongs into [objectives] season", "p99"),
        ("p98<=1s", "send api", "unknown quantity", "p99"),
        ("p99>=1s", "send api", "good when it is small", "p99<=250ms"),
        ("goodput_share<99%", "send api", "good when it is large", "goodput_share>=99%"),
        ("error_share[a]<=1%", "send api", "not told by stream", "error_share<=1%"),
        ("fresh_share[]>=1", "season", "empty stream name", "fresh_share>=99%"),
        ("p99<=250", "send api", "has no unit", "250ms"),
        ("p99<=250ms over 0s", "send api", "no length", "over 10s"),
        ("p99 is good", "send api", "is not an objective", "p99<=250ms over 10s, 95%"),
        ("drain<=1h, 95%", "season", "is not an objective", "over WINDOW"),
        ("error_share<=101%", "send api", "above 1", "5 %"),
    ],
)
def test_a_line_that_states_no_objective_is_refused_with_what_is_allowed(
    text: str, subject: Subject, message: str, allowed: str
) -> None:
    with pytest.raises(BadValueError) as caught:
        parse_objective(text, subject)
    assert message in caught.value.message
    assert allowed in caught.value.allowed


@pytest.mark.parametrize("subject", list(QUANTITIES))
def test_every_quantity_can_be_asked_for_by_its_example(subject: Subject) -> None:
    for name, quantity in QUANTITIES[subject].items():
        text = f"{name}{'<=' if quantity.at_most else '>='}{quantity.example}"
        assert parse_objective(text, subject).quantity == name


@given(st.text(max_size=40), st.sampled_from(list(QUANTITIES)))
def test_any_text_is_an_objective_or_refused(text: str, subject: Subject) -> None:
    try:
        outcome = parse_objective(text, subject).quantity
    except BadValueError as error:
        outcome = error.allowed
    assert outcome


def test_a_limit_in_messages_grows_with_the_season_and_a_time_does_not() -> None:
    assert scaled_objective("backlog<=500k over 1min", "season", 0.01) == "backlog<=5000 over 1min"
    assert scaled_objective("drain<=10min", "season", 0.01) == "drain<=10min"
