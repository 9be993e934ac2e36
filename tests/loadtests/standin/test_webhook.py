"""A stand-in tells what became of messages as its provider would; a rehearsal's receiver understands it."""

from __future__ import annotations

import http.client

import pytest

from loadtests.receiver import server as receiver
from loadtests.standin import server
from loadtests.standin.records import read_arrivals
from loadtests.standin.settings import Settings
from loadtests.targets.behind import Behind
from loadtests.targets.behind_soundness import limit_complaints
from loadtests.targets.delivery_words import Delivery
from scenarios.problems import UserError
from tests.loadtests.standin.calls import (
    BATCH,
    MAIL_SEND,
    MESSAGES,
    SES_BULK,
    mail,
    postmark_batch,
    ses_bulk,
    sms,
)
from tests.loadtests.waiting import eventually

BEARER = {"Authorization": "Bearer k", "Content-Type": "application/json"}
BASIC = {
    "Authorization": "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDp0b2tlbg==",
    "Content-Type": "application/x-www-form-urlencoded",
}
TOKEN = {"X-Postmark-Server-Token": "k", "Content-Type": "application/json"}


def post(base_url, path, body, headers):
    connection = http.client.HTTPConnection(base_url.removeprefix("http://"), timeout=10)
    connection.request("POST", path, body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def delivered(running):
    found = read_arrivals(running.records)
    return sorted(found.number[found.outcome == 1].tolist())


@pytest.mark.parametrize(
    ("provider", "path", "body", "headers"),
    [
        ("sendgrid", MAIL_SEND, mail(1, 2, 3), BEARER),
        ("twilio", MESSAGES, sms(1), BASIC),
        ("postmark", BATCH, postmark_batch(1, 2, 3), TOKEN),
    ],
)
def test_each_message_that_a_stand_in_takes_is_told_of_in_its_provider_s_form(
    tmp_path, provider, path, body, headers
):
    wanted = [1] if provider == "twilio" else [1, 2, 3]
    with receiver.start(Delivery(observed="webhook", events=provider), tmp_path / "hears", {}) as hears:
        settings = Settings(provider=provider, webhook=hears.delivery.webhook_url)
        with server.start(settings, tmp_path / "plays") as plays:
            assert post(plays.base_url, path, body, headers) in (200, 201, 202)
            assert eventually(lambda: delivered(hears) == wanted)
            assert eventually(lambda: plays.counts().webhook.posted == len(wanted))


def test_ses_tells_by_notifications_inside_of_sns(tmp_path, signed_ses):
    with receiver.start(Delivery(observed="webhook", events="ses"), tmp_path / "hears", {}) as hears:
        settings = Settings(provider="ses", webhook=hears.delivery.webhook_url)
        with server.start(settings, tmp_path / "plays") as plays:
            body = ses_bulk(4, 5)
            assert post(plays.base_url, SES_BULK, body, signed_ses(plays.base_url, SES_BULK, body)) == 200
            assert eventually(lambda: delivered(hears) == [4, 5])


def test_what_is_limited_is_not_told_of(tmp_path):
    from scenarios.providers import TokenBucket

    limit = TokenBucket.model_validate({"rate": "1/min", "burst": 2})
    with receiver.start(Delivery(observed="webhook", events="postmark"), tmp_path / "hears", {}) as hears:
        settings = Settings(provider="postmark", limits=(limit,), webhook=hears.delivery.webhook_url)
        with server.start(settings, tmp_path / "plays") as plays:
            assert post(plays.base_url, BATCH, postmark_batch(1, 2, 3), TOKEN) == 200
            assert eventually(lambda: plays.counts().webhook.posted == 2)
        assert delivered(hears) == [1, 2]


def test_twilio_posts_where_the_message_asks_for_it_and_signs_with_the_token(tmp_path):
    delivery = Delivery(observed="webhook", events="twilio", key="${TOKEN}")
    with (
        receiver.start(delivery, tmp_path / "hears", {"TOKEN": "token"}) as hears,
        server.start(Settings(provider="twilio", key="token"), tmp_path / "plays") as plays,
    ):
        url = hears.delivery.webhook_url.encode()
        assert post(plays.base_url, MESSAGES, sms(7) + b"&StatusCallback=" + url, BASIC) == 201
        assert post(plays.base_url, MESSAGES, sms(8), BASIC) == 201
        elsewhere = b"&StatusCallback=http://192.0.2.1:80/events"
        assert post(plays.base_url, MESSAGES, sms(9) + elsewhere, BASIC) == 201
        assert eventually(lambda: delivered(hears) == [7])
        assert eventually(lambda: plays.counts().webhook.posted == 1)
        assert plays.counts().webhook.given_up == 1


def test_a_webhook_is_on_this_machine_and_of_who_has_one(tmp_path):
    settings = Settings(provider="sendgrid", webhook="http://192.0.2.1/events")
    with pytest.raises(UserError, match="not on this machine"):
        server.start(settings, tmp_path).__enter__()
    behind = Behind.model_validate(
        {"stand_in": "braze", "port": 1, "limit": "1/s", "webhook": "http://127.0.0.1:1/"}
    )
    assert [c.message for c in limit_complaints(behind)] == ["Braze posts no events of single messages"]
