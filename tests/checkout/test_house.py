"""The house keeps its own rules: small files of one job, named apart from the standard library."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("scenarios", "sim", "loadtests", "reports")
FILES = sorted(p for room in ROOMS for p in (ROOT / room).rglob("*.py") if p.name != "__init__.py")
FILES.append(ROOT / "peakday.py")
MAX_LINES = 290


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_says_its_one_job_and_stays_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), "no sentence at the top"
    assert len(text.splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_module_bears_a_name_of_the_standard_library(path: Path) -> None:
    """Locust puts its file's folder first on sys.path: a `queue.py` there would be everybody's queue."""
    assert path.stem not in sys.stdlib_module_names


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_file_is_on_the_plan_of_the_house(path: Path) -> None:
    plan = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert re.search(rf"\b{re.escape(path.stem)}\b", plan), f"{name(path)} is missing in ARCHITECTURE.md"


@pytest.mark.parametrize(
    "path", sorted(p for room in ROOMS for p in (ROOT / room).rglob("__init__.py")), ids=name
)
def test_a_package_re_exports_nothing(path: Path) -> None:
    assert path.read_text() == ""


def test_the_lock_has_hashes_and_no_addresses() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "--hash=sha256:" in lock
    assert "://" not in lock
    assert "index" not in lock.replace("--no-index", "")


def test_ignore_patterns_are_anchored_so_that_none_hides_a_file_of_a_room() -> None:
    """Hatchling ships what git does not ignore: an unanchored `runs/` would lose sim/runs/."""
    patterns = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert [p for p in patterns if not p.startswith("/") and p not in {"__pycache__/", "*.pyc"}] == []
