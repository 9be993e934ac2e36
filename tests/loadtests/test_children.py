"""Children cannot outlive us: the lifeline, the grace, what they tell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loadtests.children import Child, ChildFailed

POLITE = """
import os, sys, time
from loadtests.children import link
here = link()
here.watch(lambda m: here.tell("echo", said=m["say"]), lambda: os._exit(0))
here.tell("ready", pid=os.getpid())
time.sleep(60)
"""
DEAF = "import time; print('deaf', flush=True); time.sleep(60)"


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def alive(pid: int) -> bool:
    """A zombie is not alive."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def gone_within(pid: int, limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not alive(pid)


def test_commands_go_down_and_answers_come_up(tmp_path: Path) -> None:
    with Child("polite", python(POLITE), log=tmp_path / "log") as child:
        child.expect("ready", 10)
        child.send({"say": "hello"})
        assert child.expect("echo", 5)["said"] == "hello"


def test_a_child_that_listens_leaves_with_exit_code_0_when_stopped(tmp_path: Path) -> None:
    child = Child("polite", python(POLITE), log=tmp_path / "log")
    child.expect("ready", 10)
    assert child.stop() == 0


def test_a_child_that_does_not_listen_is_killed_with_its_children(tmp_path: Path) -> None:
    code = (
        "import os, subprocess, sys, time\n"
        "from loadtests.children import link\n"
        "sub = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "link().tell('ready', pid=sub.pid)\n"
        "time.sleep(60)"
    )
    child = Child("deaf", python(code), log=tmp_path / "log")
    grandchild = child.expect("ready", 10)["pid"]
    assert child.stop(grace_s=0.1) == -signal.SIGKILL
    assert gone_within(grandchild, 1.0)


def test_a_child_is_gone_within_a_second_of_its_parents_kill_9(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from loadtests.children import Child\n"
        f"c = Child('polite', [sys.executable, '-c', {POLITE!r}], log=Path(sys.argv[1]))\n"
        "print(c.expect('ready', 10)['pid'], flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    assert gone_within(pid, 1.0)


def test_a_child_that_leaves_early_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    child = Child("fails", python("raise SystemExit('no such queue')"), log=tmp_path / "log")
    with child, pytest.raises(ChildFailed, match="no such queue"):
        child.expect("ready", 10)


def test_a_silent_child_is_given_up_after_the_time_out(tmp_path: Path) -> None:
    with Child("deaf", python(DEAF), log=tmp_path / "log") as child:
        with pytest.raises(ChildFailed, match="said no 'ready'"):
            child.expect("ready", 0.2)
        child.stop(grace_s=0.0)


def test_a_child_does_not_inherit_what_could_change_its_behaviour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCUST_HEADLESS", "false")
    code = "import os; from loadtests.children import link; link().tell('env', names=sorted(os.environ))"
    with Child("env", python(code), log=tmp_path / "log") as child:
        assert "LOCUST_HEADLESS" not in child.expect("env", 10)["names"]
    assert "LOCUST_HEADLESS" in os.environ


def test_what_must_be_heard_waits_for_a_parent_that_has_long_not_listened(tmp_path: Path) -> None:
    """A pipe that does not block is full; figures are lost then, the last word is not."""
    code = (
        "import os\n"
        "from loadtests.children import PROGRESS, link\n"
        "os.set_blocking(int(os.environ[PROGRESS]), False)\n"
        "here = link()\n"
        "for at in range(5000): here.tell('progress', at=at, figures='x' * 300)\n"
        "print('full', flush=True)\n"
        "here.tell_surely('played', name='y' * 20_000)\n"
    )
    with Child("eager", python(code), log=tmp_path / "log") as child:
        while "full" not in child.log_tail():
            time.sleep(0.01)
        heard = [child.read(10.0)]
        while heard[-1] is not None and heard[-1]["kind"] != "played":
            heard.append(child.read(10.0))
    assert len(heard) < 5000
    assert heard[-1] == {"kind": "played", "name": "y" * 20_000}
