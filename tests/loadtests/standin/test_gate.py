"""A provider's limits at its own door are the simulator's laws."""

import math

import pytest

from loadtests.standin.gate import Gate
from loadtests.standin.settings import Settings, settings_of
from loadtests.standin.trouble import Trouble
from loadtests.targets.behind import Behind
from scenarios.providers import limit_of
from sim.pipeline.limiter import Limiter

KINDS = [
    {"kind": "token bucket", "rate": "5/s", "burst": 3},
    {"kind": "fixed window", "messages": 4, "window": "1s"},
    {"kind": "clock hour", "messages": 7},
    {"kind": "refilled bucket", "messages": 6, "every": "2s"},
    {"kind": "daily cap", "messages": 9, "timezone": "America/Los_Angeles"},
    {"kind": "rolling quota", "messages": 8, "window": "3s"},
    {"kind": "concurrency cap", "calls": 3, "call_duration": "500ms"},
    {"kind": "switch-off", "messages": 5, "window": "2s", "off": "4s"},
]


@pytest.mark.parametrize("table", KINDS, ids=lambda table: table["kind"])
def test_every_kind_of_limit_lets_pass_what_the_simulator_lets_pass(table):
    limit = limit_of(table)
    gate, limiter = Gate([limit], "messages", 100.0, 1e9), Limiter([limit], 100.0, 1e9)
    moments = [100.0 + step * 0.13 for step in range(80)]
    assert [gate.admit(at, 1) is None for at in moments] == [limiter.admit(at, 1) == 0.0 for at in moments]


def test_two_limits_pass_together_or_take_from_none():
    limits = [limit_of({"rate": "1/s", "burst": 1}), limit_of({"kind": "rolling quota", "messages": 2})]
    gate = Gate(limits, "messages", 0.0)
    told = [gate.admit(at, 1) for at in (0.0, 0.5, 1.0, 2.0)]
    assert [standing.kind if standing else "" for standing in told] == [
        "",
        "token bucket",
        "",
        "rolling quota",
    ]


def test_a_request_larger_than_a_limit_passes_when_it_is_untouched_and_owes_the_rest():
    gate = Gate([limit_of({"rate": "10/s", "burst": 5})], "messages", 0.0)
    assert gate.admit(0.0, 25) is None
    standing = gate.admit(1.0, 1)
    assert standing is not None
    assert standing.wait_s == pytest.approx(1.1)


def test_a_limit_of_requests_takes_a_batch_for_one_and_so_does_a_cap_on_calls():
    of_requests = Gate([limit_of({"rate": "1/s", "burst": 2})], "requests", 0.0)
    calls = Gate([limit_of({"kind": "concurrency cap", "calls": 2, "call_duration": "1s"})], "messages", 0.0)
    for gate in (of_requests, calls):
        assert [gate.admit(0.0, 500) is None for _ in range(3)] == [True, True, False]


def test_how_a_client_stands_is_what_would_still_pass_now():
    gate = Gate([limit_of({"kind": "fixed window", "messages": 40, "window": "10s"})], "messages", 0.0)
    for left in (33, 26, 19):
        gate.admit(0.0, 7)
        assert gate.standing(0.0).remaining == left


def test_without_limits_everything_passes():
    gate = Gate([], "messages", 0.0)
    assert gate.admit(0.0, 10**6) is None
    assert gate.standing(0.0).kind == ""


def behind(**words):
    return Behind.model_validate({"stand_in": "sendgrid", "port": 8091} | words)


def test_limits_come_from_the_profile_or_are_stated_and_half_of_them_is_half():
    assert settings_of(behind()).limits[0].per_s == 10_000
    assert settings_of(behind(limit="200/s", limit_share=0.5)).limits[0].per_s == 100
    assert settings_of(behind(stand_in="twilio", profile="twilio-short-code")).limits[0].per_s == 100
    stated = [{"kind": "rolling quota", "messages": 200}, {"rate": "5/s"}]
    assert [type(limit).__name__ for limit in settings_of(behind(limits=stated)).limits] == [
        "RollingQuota",
        "TokenBucket",
    ]


def test_braze_counts_requests_unless_the_file_says_otherwise():
    assert settings_of(behind(stand_in="braze")).counts == "requests"
    assert settings_of(behind(stand_in="braze", counts="messages")).counts == "messages"
    assert settings_of(behind()).counts == "messages"


def test_a_yes_takes_as_long_as_a_call_counts():
    cap = [{"kind": "concurrency cap", "calls": 2, "call_duration": "300ms"}]
    settings = settings_of(behind(limits=cap, answers_after="20ms"))
    trouble = Trouble(settings)
    assert (trouble.held_s(0.0, taken=True), trouble.held_s(0.0, taken=False)) == (0.3, 0.0)


def test_answers_of_a_stall_come_at_its_end():
    trouble = Trouble(Settings(provider="ses", stall_s=2.0, stall_every_s=10.0))
    held = [trouble.held_s(100.0 + at, taken=True) for at in (0.0, 7.9, 8.0, 9.5, 10.0, 18.5)]
    assert held == pytest.approx([0.0, 0.0, 2.0, 0.5, 0.0, 1.5])
    assert math.isclose(trouble.held_s(129.0, taken=False), 1.0)
