"""The far side of a real HTTP server, read while it counts."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loadtests.targets import safety
from loadtests.targets.observing import Observer
from loadtests.targets.pointers import number_at
from loadtests.targets.target import Target


class Counting(BaseHTTPRequestHandler):
    """Says a figure more each time, and every third time nothing that could be read."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        text = json.dumps({"out": [{"sent": type(self).asked}], "waiting": 3}).encode()
        body = b"<html>" if type(self).asked % 3 == 0 else text
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def target() -> Iterator[Target]:
    Counting.asked = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    figures = [
        {"name": "out", "url": "/stats", "pointer": "/out/0/sent", "meaning": "delivered"},
        {"name": "in", "url": "/stats", "pointer": "/waiting", "meaning": "backlog"},
        {"name": "mine", "url": "/stats", "pointer": "/waiting", "meaning": "backlog", "provider": "p"},
    ]
    yield Target.model_validate({"base_url": f"http://127.0.0.1:{server.server_port}", "observe": figures})
    server.shutdown()
    server.server_close()
    thread.join()


def test_every_figure_is_sampled_and_what_cannot_be_read_is_left_out(target: Target) -> None:
    began = time.time()
    with Observer(target, safety.check(target), interval_s=0.002) as observer:
        while Counting.asked < 20:
            time.sleep(0.005)
        settled = observer.settle(3.0, longest_s=5.0)
        never = observer.settle(2.0, longest_s=0.05)
    observed = observer.since(began)
    assert (settled, never) == (True, False)
    gained = observed.gained("delivered")
    assert gained is not None
    assert 15 <= gained <= Counting.asked
    assert observed.slope_per_s("backlog", 0.0, 1e9) == pytest.approx(0.0)
    assert set(observed.by_provider()) == {"p"}
    assert observed.gained("lost") is None
    assert all(earlier <= later for earlier, later in zip(observed.at_s, observed.at_s[1:], strict=False))


def test_a_target_that_offers_nothing_is_not_asked(target: Target) -> None:
    silent = target.model_copy(update={"observe": ()})
    with Observer(silent, safety.check(target), interval_s=0.002) as observer:
        assert not observer.watches("delivered")
    assert Counting.asked == 0
    assert observer.since(0.0).series == {}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [("/a/1/b~1c", 2.0), ("/a/9", None), ("/a/x", None), ("/n", None), ("/t", None), ("/s", None)],
)
def test_a_pointer_leads_to_a_finite_number_or_to_nothing(pointer: str, value: float | None) -> None:
    document = {"a": [1, {"b/c": 2}], "n": None, "t": True, "s": "5"}
    assert number_at(document, pointer) == value
