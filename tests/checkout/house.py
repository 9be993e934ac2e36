"""The plan of the house: every file with its docstring's first sentence; run it to write the plan anew."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PLAN = ROOT / "ARCHITECTURE.md"
HEADING = "## Every file, in its own words"
ROOMS = ("scenarios", "sim", "loadtests", "reports")


def files() -> list[Path]:
    """Every module that ships, the CLI last."""
    rooms = [p for room in ROOMS for p in sorted((ROOT / room).rglob("*.py")) if p.name != "__init__.py"]
    return [*rooms, ROOT / "peakday.py"]


def name(path: Path) -> str:
    """The path below the root."""
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path: Path) -> ast.Module:
    """A file as Python reads it; some seconds for all files."""
    return ast.parse(path.read_text(encoding="utf-8"))


def sentence(path: Path) -> str:
    """The first paragraph of a module's docstring, on one line."""
    docstring = ast.get_docstring(parsed(path)) or ""
    return " ".join(docstring.split("\n\n")[0].split())


def plan() -> str:
    """The section of ARCHITECTURE.md, one part a folder."""
    parts: list[str] = [
        HEADING,
        "",
        "Written by `python tests/checkout/house.py`; a test holds it to the files.",
    ]
    folder = None
    for path in files():
        here = name(path.parent) if path.parent != ROOT else "the root"
        if here != folder:
            parts += ["", f"### {here}", ""]
            folder = here
        parts.append(f"- `{path.stem}` {sentence(path)}")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    before = PLAN.read_text(encoding="utf-8").split(HEADING)[0].rstrip()
    PLAN.write_text(f"{before}\n\n{plan()}", encoding="utf-8")
