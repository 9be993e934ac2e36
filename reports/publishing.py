"""A run's report: found, written into its folder, told."""

from __future__ import annotations

from reports import exports
from reports.find import find
from reports.findings import Findings
from reports.gathering import gather
from sim.runs import Run

PAGE = "report.html"


def publish(run: Run) -> Findings:
    """Write figures, Markdown, findings and - last - the page."""
    findings = found(run)
    _write(run, exports.files(findings))
    return findings


def publish_words(run: Run) -> Findings:
    """Write what needs no picture: quick enough for somebody who pressed Ctrl-C."""
    findings = found(run)
    _write(run, exports.texts_only(findings))
    return findings


def found(run: Run) -> Findings:
    """The findings of whatever the run has."""
    return find(gather(run), report=str(run.path / PAGE))


def _write(run: Run, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        run.commit_bytes(name, data)
