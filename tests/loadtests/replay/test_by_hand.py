"""Locust started by hand: its web UI, its statistics, its --processes, a locustfile of one's own."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from loadtests.replay.fates import Fault, Reply
from loadtests.replay.records import read_records
from loadtests.replay.schedule import constant, write_schedule
from loadtests.replay.tally import words_of

ROOT = Path(__file__).parents[3]
LOCUSTFILE = ROOT / "loadtests" / "locustfile.py"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
Locust = Callable[..., subprocess.Popen[str]]


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def fetched(url: str, form: dict[str, str] | None = None, within_s: float = 40.0) -> Any:
    data = urllib.parse.urlencode(form).encode() if form else None
    end_s = time.monotonic() + within_s
    while True:
        try:
            with urllib.request.urlopen(url, data=data, timeout=5) as answer:
                return json.load(answer)
        except OSError:
            if time.monotonic() > end_s:
                raise
            time.sleep(0.1)


def counted(text: str) -> dict[str, int]:
    (line,) = re.findall(r"peakday: (due .*?);", text)
    words = line.replace("=", "").replace("+", "").split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


def test_the_web_ui_starts_a_replay_and_shows_its_counts(
    serve, answering, locust: Locust, tmp_path: Path
) -> None:
    server = serve(answering(ACCEPTED))
    port = free_port()
    records = tmp_path / "web.arrows"
    target = f"sendgrid+http://127.0.0.1:{server.port}"
    process = locust(LOCUSTFILE, "--web-port", port, "--target", target, "--records", str(records))
    base = f"http://127.0.0.1:{port}"
    fetched(f"{base}/stats/requests")
    form = {"user_count": "1", "spawn_rate": "1", "rate": "100/s", "duration": "1s"}
    assert fetched(f"{base}/swarm", form)["success"]
    end_s = time.monotonic() + 40.0
    while (shown := fetched(f"{base}/stats/requests"))["state"] != "stopped" and time.monotonic() < end_s:
        time.sleep(0.1)
    total = next(row for row in shown["stats"] if row["name"] == "Aggregated")
    assert (total["num_requests"], total["num_failures"]) == (100, 0)
    assert len(server.requests) == 100
    played = read_records([records])
    assert played.complete
    assert played.request.tolist() == list(range(100))
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert counted(out) == {"due": 100, "started": 100, "dropped": 0, "lost": 0}


def test_the_peak_of_a_run_is_replayed_by_two_processes_that_count_as_locusts_csv_does(
    serve, answering, locust: Locust, tmp_path: Path
) -> None:
    server = serve(answering(ACCEPTED))
    (tmp_path / "run" / "records").mkdir(parents=True)
    (tmp_path / "run" / "manifest.json").write_text('{"format": "peakday run 1"}')
    schedule = constant(150.0, 1.7, batch=3, arrivals="poisson", seed=2)
    write_schedule(schedule, tmp_path / "run" / "records" / "peak.schedule.parquet")
    port = free_port()
    process = locust(
        LOCUSTFILE,
        *("--run", str(tmp_path / "run"), "--target", f"sendgrid+http://127.0.0.1:{server.port}"),
        *("--headless", "--only-summary", "--csv", "stats", "--html", "stats.html", "--processes", "2"),
        *("--master-port", port, "--master-bind-port", port),
    )
    out, _ = process.communicate(timeout=60)
    size = schedule.due_s.size
    assert process.returncode == 0, out
    assert counted(out) == {"due": size, "started": size, "dropped": 0, "lost": 0}
    assert len(server.requests) == size
    with (tmp_path / "stats_stats.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["Name"], row["Request Count"]) for row in rows][-1] == ("Aggregated", str(size))
    assert (tmp_path / "stats.html").stat().st_size > 1000
    (path,) = (tmp_path / "run" / "records").glob("by-hand-*.arrows")
    assert read_records([path]).request.tolist() == list(range(size))


@pytest.mark.torture
def test_forked_workers_leave_within_a_second_of_their_masters_sigkill(
    serve, answering, locust: Locust
) -> None:
    server = serve(answering(ACCEPTED))
    port = free_port()
    process = locust(
        LOCUSTFILE,
        *("--rate", "100/s", "--for", "60s", "--target", f"sendgrid+http://127.0.0.1:{server.port}"),
        *("--headless", "--processes", "2", "--master-port", port, "--master-bind-port", port),
    )
    while len(server.requests) < 20:
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    workers = [child for child in children if "loadtests.replay.compiling" not in child.cmdline()]
    assert len(workers) == 2
    process.kill()
    # One second is the promise; the rest is for a machine on which others work.
    _, living = psutil.wait_procs(workers, timeout=2.5)
    process.communicate()
    assert living == []


def test_our_user_lives_in_a_locustfile_of_ones_own_with_a_shape_and_listeners(
    serve, answering, locust: Locust, tmp_path: Path
) -> None:
    """The documented example: replay and page views in one test, both heard by the request event."""

    def talk(server: Any, sock: Any) -> None:
        while data := sock.recv(65536):
            server.requests.append(data)
            sock.sendall(ACCEPTED)

    server = serve(talk)
    base = f"http://127.0.0.1:{server.port}"
    process = locust(
        ROOT / "docs" / "own_locustfile.py",
        *("--target", f"sendgrid+{base}", "--host", base, "--headless", "--only-summary"),
    )
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    assert counted(out) == {"due": 300, "started": 300, "dropped": 0, "lost": 0}
    assert re.search(r"seen by the request event: .*'constant': 300", out), out
    assert re.search(r"'/healthz': \d+", out)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(("--target", "embedded"), 2, "peakday serve", marks=pytest.mark.torture),
        (("--target", "sendgrid+http://192.0.2.1:80"), 4, "only loopback is loaded"),
    ],
    ids=["nothing runs here", "elsewhere"],
)
def test_what_may_not_be_loaded_by_hand_is_refused_in_words(
    locust: Locust, arguments: tuple[str, ...], code: int, words: str
) -> None:
    process = locust(LOCUSTFILE, "--headless", "--rate", "10/s", "--for", "1s", *arguments)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == code, out
    assert words in out
    assert "Traceback" not in out


@pytest.mark.parametrize(
    ("processes", "sent", "to_all"),
    [((), signal.SIGINT, False), (("--processes", "2"), signal.SIGTERM, True)],
    ids=["Ctrl-C", "SIGTERM to a master and its workers"],
)
def test_a_replay_by_hand_that_is_told_to_end_accounts_for_all_that_was_due(
    serve, answering, locust: Locust, tmp_path: Path, processes: tuple[str, ...], sent: int, to_all: bool
) -> None:
    server = serve(answering(ACCEPTED))
    records = tmp_path / "told.arrows"
    port = free_port()
    process = locust(
        LOCUSTFILE,
        *("--rate", "100/s", "--for", "60s", "--target", f"sendgrid+http://127.0.0.1:{server.port}"),
        *("--headless", "--json", "--records", str(records), *processes),
        *(("--master-port", port, "--master-bind-port", port) if processes else ()),
    )
    while len(server.requests) < 50:
        time.sleep(0.02)
    told = [process.pid, *(one.pid for one in psutil.Process(process.pid).children() if to_all)]
    for pid in told:
        os.kill(pid, sent)
    out, _ = process.communicate(timeout=60)
    count = counted(out)
    played = read_records([records])
    assert played.complete
    assert len(set(played.request.tolist())) == played.request.size == count["due"]
    due_s = constant(100.0, 60.0).due_s
    # A worker may have sent a little more before the master's word reached it.
    assert set(range(int((due_s < played.duration_s).sum()))) <= set(played.request.tolist())
    assert count["due"] == count["started"] + count["dropped"] + count["lost"]
    assert "Traceback" not in out
    (document,) = re.findall(r"^\[\n.*?^\]\n", out, flags=re.MULTILINE | re.DOTALL)
    assert [entry["num_requests"] for entry in json.loads(document)] == [count["due"]]


def test_locusts_statistics_and_the_servers_log_agree_with_the_records_whatever_is_answered(
    serve, locust: Locust, tmp_path: Path
) -> None:
    """Batches, retries, refusals, lost connections and time-outs at once: one entry for each attempt."""

    def talk(server: Any, sock: socket.socket) -> None:
        while server.read_request(sock):
            number = len(server.requests)
            if number % 7 == 0:
                return
            answered.append(number)
            status = b"429 Slow" if number % 5 == 0 else b"500 Oh" if number % 11 == 0 else b"202 OK"
            body = b"x" * (number % 3)
            sent_bytes.append(len(body))
            sock.sendall(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))

    answered: list[int] = []
    sent_bytes: list[int] = []
    server = serve(talk)
    path = tmp_path / "all.arrows"
    process = locust(
        LOCUSTFILE,
        *("--rate", "400/s", "--for", "1s", "--batch", "3", "--retries", "2", "--records", str(path)),
        *("--target", f"sendgrid+http://127.0.0.1:{server.port}", "--headless", "--csv", "stats"),
    )
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1, out
    records = read_records([path])
    attempts = Counter(
        words_of(status, Reply(reply), Fault(fault)) if reply != Reply.ACCEPTED else "accepted"
        for status, reply, fault in zip(
            records.status.tolist(), records.reply.tolist(), records.fault.tolist(), strict=True
        )
    )
    lost = attempts["closed early"] + attempts["reset"]
    assert len(answered) == records.request.size - lost
    # A request that met the close of its connection may never have been read.
    assert len(server.requests) - len(answered) <= lost
    assert {"accepted", "limited (429)", "failed (500)", "closed early"} <= set(attempts)
    assert records.attempt.max() == 3
    with (tmp_path / "stats_stats.csv").open() as file:
        total = list(csv.DictReader(file))[-1]
    assert int(total["Request Count"]) == records.request.size
    assert int(total["Failure Count"]) == records.request.size - attempts.pop("accepted")
    size_bytes = float(total["Average Content Size"]) * records.request.size
    assert size_bytes == pytest.approx(sum(sent_bytes), rel=1e-6)
    with (tmp_path / "stats_failures.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["Error"]: int(row["Occurrences"]) for row in rows} == attempts
    assert all(row["First Seen"] <= row["Last Seen"] != "" for row in rows)
