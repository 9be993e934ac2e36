"""TLS as real send APIs speak it: checked against the name, kept alive, resumed; what fails says TLS."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import time
from pathlib import Path

import pytest

from loadtests.replay.bounds import Bounds
from loadtests.replay.fates import Reply
from loadtests.replay.launch import Engine
from loadtests.replay.schedule import constant
from loadtests.replay.tls import Secure
from loadtests.targets.safety import check
from loadtests.targets.target import read_target
from scenarios.problems import EXIT_REFUSED, UserError
from tests.loadtests.replay.accounts import assert_accounted, faults
from tests.loadtests.replay.certificates import NAME

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


def test_requests_go_over_tls_1_3_under_the_targets_name_on_a_kept_connection(
    serve, replay, certified, trusting
) -> None:
    names, versions = [], set()
    context = certified.server()
    context.sni_callback = lambda sock, name, _: names.append(name)

    def talk(server, sock) -> None:
        versions.add(sock.version())
        while server.read_request(sock):
            sock.sendall(ACCEPTED)

    server = serve(talk, context)
    records = replay(server.port, constant(100.0, 0.3), Bounds(connections=1), makes=Secure(trusting, NAME))
    assert_accounted(records, 30)
    assert faults(records) == {"NONE": 30}
    assert (records.reply == Reply.ACCEPTED).all()
    assert (names, versions) == ([NAME], {"TLSv1.3"})
    assert sorted(int(body.split(b",")[0]) for body in server.requests) == list(range(30))


def test_a_later_connection_resumes_the_session_of_an_earlier_one(serve, replay, certified, trusting) -> None:
    resumed = []

    def talk(server, sock) -> None:
        resumed.append(sock.session_reused)
        server.read_request(sock)
        sock.sendall(ACCEPTED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    server = serve(talk, certified.server())
    records = replay(server.port, constant(20.0, 0.4), Bounds(connections=1), makes=Secure(trusting, NAME))
    assert faults(records) == {"NONE": 8}
    assert resumed[0] is False
    assert all(resumed[1:])


def test_bodies_of_many_records_arrive_whole_both_ways(serve, replay, certified, trusting) -> None:
    answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000000\r\n\r\n" + b"y" * 1_000_000

    def talk(server, sock) -> None:
        while server.read_request(sock):
            time.sleep(0.01)
            sock.sendall(answer)

    server = serve(talk, certified.server())
    records = replay(server.port, constant(20.0, 0.2), Bounds(), 3_000_000, makes=Secure(trusting, NAME))
    assert faults(records) == {"NONE": 4}
    assert [len(body) for body in server.requests] == [3_000_000] * 4


def test_a_certificate_for_another_name_fails_every_send_with_tls(
    serve, answering, replay, certified, trusting
):
    server = serve(answering(ACCEPTED), certified.server())
    records = replay(server.port, constant(50.0, 0.2), makes=Secure(trusting, "other.example.com"))
    assert_accounted(records, 10)
    assert faults(records) == {"TLS": 10}
    assert server.requests == []


def test_a_certificate_that_has_expired_fails_every_send_with_tls(
    serve, answering, replay, certified, trusting
) -> None:
    server = serve(answering(ACCEPTED), certified.server(certified.expired))
    records = replay(server.port, constant(50.0, 0.2), makes=Secure(trusting, NAME))
    assert_accounted(records, 10)
    assert faults(records) == {"TLS": 10}
    assert server.requests == []


def test_a_certificate_of_an_unknown_authority_fails_every_send_with_tls(serve, answering, replay, certified):
    server = serve(answering(ACCEPTED), certified.server())
    records = replay(server.port, constant(50.0, 0.2), makes=Secure("", NAME))
    assert_accounted(records, 10)
    assert faults(records) == {"TLS": 10}


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""], ids=["plain HTTP", "closes"])
def test_a_target_that_speaks_no_tls_fails_every_send_with_tls(serve, replay, trusting, answer) -> None:
    def talk(server, sock: socket.socket) -> None:
        sock.recv(4096)
        sock.sendall(answer)

    records = replay(serve(talk).port, constant(50.0, 0.2), makes=Secure(trusting, NAME))
    assert_accounted(records, 10)
    assert faults(records) == {"TLS": 10}


@pytest.mark.parametrize(("linger", "fault"), [(b"", "TLS"), (b"\x01" + bytes(3), "RESET")])
def test_a_target_that_leaves_in_the_middle_of_the_handshake_fails_every_send(
    serve, replay, trusting, certified, linger, fault
) -> None:
    def talk(server, sock: socket.socket) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        engine = certified.server().wrap_bio(incoming, outgoing, server_side=True)
        incoming.write(sock.recv(65536))
        with contextlib.suppress(ssl.SSLWantReadError):
            engine.do_handshake()
        sock.sendall(outgoing.read()[:200])
        time.sleep(0.02)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger.ljust(8, b"\x00"))

    records = replay(serve(talk).port, constant(50.0, 0.2), makes=Secure(trusting, NAME))
    assert_accounted(records, 10)
    assert faults(records) == {fault: 10}


def test_a_handshake_that_never_ends_drops_what_waits_for_it_without_a_busy_loop(
    serve, replay, trusting
) -> None:
    before_s = time.thread_time()
    records = replay(
        serve(lambda server, sock: time.sleep(2.0)).port,
        constant(50.0, 0.2),
        Bounds(timeout_s=0.4),
        makes=Secure(trusting, NAME),
    )
    assert_accounted(records, 10)
    assert faults(records) == {"DROPPED_NO_CONNECTION": 10}
    assert time.thread_time() - before_s < 0.5


def test_a_response_cut_off_without_a_farewell_is_closed_early(serve, replay, certified, trusting) -> None:
    """A body that lasts until the close could otherwise be shortened by anyone on the way."""

    def talk(server, sock) -> None:
        server.read_request(sock)
        sock.sendall(b"HTTP/1.1 202 Accepted\r\n\r\nup to here")
        socket.socket.shutdown(sock, socket.SHUT_RDWR)

    server = serve(talk, certified.server())
    records = replay(server.port, constant(50.0, 0.2), makes=Secure(trusting, NAME))
    assert faults(records) == {"CLOSED_EARLY": 10}


def test_bytes_that_are_no_tls_in_the_middle_of_a_response_are_a_tls_fault(
    serve, replay, certified, trusting
) -> None:
    def talk(server, sock) -> None:
        server.read_request(sock)
        sock.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\nhalf")
        time.sleep(0.02)
        os.write(sock.fileno(), b"\x17\x03\x03\x00\x20" + b"?" * 32)
        time.sleep(0.2)

    server = serve(talk, certified.server())
    records = replay(server.port, constant(50.0, 0.2), makes=Secure(trusting, NAME))
    assert faults(records) == {"TLS": 10}


def target_file(folder: Path, port: int, *lines: str) -> Path:
    path = folder / "target.toml"
    path.write_text("\n".join([f'base_url = "https://localhost:{port}"', *lines, 'like = "sendgrid"']))
    return path


def test_a_target_file_names_whom_to_trust_and_locust_replays_over_tls(
    serve, answering, certified, tmp_path, monkeypatch
) -> None:
    shutil.copy(certified.ca, tmp_path / "ours.pem")
    server = serve(answering(ACCEPTED), certified.server())
    target = read_target(target_file(tmp_path, server.port, 'ca_file = "ours.pem"'))
    with Engine(target, tmp_path / "records") as engine:
        records = engine.play(constant(100.0, 0.5), "tls")
    assert faults(records) == {"NONE": 50}
    assert len(server.requests) == 50


def test_a_target_whose_certificate_nobody_vouches_for_is_refused_before_a_single_send(
    serve, answering, certified, tmp_path
) -> None:
    server = serve(answering(ACCEPTED), certified.server())
    with pytest.raises(UserError) as caught:
        check(read_target(target_file(tmp_path, server.port)))
    assert caught.value.exit_code == EXIT_REFUSED
    assert "ca_file" in str(caught.value)
    assert server.requests == []


def test_a_ca_file_that_is_none_is_one_problem_of_the_target_file(
    serve, answering, certified, tmp_path
) -> None:
    server = serve(answering(ACCEPTED), certified.server())
    (tmp_path / "ours.pem").write_text("no certificate")
    with pytest.raises(UserError, match="ca_file"):
        check(read_target(target_file(tmp_path, server.port, 'ca_file = "ours.pem"')))
    with pytest.raises(UserError, match="ca_file"):
        check(read_target(target_file(tmp_path, server.port, 'ca_file = "absent.pem"')))


def test_a_farewell_that_comes_with_the_last_bytes_ends_the_answer_though_the_socket_stays_open(
    serve, replay, certified, trusting
) -> None:
    def talk(server, sock) -> None:
        server.read_request(sock)
        sock.sendall(b"HTTP/1.1 202 Accepted\r\n\r\n" + b"up to the end" * 1000)
        sock.unwrap()  # waits for the other side's

    server = serve(talk, certified.server())
    makes = Secure(trusting, NAME)
    records = replay(server.port, constant(50.0, 0.2), Bounds(timeout_s=2.0, connections=1), makes=makes)
    assert_accounted(records, 10)
    assert faults(records) == {"NONE": 10}
    assert server.connections == 10


@pytest.mark.parametrize(("host", "fault"), [("127.0.0.1", "NONE"), ("127.0.0.2", "TLS")])
def test_an_address_in_the_place_of_a_name_is_checked_as_an_address(
    serve, answering, replay, certified, trusting, host, fault
) -> None:
    server = serve(answering(ACCEPTED), certified.server())
    records = replay(server.port, constant(50.0, 0.2), makes=Secure(trusting, host))
    assert faults(records) == {fault: 10}


def test_without_a_ca_file_the_systems_own_authorities_are_trusted(
    serve, answering, replay, certified, monkeypatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certified.ca))
    server = serve(answering(ACCEPTED), certified.server())
    records = replay(server.port, constant(50.0, 0.2), makes=Secure("", NAME))
    assert faults(records) == {"NONE": 10}
