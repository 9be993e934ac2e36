"""The stand-in as a process: guarded, alone on its port, its record readable however it ends."""

import dataclasses
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest

from loadtests.arrivals import NOBODY, find, run_number
from loadtests.passage import Passage
from loadtests.standin import server
from loadtests.standin.listening import FLUSH_S, RECORDS
from loadtests.standin.records import Outcome, Recorder, read_arrivals
from loadtests.standin.settings import Settings, read_settings, write_settings
from scenarios.problems import UserError
from scenarios.providers import limit_of
from tests.loadtests.standin.calls import BEARER, MAIL_SEND, mail

RUN = "ab12cd34"


def post(base_url, body):
    connection = http.client.HTTPConnection(base_url.removeprefix("http://"), timeout=10)
    try:
        connection.request("POST", MAIL_SEND, body, BEARER)
        return connection.getresponse().status
    finally:
        connection.close()


def test_settings_read_back_as_they_were_written(tmp_path):
    limits = (limit_of({"rate": "5/s", "burst": 3}), limit_of({"kind": "daily cap", "messages": 7}))
    settings = Settings(provider="ses", limits=limits, counts="requests", stall_s=1.0, stall_every_s=3.0)
    write_settings(settings, tmp_path / "s.json")
    assert read_settings(tmp_path / "s.json") == settings


def test_every_arrival_stands_in_the_record_and_the_child_ends_with_its_context(tmp_path):
    settings = Settings(provider="sendgrid", limits=(limit_of({"rate": "1/min", "burst": 3}),))
    began_s = time.monotonic()
    with server.start(settings, tmp_path) as running:
        statuses = [post(running.base_url, body) for body in (mail(1, 2), mail(3), mail(4), b"{}")]
        counts, pid = running.counts(), running.child.process.pid
    found = read_arrivals(tmp_path / RECORDS)
    assert statuses == [202, 202, 429, 400]
    assert (counts.attempts, counts.delivered, counts.limited, counts.unnamed) == (5, 3, 1, 1)
    assert found.complete
    assert found.number.tolist() == [1, 2, 3, 4, NOBODY]
    assert found.request.tolist() == [1, 1, 2, 3, 4]
    assert found.status.tolist() == [202, 202, 202, 429, 400]
    assert found.outcome.tolist() == [1, 1, 1, Outcome.LIMITED, Outcome.REJECTED]
    assert began_s <= found.at_s[0] <= found.at_s[-1] <= time.monotonic()
    assert not psutil.pid_exists(pid)


def test_a_taken_port_is_one_clear_message(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = Settings(provider="sendgrid", port=taken.getsockname()[1])
        with pytest.raises(UserError, match="cannot listen there"), server.start(settings, tmp_path):
            pass


def test_a_stand_in_listens_on_loopback_only(tmp_path):
    with pytest.raises(UserError, match="loopback only"):
        server.check(Settings(provider="sendgrid", host="0.0.0.0"))


def test_what_a_killed_stand_in_had_written_is_read_and_said_to_be_incomplete(tmp_path):
    with server.start(Settings(provider="sendgrid"), tmp_path) as running:
        for number in range(5):
            post(running.base_url, mail(number))
        time.sleep(4 * FLUSH_S)
        os.kill(running.child.process.pid, signal.SIGKILL)
    found = read_arrivals(tmp_path / server.RECORDS)
    assert not found.complete
    assert found.number.tolist() == [0, 1, 2, 3, 4]


def test_no_stand_in_survives_a_killed_parent(tmp_path):
    program = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from loadtests.standin.server import start
        from loadtests.standin.settings import Settings
        with start(Settings(provider="braze"), Path(sys.argv[1])) as running:
            print(running.child.process.pid, flush=True)
            time.sleep(60)
    """)
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    child.wait(timeout=5)
    assert read_arrivals(tmp_path / server.RECORDS).complete


def test_a_record_is_readable_while_it_is_written_and_cut_off_anywhere(tmp_path):
    path = tmp_path / "arrivals.arrows"
    recorder = Recorder(path)
    for number in range(6):
        recorder.add(float(number), [find(b"%s-%012d" % (RUN.encode(), number))], [Outcome.DELIVERED], 202)
        recorder.flush()
    assert read_arrivals(path).number.tolist() == list(range(6))
    assert set(read_arrivals(path).run.tolist()) == {run_number(RUN)}
    recorder.close()
    whole = path.read_bytes()
    seen = set()
    for cut in np.linspace(0, len(whole), 60).astype(int):
        path.write_bytes(whole[:cut])
        found = read_arrivals(path)
        assert found.number.tolist() == list(range(found.number.size))
        seen.add(found.number.size)
        assert not found.complete or cut > len(whole) - 400
    assert seen == set(range(7))


def test_messages_that_come_twice_are_counted_once_as_delivered():
    recorder = Recorder(None)
    for text, outcome in (
        (b"customer-000000000001@", Outcome.DELIVERED),
        (b"customer-000000000001@", Outcome.LIMITED),
        (b"customer-000000000001@", Outcome.DELIVERED),
        (b"nobody", Outcome.DELIVERED),
    ):
        recorder.add(1.0, [find(text)], [outcome], 202)
    assert (recorder.attempts, recorder.delivered, recorder.delivered_named, recorder.unnamed) == (4, 1, 2, 1)


def test_the_record_has_the_columns_that_formats_md_describes(tmp_path):
    Recorder(tmp_path / "a.arrows").close()
    with pa.OSFile(str(tmp_path / "a.arrows")) as file:
        schema = pa.ipc.open_stream(file).schema
    page = (Path(__file__).parents[3] / "FORMATS.md").read_text(encoding="utf-8")
    part = page.split("`standin/arrivals.arrows`\n\n")[1].split("`passage` in replay.json")[0]
    described = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", part, flags=re.MULTILINE))
    assert {field.name: str(field.type) for field in schema} == described
    assert schema.metadata[b"peakday.format"].decode() in part


def test_every_key_of_a_passage_is_described():
    page = (Path(__file__).parents[3] / "FORMATS.md").read_text(encoding="utf-8")
    part = page.split("`passage` in replay.json joins")[1].split("## ")[0]
    described = set(re.findall(r"`(\w+)`", part))
    assert {field.name for field in dataclasses.fields(Passage)} <= described
