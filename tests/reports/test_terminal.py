"""The screen as a user meets it: real processes, pipes and pseudo-terminals."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

RUN = """
import sys, time
from reports.terminal import Screen
from scenarios.problems import Problem, UserError
with Screen(json="--json" in sys.argv, stages=("simulate", "replay", "ceiling")) as screen:
    for at in range(31):
        screen.tell("simulate", at, 30, "every message")
        figures = {"target_per_s": 500.0, "latency_s_p99": 0.012, "in_flight": 3.0}
        screen.tell("replay", at, 60, "peak", figures)
    screen.show("a word – for the user")
    screen.result({"run": "x", "bad": float("nan"), "far": [float("inf"), 1.5]}, "READY: it holds")
    problems = [Problem("a.toml:3:1", "k", "1", "is odd"), Problem("", "", "", "no")]
    sys.exit(screen.problems(UserError(problems, 4)))
"""
STOP = """
import sys, time
from reports.terminal import Screen
with Screen() as screen:
    screen.tell("replay", 0, 10, "begun")
    print("begun", flush=True)
    while not (screen.stopped() and "--leave" in sys.argv):
        screen.tell("replay", 1, 10)
        time.sleep(0.02)
sys.exit(130)
"""


def start(
    script: str, *arguments: str, env: dict[str, str] | None = None, **pipes: int
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments], env=dict(os.environ) | (env or {}), **pipes
    )


def read_all(fd: int, process: subprocess.Popen[bytes], timeout_s: float = 20.0) -> str:
    """All that is written to a pseudo-terminal until its writer ends."""
    found, deadline = b"", time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if select.select([fd], [], [], 0.05)[0]:
            try:
                data = os.read(fd, 65536)
            except OSError:
                break
            found += data
        elif process.poll() is not None:
            break
    return found.decode(errors="replace")


def on_a_terminal(script: str, columns: int = 100, **env: str) -> tuple[str, int]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    process = start(script, env={"TERM": "xterm-256color", "COLUMNS": ""} | env, stdout=slave, stderr=slave)
    os.close(slave)
    text = read_all(master, process)
    os.close(master)
    return text, process.wait(20)


def test_without_a_terminal_there_are_plain_lines_and_no_control_codes() -> None:
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, timeout=60)
    err = done.stderr.decode()
    assert "\x1b" not in err
    assert "\r" not in err
    assert "simulate: 0 %, every message" in err
    assert "simulate: 100 %, every message, took" in err
    assert "replay: 0 %, peak; target 500/s, latency p99 12 ms, in flight 3" in err
    assert len(err.splitlines()) < 15
    assert done.stdout.decode() == "a word – for the user\nREADY: it holds\n"


def test_problems_are_one_a_line_and_give_their_exit_code() -> None:
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, timeout=60)
    assert done.stderr.decode().splitlines()[-2:] == ["a.toml:3:1: k = 1: is odd", "no"]
    assert done.returncode == 4


def test_with_json_stdout_is_exactly_one_document_without_nan() -> None:
    done = subprocess.run([sys.executable, "-c", RUN, "--json"], capture_output=True, timeout=60)
    assert json.loads(done.stdout) == {"run": "x", "bad": None, "far": [None, 1.5]}
    assert "a word – for the user" in done.stderr.decode()


def test_on_a_terminal_stages_are_drawn_live_and_the_cursor_comes_back() -> None:
    text, code = on_a_terminal(RUN)
    assert "\x1b[?25l" in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    for told in ("simulate", "replay", "ceiling", "latency p99", "READY: it holds"):
        assert told in text
    assert code == 4


@pytest.mark.parametrize("columns", [20, 1])
def test_a_tiny_terminal_breaks_nothing(columns: int) -> None:
    text, code = on_a_terminal(RUN, columns)
    assert "Traceback" not in text
    assert code == 4


def test_a_dumb_terminal_gets_plain_lines() -> None:
    text, _ = on_a_terminal(RUN, TERM="dumb")
    assert "\x1b" not in text
    assert "simulate: 100 %" in text


def test_no_color_is_honoured() -> None:
    text, _ = on_a_terminal(RUN, NO_COLOR="1")
    assert "\x1b[32m" not in text
    assert "\x1b[1;32m" not in text


@pytest.mark.parametrize("gone", ["stdout", "stderr"])
def test_a_reader_that_has_left_is_no_error(gone: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {gone: writing}
    process = start(RUN, **pipes)
    os.close(writing)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 4
    assert b"Traceback" not in (err or b"")
    assert b"Exception ignored" not in (err or b"")
    assert gone == "stdout" or b"READY" in out


def test_signs_that_a_stream_cannot_write_become_question_marks() -> None:
    env = dict(os.environ) | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", RUN], capture_output=True, timeout=60, env=env)
    assert done.stdout == b"a word ? for the user\nREADY: it holds\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_to_stop_and_says_so(number: signal.Signals) -> None:
    process = start(STOP, "--leave", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"stopping: what was measured is kept" in err
    assert b"Traceback" not in err


def test_the_second_signal_leaves_at_once_with_130() -> None:
    process = start(STOP, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    while b"stopping" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130


def test_handlers_are_given_back_when_the_screen_closes() -> None:
    from reports.terminal import Screen

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with Screen() as screen:
        assert signal.getsignal(signal.SIGINT) != before[0]
        assert not screen.stopped()
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
