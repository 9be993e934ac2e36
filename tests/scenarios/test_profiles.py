"""Provider profiles: they read, they say who said so, a provider's own keys go over them."""

from __future__ import annotations

import re

import pytest

from scenarios.catalogue import SHIPPED, load_text
from scenarios.limits import FixedWindow, TokenBucket
from scenarios.problems import UserError
from scenarios.profiles import FOLDER, profile_names
from scenarios.providers import Provider
from scenarios.scenario import Scenario

SMOKE = (SHIPPED / "smoke.toml").read_text(encoding="utf-8")


def smoke(lines: str) -> Scenario:
    """The smoke season with these lines in its mail provider, in the place of its limits and source."""
    text = re.sub(r'(name = "mail-provider"\n).*?\n\n', rf"\1{lines}\n\n", SMOKE, count=1, flags=re.DOTALL)
    return load_text(text, SHIPPED / "smoke.toml").scenario


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_reads_and_says_who_said_so_and_when(name: str) -> None:
    provider = Provider.model_validate({"name": "p", "profile": name})
    assert provider.channels
    assert provider.source
    assert provider.read_on is not None
    assert f"`{name}`" in (SHIPPED / "README.md").read_text(encoding="utf-8")


def test_every_provider_that_is_asked_for_has_a_profile() -> None:
    asked = ["sendgrid", "twilio", "braze", "ses", "fcm", "apns", "whatsapp", "onesignal"]
    asked += ["klaviyo", "postmark"]
    assert all(any(name.startswith(each) for name in profile_names()) for each in asked)
    assert {path.stem for path in FOLDER.glob("twilio-*")} == {
        "twilio-long-code",
        "twilio-toll-free",
        "twilio-short-code",
        "twilio-10dlc",
    }


def test_a_scenario_takes_over_what_a_profile_says() -> None:
    provider = next(p for p in smoke('profile = "klaviyo"\nchannels = ["email"]').providers if p.profile)
    assert provider.channels == ("email",)
    assert [limit.per_s for limit in provider.limits] == pytest.approx([350.0, 3500 / 60])
    assert all(isinstance(limit, FixedWindow) for limit in provider.limits)


def test_a_key_of_the_provider_s_own_replaces_the_profile_s() -> None:
    lines = 'profile = "sendgrid"\nlimits = [{ rate = "5/s", burst = 9 }]'
    provider = next(p for p in smoke(lines).providers if p.profile)
    assert provider.limits == (TokenBucket.model_validate({"rate": "5/s", "burst": 9}),)
    assert "sendgrid" in provider.source


def test_an_unknown_profile_is_told_with_the_nearest() -> None:
    with pytest.raises(UserError) as told:
        smoke('profile = "klavyio"\nchannels = ["email"]')
    assert [(p.key, p.nearest) for p in told.value.problems] == [
        ("provider.mail-provider.profile", "klaviyo")
    ]


def test_a_limit_s_mistakes_are_told_at_their_places() -> None:
    limits = (
        '{ kind = "fixd window", messages = 3, window = "1s" }, { kind = "fixed window", messages = 0, '
        'window = "1s" }'
    )
    with pytest.raises(UserError) as told:
        smoke(f'channels = ["email"]\nlimits = [{limits}]')
    assert {(p.key, p.nearest) for p in told.value.problems} == {
        ("provider.mail-provider.limits[0].kind", "fixed window"),
        ("provider.mail-provider.limits[1].messages", ""),
    }


def test_a_daily_cap_in_a_zone_that_does_not_exist_is_told() -> None:
    limits = '{ kind = "daily cap", messages = 3, timezone = "US/Pacifik" }'
    with pytest.raises(UserError) as told:
        smoke(f'channels = ["email"]\nlimits = [{limits}]')
    assert [p.key for p in told.value.problems] == ["provider.mail-provider.limits[0].timezone"]


def test_a_setting_reaches_a_limit_that_a_profile_states_and_the_run_keeps_both() -> None:
    text = re.sub(
        r'(name = "mail-provider"\n).*?\n\n', '\\1profile = "sendgrid"\n\n', SMOKE, count=1, flags=re.DOTALL
    )
    path = SHIPPED / "smoke.toml"
    loaded = load_text(text, path, settings=["provider.mail-provider.limits[0].rate=7/s"])
    provider = next(p for p in loaded.scenario.providers if p.profile)
    assert [(limit.per_s, limit.at_once) for limit in provider.limits] == [(7.0, 10_000.0)]
    assert load_text(loaded.toml, path).scenario == loaded.scenario
