"""A stand-in answers as its provider does, and records what came, message by message."""

import time

import pytest

from loadtests.arrivals import NOBODY
from loadtests.standin.settings import Settings
from scenarios.providers import limit_of
from tests.loadtests.standin.calls import (
    BATCH,
    BEARER,
    EMAIL,
    FORM,
    MAIL_SEND,
    MESSAGES,
    MESSAGES_SEND,
    SES_BULK,
    SES_SINGLE,
    TOKEN,
    StandIn,
    braze,
    json_of,
    mail,
    postmark,
    postmark_batch,
    ses,
    ses_bulk,
    signed,
    sms,
)

TWO = (limit_of({"kind": "token bucket", "rate": "1/s", "burst": 2}),)


def requests(provider, number):
    """(path, body, headers) of one message."""
    one = {
        "sendgrid": (MAIL_SEND, mail(number), BEARER),
        "twilio": (MESSAGES, sms(number), FORM),
        "braze": (MESSAGES_SEND, braze(number), BEARER),
        "postmark": (EMAIL, json_of(postmark(number)), TOKEN),
        "ses": (SES_SINGLE, ses(number), signed(SES_SINGLE, ses(number))),
    }
    return one[provider]


PROVIDERS = ("sendgrid", "twilio", "braze", "ses", "postmark")
YES = {"sendgrid": 202, "twilio": 201, "braze": 201, "ses": 200, "postmark": 200}
TOO_MANY = {
    "sendgrid": {"errors": [{"field": None, "message": "too many requests", "help": None}]},
    "twilio": {"code": 20429, "status": 429},
    "braze": {"message": "too many requests"},
    "ses": {"message": "Maximum sending rate exceeded."},
    "postmark": {"ErrorCode": 429, "Message": "Rate limit exceeded."},
}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_beyond_its_limit_it_refuses_in_its_own_words_until_the_limit_lets_it_pass_again(provider):
    one = StandIn(Settings(provider=provider, limits=TWO))
    statuses = [one.post(*requests(provider, number)).status for number in (1, 2)]
    refused = one.post(*requests(provider, 3))
    assert statuses == [YES[provider]] * 2
    assert refused.status == 429
    assert TOO_MANY[provider].items() <= refused.json.items()
    one.now_s += 1.0
    assert one.post(*requests(provider, 3)).status == YES[provider]
    assert one.outcomes() == [(1, "delivered"), (2, "delivered"), (3, "limited"), (3, "delivered")]


def test_sendgrid_and_braze_tell_every_client_how_it_stands_with_the_limit():
    one = StandIn(Settings(provider="sendgrid", limits=TWO))
    before_s = time.time()
    passed, refused = one.post(*requests("sendgrid", 1)), one.post(MAIL_SEND, mail(2, 3), BEARER)
    assert (passed.headers["x-ratelimit-limit"], passed.headers["x-ratelimit-remaining"]) == ("2", "1")
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert float(refused.headers["x-ratelimit-reset"]) >= before_s + 1.0
    assert "retry-after" not in refused.headers
    other = StandIn(Settings(provider="braze", limits=TWO, counts="requests"))
    told = [other.post(*requests("braze", n)).headers["x-ratelimit-remaining"] for n in (1, 2, 3)]
    assert told == ["1", "0", "0"]


def test_twilio_names_no_rate_and_ses_its_error_in_a_header():
    twilio = StandIn(Settings(provider="twilio", limits=TWO))
    ses_one = StandIn(Settings(provider="ses", limits=TWO))
    refused = [
        [s.post(*requests(p, n)) for n in (1, 2, 3)][-1] for s, p in ((twilio, "twilio"), (ses_one, "ses"))
    ]
    assert not any(name.startswith("x-ratelimit") for name in refused[0].headers)
    assert refused[0].headers["twilio-concurrent-requests"]
    assert refused[1].headers["x-amzn-errortype"] == "TooManyRequestsException"


def test_a_batch_is_recorded_message_by_message_each_by_its_own_piece():
    one = StandIn(Settings(provider="sendgrid"))
    one.post(MAIL_SEND, mail(7, 8, 9), BEARER)
    braze_one = StandIn(Settings(provider="braze"))
    braze_one.post(MESSAGES_SEND, braze(4, 5), BEARER)
    assert one.outcomes() == [(7, "delivered"), (8, "delivered"), (9, "delivered")]
    assert braze_one.outcomes() == [(4, "delivered"), (5, "delivered")]


def test_one_message_twice_in_a_batch_came_twice():
    one = StandIn(Settings(provider="sendgrid"))
    one.post(MAIL_SEND, mail(7, 7), BEARER)
    assert one.outcomes() == [(7, "delivered"), (7, "delivered")]
    assert one.app.counts().duplicated == 1


def test_whatever_a_service_puts_into_custom_arguments_is_its_own_affair():
    one = StandIn(Settings(provider="sendgrid"))
    theirs = {"priority": "high", "channel": "mail", "campaign": "x", "order": "77"}
    assert one.post(MAIL_SEND, mail(7, custom_args=theirs), BEARER).status == 202


def test_ses_bulk_throttles_entry_by_entry_inside_a_200():
    one = StandIn(Settings(provider="ses", limits=TWO))
    body = ses_bulk(1, 2, 3)
    answer = one.post(SES_BULK, body, signed(SES_BULK, body))
    told = [result["Status"] for result in answer.json["BulkEmailEntryResults"]]
    assert (answer.status, told) == (200, ["SUCCESS", "SUCCESS", "ACCOUNT_THROTTLED"])
    assert one.outcomes() == [(1, "delivered"), (2, "delivered"), (3, "limited")]


def test_a_spent_day_has_words_of_its_own_at_ses():
    quota = limit_of({"kind": "rolling quota", "messages": 1, "window": "24h"})
    one = StandIn(Settings(provider="ses", limits=(quota,)))
    body = ses_bulk(1, 2)
    answer = one.post(SES_BULK, body, signed(SES_BULK, body))
    assert answer.json["BulkEmailEntryResults"][1]["Status"] == "ACCOUNT_DAILY_QUOTA_EXCEEDED"
    assert one.post(*requests("ses", 3)).json["message"] == "Daily message quota exceeded."


def test_a_postmark_batch_fails_in_parts_where_the_profile_says_so():
    one = StandIn(Settings(provider="postmark", partial_failure=0.5, seed=3))
    answer = one.post(BATCH, postmark_batch(*range(100)), TOKEN)
    codes = [result["ErrorCode"] for result in answer.json]
    assert answer.status == 200
    assert 25 < codes.count(406) < 75
    assert [o == "refused" for _, o in one.outcomes()] == [code == 406 for code in codes]


def test_a_bad_message_is_rejected_and_takes_nothing_of_the_limit():
    one = StandIn(Settings(provider="sendgrid", limits=TWO))
    refused = one.post(MAIL_SEND, b'{"personalizations": []}', BEARER)
    assert refused.status == 400
    assert one.post(MAIL_SEND, mail(1, 2), BEARER).status == 202
    assert one.outcomes()[0] == (NOBODY, "rejected")


def test_an_unknown_key_is_told_and_counts_as_no_delivery():
    one = StandIn(Settings(provider="postmark", key="right"))
    assert one.post(EMAIL, json_of(postmark(1)), TOKEN).status == 401
    assert one.app.counts().delivered == 0


def test_errors_come_by_chance_and_an_outage_by_the_clock_from_the_first_request_on():
    one = StandIn(Settings(provider="sendgrid", outage_after_s=5.0, outage_s=2.0, error_share=0.3))
    statuses = []
    for _ in range(400):
        statuses.append(one.post(*requests("sendgrid", 1)).status)
        one.now_s += 1 / 32
    out = [place / 32 for place, status in enumerate(statuses) if status == 503]
    assert (min(out), max(out)) == (5.0, 7.0 - 1 / 32)
    others = [status for status in statuses if status != 503]
    assert 0.2 < others.count(500) / len(others) < 0.4


def test_what_it_takes_during_a_stall_counts_at_once_and_is_answered_at_its_end():
    one = StandIn(Settings(provider="sendgrid", stall_s=0.05, stall_every_s=1.0))
    one.post(*requests("sendgrid", 1))
    one.now_s += 0.97
    began_s = time.monotonic()
    assert one.post(*requests("sendgrid", 2)).status == 202
    assert time.monotonic() - began_s >= 0.029
    assert one.outcomes()[-1] == (2, "delivered")


def test_other_paths_are_not_found_and_health_counts():
    one = StandIn(Settings(provider="braze"))
    assert one.post("/v3/mail/send", mail(1), BEARER).status == 404
    assert one.app.counts().requests == 0
