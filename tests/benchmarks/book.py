"""Keeps what benchmarks found: a section a benchmark in benchmarks.md, with the machine and the commit."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

BOOK = Path(__file__).with_name("benchmarks.md")
TITLE = """# What `make bench` found

Written by the benchmarks themselves, a section each, anew whenever one is run. Absolute rates belong to the
machine named; ratios are taken within one run.
"""
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_lines: list[str] = []


def say(line: str = "") -> None:
    """Print a line and keep it for the book."""
    print(line)
    _lines.extend(line.split("\n"))


def verdict(what: str, value: float, stated: float, at_least: bool = True) -> None:
    """Say whether a figure holds against the one stated for it."""
    holds = value >= stated if at_least else value <= stated
    sign = ">=" if at_least else "<="
    told = (
        f"{value:,.0f}, stated {sign} {stated:,.0f}"
        if stated >= 100
        else f"{value:.2f}, stated {sign} {stated:g}"
    )
    say(f"  {what}: {told}: {'holds' if holds else 'DOES NOT HOLD'}")


def begin() -> None:
    """A new benchmark: nothing is said yet."""
    _lines.clear()


def keep(name: str) -> None:
    """Write what was said since `begin` as the benchmark's section; the other sections stay."""
    said = "\n".join(_lines).strip("\n")
    if said:
        old = BOOK.read_text("utf-8") if BOOK.exists() else TITLE
        BOOK.write_text(with_section(old, name, f"{machine()}\n\n```text\n{said}\n```"), "utf-8")


def with_section(text: str, name: str, body: str) -> str:
    """The book with one section set: in its place, or in the order of names where it is new."""
    head, *rest = _SECTION.split(text)
    sections = dict(zip(rest[::2], rest[1::2], strict=True)) | {name: f"\n\n{body}\n\n"}
    told = (f"## {title}\n\n{sections[title].strip()}\n" for title in sorted(sections))
    return head.strip() + "\n\n" + "\n".join(told)


def machine() -> str:
    """When, where and what was measured."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout
    processor = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit.strip() or 'unknown'}, "
        f"{os.cpu_count()} cores ({processor[1] if processor else platform.machine()}), "
        f"Linux {platform.release()}, Python {sys.version.split()[0]}, "
        f"load average {os.getloadavg()[0]:.1f} at the end"
    )
