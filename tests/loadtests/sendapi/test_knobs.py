"""The knobs: their JSON and what they refuse."""

from __future__ import annotations

import pytest

from loadtests.sendapi.knobs import Knobs, ProviderLimit, Stall, check, from_json, queue_kind, to_json
from scenarios.problems import UserError
from scenarios.providers import limit_of


def test_knobs_survive_their_json() -> None:
    knobs = Knobs(
        providers=(ProviderLimit("mail", ("email",), 500.0, 25.0), ProviderLimit("text", ("sms", "push"))),
        stall=Stall(0.4, 60.0),
        service_time_s=0.1 + 0.2,
        queue="sqlite:///q.db",
    )
    assert from_json(to_json(knobs)) == knobs


def test_all_bad_knobs_are_named_at_once() -> None:
    bad = Knobs(
        port=70_000,
        service_time_s=-1.0,
        workers=0,
        limit_per_s=0.0,
        burst=0.5,
        queue="kafka",
        stall=Stall(2.0, 1.0),
        queue_bytes=10,
        providers=(ProviderLimit("a", ("email",)), ProviderLimit("b", ("email", "sms"), -1.0)),
    )
    with pytest.raises(UserError) as error:
        check(bad)
    assert [problem.key for problem in error.value.problems] == [
        "limit",
        "providers.b.rate",
        "burst",
        "port",
        "service_time",
        "workers",
        "queue_bytes",
        "queue",
        "stall",
        "providers",
    ]


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "no-such-host.invalid"])
def test_any_address_but_loopback_is_refused(host: str) -> None:
    with pytest.raises(UserError, match="loopback"):
        check(Knobs(host=host))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost"])
def test_loopback_is_taken(host: str) -> None:
    check(Knobs(host=host))


@pytest.mark.parametrize("text", ["", "[]", '{"ports": 1}', '{"workers": "many"}'])
def test_what_is_not_knobs_is_a_user_error(text: str) -> None:
    with pytest.raises(UserError, match=r"knobs\.json"):
        from_json(text, "knobs.json")


def test_a_limit_lets_a_fiftieth_of_a_second_pass_at_once_unless_told_otherwise() -> None:
    assert ProviderLimit("p", ("email",), 500.0).burst_messages() == 10.0
    assert ProviderLimit("p", ("email",), 2.0).burst_messages() == 1.0
    assert ProviderLimit("p", ("email",), 500.0, 900.0).burst_messages() == 900.0


def test_channels_that_no_provider_carries_are_unlimited() -> None:
    limits = Knobs(providers=(ProviderLimit("mail", ("email", "sms"), 10.0),)).limits()
    assert [(limit.channels, limit.rate_per_s) for limit in limits] == [
        (("email", "sms"), 10.0),
        (("push", "whatsapp"), None),
    ]
    assert [limit.channels for limit in Knobs(limit_per_s=5.0).limits()] == [
        ("email", "sms", "push", "whatsapp")
    ]


def test_queue_urls_are_told_apart() -> None:
    urls = ["valkey", "sqlite", "sqlite:///a/b.db", "redis://h:1/0", "valkeys://h", "sqlite:///", "disk"]
    kinds = ["valkey", "sqlite", "sqlite", "remote", "remote", None, None]
    assert [queue_kind(url) for url in urls] == kinds


def test_limits_of_any_kind_survive_the_way_to_the_child() -> None:
    limits = (
        limit_of({"kind": "daily cap", "messages": 9, "timezone": "America/Los_Angeles"}),
        limit_of({"kind": "concurrency cap", "calls": 5, "call_duration": "20ms"}),
        limit_of({"rate": "54k/min", "burst": 3.5}),
    )
    knobs = Knobs(providers=(ProviderLimit("mail", ("email",), limits=limits),))
    assert from_json(to_json(knobs)) == knobs


def test_a_limit_that_is_none_is_told_with_its_place() -> None:
    text = b'{"providers":[{"name":"p","channels":["email"],"limits":[{"kind":"clock hour"}]}]}'
    with pytest.raises(UserError, match="limits"):
        from_json(text)
