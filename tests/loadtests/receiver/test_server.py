"""The receiver in a process of its own: posts over sockets, what it records, what it refuses."""

import hmac
import http.client
import json
import os
import signal
from hashlib import sha256
from urllib.parse import urlencode

import pytest

from loadtests.receiver import server
from loadtests.sendapi.ecdsa import key_in
from loadtests.sendapi.signatures import twilio_signature
from loadtests.standin.records import Outcome, read_arrivals
from loadtests.targets.delivery_words import Delivery
from scenarios.problems import UserError
from tests.loadtests.waiting import eventually

RUN = "ab12cd34"


def post(running, body, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", running.delivery.port, timeout=10)
    connection.request("POST", "/events", body, headers or {})
    status = connection.getresponse().status
    connection.close()
    return status


def counts(running):
    connection = http.client.HTTPConnection("127.0.0.1", running.delivery.port, timeout=10)
    connection.request("GET", "/")
    found = json.loads(connection.getresponse().read())
    connection.close()
    return found


def events(*numbers, event="delivered"):
    return json.dumps(
        [{"event": event, "sg_event_id": f"{event}-{n}", "peakday_id": f"{RUN}-{n:012d}"} for n in numbers]
    ).encode()


def test_what_is_told_is_recorded_once_however_often_it_is_posted(tmp_path):
    delivery = Delivery(observed="webhook", events="sendgrid")
    with server.start(delivery, tmp_path, {}) as running:
        assert running.delivery.webhook_url == f"http://127.0.0.1:{running.delivery.port}/events"
        assert post(running, events(1, 2)) == 204
        assert post(running, events(1, 2)) == 204
        assert post(running, events(3, event="deferred")) == 204
        assert post(running, b"{nonsense") == 400
        told = counts(running)
    assert (told["events"], told["delivered"], told["repeated"], told["unread"]) == (5, 2, 2, 1)
    found = read_arrivals(running.records)
    assert found.complete
    assert found.number.tolist() == [1, 2, 3]
    assert found.run.tolist() == [int(RUN, 16)] * 3
    assert found.outcome.tolist() == [Outcome.DELIVERED, Outcome.DELIVERED, Outcome.OTHER]


def signed_by_sendgrid(tmp_path, body):
    key = key_in(tmp_path / "key")
    stamp = "1763800000"
    names = "X-Twilio-Email-Event-Webhook-Timestamp", "X-Twilio-Email-Event-Webhook-Signature"
    return key.public, body, dict(zip(names, (stamp, key.sign(stamp, body)), strict=True))


def signed_by_twilio(port):
    fields = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+999000000000007"}
    signature = twilio_signature("token", f"http://127.0.0.1:{port}/events", fields)
    return urlencode(fields).encode(), {"X-Twilio-Signature": signature}


def signed_by_mailgun(key):
    digest = hmac.new(key.encode(), b"1763800000nonce", sha256).hexdigest()
    signature = {"timestamp": "1763800000", "token": "nonce", "signature": digest}
    data = {"event": "delivered", "id": "e1", "recipient": "customer-000000000007@example.com"}
    return json.dumps({"signature": signature, "event-data": data}).encode(), {}


@pytest.mark.parametrize("provider", ["sendgrid", "twilio", "mailgun"])
def test_a_post_counts_only_with_its_provider_s_signature(tmp_path, provider):
    public, mail, stamped = signed_by_sendgrid(tmp_path, events(7))
    key = public if provider == "sendgrid" else "token"
    delivery = Delivery(observed="webhook", events=provider, key="${HOOK_KEY}")
    with server.start(delivery, tmp_path / "run", {"HOOK_KEY": key}) as running:
        ways = {
            "sendgrid": (mail, stamped),
            "twilio": signed_by_twilio(running.delivery.port),
            "mailgun": signed_by_mailgun("token"),
        }
        body, headers = ways[provider]
        assert post(running, body.replace(b"7", b"8", 1), headers) in (400, 403)
        assert post(running, body, headers) == 204
        assert post(running, b"{}", {}) == 403
        told = counts(running)
    assert (told["posts"], told["delivered"]) == (1, 1)
    assert read_arrivals(running.records).number.tolist() == [7]
    assert key not in (tmp_path / "run" / "settings.json").read_text()


def test_a_port_that_is_taken_is_the_user_s_to_mend(tmp_path):
    delivery = Delivery(observed="webhook", events="sendgrid")
    with server.start(delivery, tmp_path / "one", {}) as running:
        again = delivery.model_copy(update={"port": running.delivery.port})
        with pytest.raises(UserError, match="webhook receiver cannot listen there"):
            server.start(again, tmp_path / "two", {}).__enter__()


def test_what_a_killed_receiver_had_written_says_that_it_is_not_complete(tmp_path):
    with server.start(Delivery(observed="webhook", events="sendgrid"), tmp_path, {}) as running:
        post(running, events(1))
        assert eventually(lambda: read_arrivals(running.records).number.tolist() == [1])
        os.kill(running.child.process.pid, signal.SIGKILL)
        assert eventually(lambda: not running.child.running())
    assert not read_arrivals(running.records).complete
