"""Checks that span several values of a scenario."""

from __future__ import annotations

import pytest

from scenarios.catalogue import load
from scenarios.cycles import gains
from tests.scenarios.mutating import problems_in, shipped_text

SEND_AGAIN = """
[[trigger]]
name = "again"
channel = "push"
after = "{after}"
to = ["again", "flash-push"]
share = {share}
delay = {{ median = "1min" }}
"""


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ('timezone = "Asia/Singapore"', 'timezone = "Asia/Singapur"', "timezone", "unknown time zone"),
        ("00:00:00+08:00\ntimezone", "00:00:00\ntimezone", "starts_at", "has no offset from UTC"),
        ('duration = "10min"', 'duration = "10.5s"', "duration", "not a whole number of bins"),
        ('bin = "1s"', 'bin = "1us"', "bin", "6e+08 bins"),
        (
            'name = "flash-email"',
            'name = "flash-push"',
            "campaign.flash-push.name",
            "name of campaign number 1",
        ),
        ('name = "thank-you"', 'name = "flash-push"', "trigger.flash-push.name", "name of campaign number 1"),
        ('name = "active"', 'name = "everyone"', "audience.segments.everyone.name", "taken already"),
        ('name = "mail-provider"', 'name = "push-gateway"', "provider.push-gateway.name", "taken already"),
        (
            "[pipeline.queue]",
            '[[upstream]]\nname = "sync"\ndelay = { median = "5s" }\nto = ["flash-pusch"]\n[pipeline.queue]',
            "upstream.sync.to[0]",
            "unknown stream",
        ),
        ('name = "thank-you"', 'name = "thank [you]"', "trigger.thank [you].name", "is not a name"),
        ('segment = "active"', 'segment = "activ"', "campaign.flash-email.segment", "unknown segment"),
        (
            "start = 2026-11-11T00:01:30",
            "start = 2026-11-11T00:10:00",
            "campaign.flash-email.start",
            "after the season",
        ),
        (
            "start = 2026-11-11T00:01:30",
            "start = 2026-11-10T00:10:00",
            "campaign.flash-email.start",
            "before the season",
        ),
        (
            'channels = ["email"]',
            'channels = ["sms"]',
            "campaign.flash-email.channel",
            "no provider carries email",
        ),
        (
            'channels = ["email"]',
            'channels = ["email", "push"]',
            "provider.mail-provider.channels[1]",
            "push-gateway carries push",
        ),
        (
            "[response.email]",
            "[response.sms]",
            "background.order-confirmation.channel",
            "how customers answer on email",
        ),
        ("push = 0.5, ", "", "campaign.flash-push.channel", "nobody may be written to on push"),
        ("push = 0.5, ", "push = 0, ", "campaign.flash-push.channel", "nobody may be written to on push"),
        ("share = 0.7", "share = 0", "campaign.flash-email.segment", "writes to nobody"),
        (
            'rate = "10/s"',
            'rate = "10/s"\nhourly = [1, 2]',
            "background.order-confirmation.hourly",
            "has 2 weights",
        ),
        (
            'rate = "10/s"',
            f'rate = "10/s"\nhourly = {[0] * 24}',
            "background.order-confirmation.hourly",
            "all weights are 0",
        ),
        (
            'rate = "10/s"',
            f'rate = "10/s"\nhourly = {[-1] + [1] * 23}',
            "background.order-confirmation.hourly[0]",
            "below 0",
        ),
        (
            'rate = "10/s"',
            'rate = "10/s"\nminutely = [1, 2]',
            "background.order-confirmation.minutely",
            "has 2 weights",
        ),
        (
            'rate = "10/s"',
            'rate = "10/s"\ndaily = [0, 0]',
            "background.order-confirmation.daily",
            "all weights are 0",
        ),
        ("click_share = 0.05", "click_share = 0.5", "response.email.click_share", "above open_share"),
        (
            "purchase_share = 0.0171",
            "purchase_share = 0.06",
            "response.email.purchase_share",
            "above click_share",
        ),
        (
            "[pipeline.workers]",
            '[[fault]]\nkind = "worker-loss"\nfrom = 2026-11-12\nfor = "1s"\nshare = 1\n[pipeline.workers]',
            "fault[0].from",
            "after the season has ended",
        ),
        (
            "[pipeline.queue]",
            '[pipeline.workers.autoscaling]\nmost = 1\non = "backlog"\ntarget = 5.0\n[pipeline.queue]',
            "pipeline.workers.autoscaling.most",
            "the least",
        ),
        (
            "[pipeline.queue]",
            '[[fault]]\nkind = "worker-lost"\nfrom = 2026-11-11\nfor = "1s"\nshare = 1\n[pipeline.queue]',
            "fault[0].kind",
            "unknown kind",
        ),
        ("scale = 1.0", "scale = 0.2", "rehearsal.scale", "leaves 0.8 of 4 workers"),
        ("share = 1.0\nbatch", "share = 0.0\nbatch", "rehearsal.share", "leaves nothing"),
        ("[audience]", "[demand]\ngrowth = 3.0\n[audience]", "demand.growth", "nothing to multiply"),
        (
            "[audience]",
            '[demand]\nhistory = "x"\ngrowth = { p50 = 3, p90 = 2 }\n[audience]',
            "demand.growth.p90",
            "below p50",
        ),
        (
            "[pipeline.queue]",
            '[pipeline.retries]\ncap = "1ms"\n[pipeline.queue]',
            "pipeline.retries.cap",
            "shorter than the first",
        ),
        ("[order-confirmation]<=10s", "[order-conformation]<=10s", "objectives.season[1]", "unknown stream"),
    ],
)
def test_what_does_not_fit_together_is_told(old: str, new: str, key: str, message: str) -> None:
    text = shipped_text("smoke")
    assert text.count(old) == 1
    told = {problem.key: problem.message for problem in problems_in(text.replace(old, new))}
    assert message in told.get(key, f"not told: {told}")


@pytest.mark.parametrize(
    ("after", "share", "grows"), [("click", 1.0, False), ("delivered", 0.9, False), ("delivered", 1.0, True)]
)
def test_sends_may_cause_themselves_only_while_they_die_out(after: str, share: float, grows: bool) -> None:
    text = shipped_text("smoke") + SEND_AGAIN.format(after=after, share=share)
    keys = {problem.key for problem in problems_in(text)}
    assert keys == ({"trigger.again.to"} if grows else set())


def test_the_gain_of_a_trigger_is_its_share_of_the_answers_that_cause_it() -> None:
    loaded = load("smoke", ['trigger.thank-you.to=["flash-push", "thank-you"]'])
    push = loaded.scenario.responses["push"]
    assert gains(loaded.scenario).tolist() == [[0.9 * push.purchase_share]]


def test_a_scaled_season_keeps_every_time_and_share() -> None:
    season = load("singles-day").scenario
    small = season.scaled(0.01)
    assert small.audience.size == 600_000
    assert small.pipeline.workers.count == 13
    assert small.pipeline.queue.bound == 200_000
    assert small.campaigns[0].release == pytest.approx(400.0)
    assert small.backgrounds[0].rate == pytest.approx(season.backgrounds[0].rate / 100)
    assert (small.providers[0].limits[0].rate, small.providers[0].limits[0].burst) == (500.0, 500.0)
    assert small.audience.reach == season.audience.reach
    assert [c.start for c in small.campaigns] == [c.start for c in season.campaigns]
    assert (small.triggers, small.responses, small.pipeline.retries) == (
        season.triggers,
        season.responses,
        season.pipeline.retries,
    )
    assert small.pipeline.workers.service_time == season.pipeline.workers.service_time


def test_scaling_down_leaves_a_worker_a_burst_and_an_unbounded_queue() -> None:
    season = load("smoke", ["pipeline.queue.bound=0"]).scenario.scaled(1e-6)
    assert (season.pipeline.workers.count, season.pipeline.queue.bound) == (1, 0)
    assert (season.audience.size, season.providers[0].limits[0].burst) == (1, 1.0)
