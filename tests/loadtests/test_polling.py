"""A status URL that is asked for a sample of messages: what is seen of a service that delivers in order."""

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from loadtests.arrivals import sampled, stride
from loadtests.polling import AGAIN_S_MAX, again_s, polling
from loadtests.replay.launch import Began
from loadtests.replay.schedule import constant
from loadtests.standin.records import Outcome
from loadtests.targets.delivery_words import Delivery
from loadtests.targets.safety import Address
from tests.loadtests.test_deliveries import sent
from tests.loadtests.waiting import eventually

RUN = "ab12cd34"
DELIVERY = Delivery.model_validate(
    {
        "observed": "poll",
        "path": "/v1/messages/{{message_id}}",
        "status": "/state",
        "delivered": ["arrived"],
        "ended": ["refused"],
        "auth": {"kind": "bearer", "token": "${TOKEN}"},
        "sample": 20,
        "rate": "400/s",
    }
)


@contextmanager
def telling(states):
    """A service whose messages' states are known by number; None = it does not know the message."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            asked.append((time.monotonic(), self.path, self.headers["Authorization"]))
            state = states(int(self.path[-12:]))
            body = json.dumps({"state": state}).encode()
            self.send_response(404 if state is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield Address("127.0.0.1", server.server_address[1], "127.0.0.1", False), asked
        server.shutdown()
        thread.join()


def test_a_sample_is_followed_until_each_is_delivered_or_ended(tmp_path):
    states = {0: "arrived", 10: "refused"}
    with (
        telling(lambda number: states.get(number, "arrived" if number % 20 else "queued")) as (
            address,
            asked,
        ),
        polling(DELIVERY, "/api", address, {"TOKEN": "t"}, "", tmp_path) as (poller, lookout),
    ):
        poller.began(Began(constant(400.0, 0.5), time.time(), RUN, 0))
        assert eventually(lambda: lookout.arrivals().number.size == 11)
        found = lookout.arrivals()
    assert (lookout.sample, stride(200, 20)) == (20, 10)
    # of 0, 10, … 190 the odd tens have arrived, 10 was refused, 0 has arrived, the even tens are queued
    delivered = found.number[found.outcome == Outcome.DELIVERED].tolist()
    assert sorted(delivered) == [0, *range(30, 200, 20)]
    assert found.number[found.outcome == Outcome.OTHER].tolist() == [10]
    assert set(found.run.tolist()) == {int(RUN, 16)}
    assert {path for _, path, _ in asked} == {f"/api/v1/messages/{RUN}-{n:012d}" for n in range(0, 200, 10)}
    assert {key for *_, key in asked} == {"Bearer t"}


def test_it_never_asks_faster_than_it_may(tmp_path):
    slow = DELIVERY.model_copy(update={"rate": 50.0})
    with (
        telling(lambda _: "queued") as (address, asked),
        polling(slow, "", address, {"TOKEN": "t"}, "", tmp_path) as (poller, _),
    ):
        poller.began(Began(constant(400.0, 0.5), time.time(), RUN, 0))
        assert eventually(lambda: len(asked) >= 20)
        moments_s = np.array([at_s for at_s, *_ in asked])
    # between any two requests there are so many pauses of 20 ms, but for what a busy machine makes up late
    assert moments_s[-1] - moments_s[0] >= 0.9 * (len(moments_s) - 1) / 50.0


def test_a_message_that_never_comes_is_asked_for_less_and_less_often(tmp_path):
    with (
        telling(lambda _: None) as (address, asked),
        polling(DELIVERY, "", address, {"TOKEN": "t"}, "", tmp_path) as (poller, lookout),
    ):
        poller.began(Began(constant(1.0, 1.0), time.time(), RUN, 7))
        assert eventually(lambda: len(asked) >= 6)
        pauses_s = np.diff([at_s for at_s, *_ in asked])
    assert pauses_s[4] > pauses_s[0]
    assert lookout.arrivals().number.size == 0


def test_of_a_sample_only_those_count_that_are_looked_for():
    found = sampled(sent(10, 10.0), 3)
    assert np.flatnonzero(np.isfinite(found.acknowledged_s)).tolist() == [0, 3, 6, 9]
    assert [stride(count, 200) for count in (1, 200, 201, 1000)] == [1, 1, 2, 5]


@pytest.mark.parametrize("path", ["messages/{{message_id}}", "/x y", "/{{campaign}}"])
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(ValueError, match=r"path|slot"):
        Delivery(observed="poll", path=path)


def test_a_message_is_asked_for_less_and_less_often_and_for_as_long_as_a_run_lasts():
    assert again_s(0) < again_s(1) < again_s(2)
    assert again_s(100_000) == AGAIN_S_MAX
