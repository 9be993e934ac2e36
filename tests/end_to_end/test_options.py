"""Options as typed: every mistake at once, before a run is made."""

from __future__ import annotations

import math
import shlex
import subprocess
from pathlib import Path

import pytest

from reports.commands.options import Options
from scenarios.problems import UserError
from scenarios.quantities import parse_duration, parse_rate
from tests.end_to_end.cli import PEAKDAY, Peakday


def test_a_closed_stdout_or_stderr_is_no_crash() -> None:
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        command = f"{shlex.join([*PEAKDAY, 'scenarios', '--json'])} {closed}"
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


def test_options_without_a_mistake_are_their_values() -> None:
    typed = Options()
    assert typed.above_zero("--budget", "1min 30s", parse_duration) == 90.0
    assert typed.value("--rate", "60/min", parse_rate, math.inf) == 1.0
    assert [o.text for o in typed.objectives("--objective", ["p99<=1s"])] == ["p99<=1s"]
    typed.check()


def test_every_mistaken_option_is_named_with_what_is_allowed() -> None:
    typed = Options()
    typed.above_zero("--budget", "0s", parse_duration)
    typed.above_zero("--rate", "5/x", parse_rate)
    typed.objectives("--objective", ["p99<250", "p9<=1s", "error_share<=1%"])
    typed.within("--from", "2h", 7200.0, 7200.0)
    typed.target("embedded?limt=5/s")
    with pytest.raises(UserError) as refused:
        typed.check()
    problems = refused.value.problems
    assert [p.key for p in problems] == ["--budget", "--rate", "--objective", "--objective", "--from", "limt"]
    assert all(p.allowed for p in problems)
    assert problems[-1].nearest == "limit"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("ceiling", "--objective", "p99<250", "--budget", "0s"), 2, ("--objective", "--budget")),
        (("replay", "smoke", "--for", "0s", "--from", "2d"), 2, ("--for", "--from")),
        (("replay", "--rate", "0/s", "--target", "embeded"), 2, ("--rate", "--target")),
        (("rehearse", "smok", "--budget", "x", "--target", "embedded?x=1"), 2, ("smok", "--budget", "x = 1")),
        (("rehearse", "smoke", "--target", "sendgrid+http://192.0.2.1"), 4, ("192.0.2.1",)),
    ],
)
def test_a_mistaken_command_is_told_all_its_mistakes_and_leaves_no_run(
    peakday: Peakday, runs: Path, arguments: tuple[str, ...], code: int, said: tuple[str, ...]
) -> None:
    before = set(runs.iterdir())
    done = peakday(*arguments)
    assert done.code == code
    assert all(text in done.err for text in said), done.err
    assert set(runs.iterdir()) == before
