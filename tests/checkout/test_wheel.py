"""What ships is what git tracks, and it runs where only its declared dependencies are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
SHIPPED = ("scenarios", "sim", "loadtests", "reports", "peakday.py")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("peakday-*.whl"))


def runtime_closure() -> set[str]:
    """Distributions that `pip install peakday` brings on this machine, itself excluded."""
    found: set[str] = set()
    ahead = ["peakday"]
    while ahead:
        name = ahead.pop()
        for line in metadata.requires(name) or ():
            needed = Requirement(line)
            wanted = needed.marker is None or any(
                needed.marker.evaluate({"extra": extra}) for extra in ("", *needed.extras)
            )
            if wanted and needed.name.lower() not in found and _installed(needed.name):
                found.add(needed.name.lower())
                ahead.append(needed.name)
    return found


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def link_distribution(name: str, site: Path) -> None:
    """Show one installed distribution, and nothing else, to another environment."""
    here = Path(sysconfig.get_path("purelib"))
    tops = {Path(f).parts[0] for f in metadata.distribution(name).files or () if ".." not in Path(f).parts}
    for top in tops - {"__pycache__"}:
        if (here / top).exists() and not (site / top).exists():
            (site / top).symlink_to(here / top)


@pytest.fixture(scope="module")
def clean_venv(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel and links to its runtime dependencies: no dev tool is visible."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    site = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
    )
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install"]
    subprocess.run(
        [*pip, "-q", "--no-deps", "--no-index", "--no-compile", str(wheel)], check=True, capture_output=True
    )
    for name in runtime_closure():
        link_distribution(name, site)
    return folder


def tracked() -> set[str]:
    listed = subprocess.run(
        ["git", "ls-files", *SHIPPED], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return set(listed.stdout.split("\n")) - {""}


def test_the_wheel_holds_exactly_the_tracked_files_of_the_rooms(wheel: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: there is no list of tracked files to compare with")
    names = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
    assert names == tracked()


def test_no_dev_tool_of_ours_is_visible_in_the_clean_environment(clean_venv: Path) -> None:
    tools = ("mypy", "hypothesis", "hatchling")
    code = f"import importlib.util as u; print([n for n in {tools} if u.find_spec(n)])"
    seen = subprocess.run([clean_venv / "bin" / "python", "-c", code], capture_output=True, text=True)
    assert seen.stdout.strip() == "[]"


def read_only(command: list[str], folder: Path) -> list[str]:
    """The same command where `folder` cannot be written, even by root."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & ~0o222)
    if os.getuid() == 0 and shutil.which("unshare"):
        script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
        probe = subprocess.run(["unshare", "-m", "sh", "-c", script, folder, "true"], capture_output=True)
        if probe.returncode == 0:
            return ["unshare", "-m", "sh", "-c", script, str(folder), *command]
    return command


def peakday_alone(clean_venv: Path, runs: Path, *arguments: str) -> dict[str, Any]:
    """What a command tells that runs from the root folder, with a read-only install and no home."""
    command = read_only([str(clean_venv / "bin" / "peakday"), *arguments, "--json"], clean_venv)
    env = {"PATH": os.environ["PATH"], "PEAKDAY_RUNS": str(runs)}
    done = subprocess.run(command, cwd="/", env=env, capture_output=True, text=True)
    assert done.stdout, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_a_replay_needs_neither_a_checkout_nor_a_home(clean_venv: Path, tmp_path: Path) -> None:
    told = peakday_alone(clean_venv, tmp_path / "runs", "replay", "--rate", "50/s", "--for", "2s")
    assert (told["due"], told["accepted"]) == (100, 100)
    report = peakday_alone(clean_venv, tmp_path / "runs", "report", told["run"])["report"]
    assert Path(report).read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.torture  # nothing compiled can be kept: the season's kernel is compiled anew
@pytest.mark.timeout(300)
def test_a_rehearsal_needs_neither_a_checkout_nor_a_home(clean_venv: Path, tmp_path: Path) -> None:
    findings = peakday_alone(clean_venv, tmp_path / "runs", "rehearse", "smoke", "--budget", "8s")
    assert findings["verdict"] in ("ready", "at risk", "not ready", "inconclusive")
    assert Path(findings["report"]).read_text(encoding="utf-8").startswith("<!doctype html>")
