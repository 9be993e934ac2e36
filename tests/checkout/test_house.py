"""The house keeps its own rules: small files of one job, named apart from the standard library."""

from __future__ import annotations

import ast
import sys

from tests.checkout.house import HEADING, PLAN, ROOMS, ROOT, files, name, parsed, plan, sentence

MAX_LINES = 290


def test_every_file_says_its_one_job() -> None:
    assert [name(path) for path in files() if not sentence(path)] == []


def test_every_file_stays_small() -> None:
    lines = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files()}
    assert {path: count for path, count in lines.items() if count > MAX_LINES} == {}


def test_no_module_bears_a_name_of_the_standard_library() -> None:
    """Locust puts its file's folder first on sys.path: a `queue.py` there would be everybody's queue."""
    assert [name(path) for path in files() if path.stem in sys.stdlib_module_names] == []


def test_the_plan_of_the_house_says_of_every_file_what_the_file_says_of_itself() -> None:
    written = PLAN.read_text(encoding="utf-8").partition(HEADING)
    assert written[1] + written[2] == plan(), "run: python tests/checkout/house.py"


def test_a_package_re_exports_nothing() -> None:
    """A re-export in sim/ would pull numba into the API and into Locust."""
    packages = [p for room in ROOMS for p in (ROOT / room).rglob("__init__.py")]
    assert [name(p) for p in packages if p.read_text() != ""] == []


def test_no_lint_rule_is_switched_off_without_a_reason_beside_it() -> None:
    bare = [
        f"{name(path)}:{number}"
        for path in files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if ("# noqa" in line or "# type: ignore" in line) and not _has_reason(line)
    ]
    assert bare == []


def _has_reason(line: str) -> bool:
    comment = line.split("# noqa" if "# noqa" in line else "# type: ignore", 1)[1]
    after = comment.split("]", 1)[-1] if "]" in comment else comment.partition(":")[2]
    return len(after.replace("#", " ").replace("-", " ").split()) >= 3


def test_every_function_that_others_may_call_says_what_it_does() -> None:
    silent = [
        f"{name(path)}: {node.name}"
        for path in files()
        for node in parsed(path).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and not ast.get_docstring(node)
    ]
    assert silent == []


def test_the_lock_has_hashes_and_no_addresses() -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "--hash=sha256:" in lock
    assert "://" not in lock


def test_ignore_patterns_are_anchored_so_that_none_hides_a_file_of_a_room() -> None:
    """Hatchling ships what git does not ignore: an unanchored `runs/` would lose sim/runs/."""
    patterns = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
    assert [p for p in patterns if not p.startswith("/") and p not in {"__pycache__/", "*.pyc"}] == []
