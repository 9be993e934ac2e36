"""The cache of compiled code: in a folder of the user's own, and nothing breaks without one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim.pipeline.kernelcache import cache_folder

NOTHING = "from sim.pipeline import kernelcache; import numba; print(numba.config.CACHE_DIR)"


def test_the_cache_is_under_the_users_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = cache_folder()
    assert folder is not None
    assert folder.parent == tmp_path / "peakday"
    assert folder.stat().st_mode & 0o077 == 0


def test_without_home_the_temporary_folder_serves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = cache_folder()
    assert folder is not None
    assert folder.parent == tmp_path / f"peakday-{os.getuid()}"


def test_a_folder_that_others_may_write_to_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "peakday").mkdir()
    (tmp_path / "peakday").chmod(0o777)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "elsewhere"))
    folder = cache_folder()
    assert folder is not None
    assert tmp_path / "peakday" not in folder.parents


def test_with_nowhere_to_write_there_is_no_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    monkeypatch.setattr("tempfile.tempdir", str(blocked))
    assert cache_folder() is None


def test_the_users_own_choice_comes_first(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    told = subprocess.run(
        [sys.executable, "-c", NOTHING], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == str(tmp_path)
