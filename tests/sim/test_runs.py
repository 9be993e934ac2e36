"""A run's folder: exclusive, atomic, found again, readable when incomplete."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.problems import UserError
from sim.runs import MANIFEST, Run, create_run, open_run

ID = re.compile(r"^\d{8}T\d{6}\.\d{3}Z-smoke-[0-9a-f]{4}$")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PEAKDAY_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def new() -> Run:
    return create_run("smoke", seed=7, scenario_sha256="00", command="peakday rehearse smoke")


def test_a_run_is_named_by_utc_time_scenario_and_four_hex_digits(folder: Path) -> None:
    assert ID.match(new().id)


def test_two_runs_of_the_same_moment_have_folders_of_their_own(folder: Path) -> None:
    assert len({new().id for _ in range(20)}) == 20


def test_the_manifest_states_seed_versions_host_and_command(folder: Path) -> None:
    manifest = new().manifest()
    assert manifest["seed"] == 7
    assert manifest["command"] == "peakday rehearse smoke"
    assert manifest["versions"]["python"].startswith("3.")
    assert manifest["host"]["cpus"] >= 1


def test_a_run_is_found_by_id_by_path_and_as_latest(folder: Path) -> None:
    first, last = new(), new()
    assert open_run(first.id).path.name == first.id
    assert open_run(str(first.path)).path == first.path.resolve()
    assert open_run("latest").id == last.id or first.id[:19] == last.id[:19]


def test_an_unknown_run_is_a_user_error_with_the_nearest_id(folder: Path) -> None:
    known = new().id
    with pytest.raises(UserError, match=re.escape(known)):
        open_run(known[:-1] + "z")


def test_a_writer_that_fails_leaves_the_committed_file_as_it_was(folder: Path) -> None:
    run = new()
    run.commit_text("report.md", "first")

    def write(path: Path) -> None:
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run.commit("report.md", write)
    assert (run.path / "report.md").read_text() == "first"
    assert [p.name for p in run.path.glob(".*.part")] == []


def test_a_process_killed_while_it_writes_leaves_no_half_file(folder: Path) -> None:
    run = new()
    code = (
        "import os, sys; from pathlib import Path; from sim.runs import Run\n"
        "def write(path):\n"
        "    path.write_text('half'); os.kill(os.getpid(), 9)\n"
        "Run(Path(sys.argv[1])).commit('findings.json', write)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run.path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert not run.has("findings.json")
    assert json.loads((run.path / MANIFEST).read_text())["run"] == run.id


def test_a_run_is_complete_only_when_it_ended_with_every_stage_done(folder: Path) -> None:
    run = new()
    run.mark("simulate", "done", 1.0)
    run.mark("replay", "running")
    run.note(ended_at="2026-11-11T00:00:00+00:00")
    assert not run.complete()
    run.mark("replay", "done", 2.0)
    assert run.complete()


def test_nan_is_refused_in_a_committed_document(folder: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        new().commit_json("replay.json", {"latency_s": float("nan")})
