"""The page: one offline file whose numbers are the findings'."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reports import exports, tables, texts, units, words
from reports.find import find
from reports.findings import Findings
from reports.page import html
from reports.results import Results
from reports.svg import Picture

VOID = {"meta", "link", "br", "img", "input", "hr"}
FETCHING = {"src", "href", "srcset", "data", "action", "poster", "xlink:href"}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page(HTMLParser):
    """A strict reader: every element closed in order, ids counted, whatever is fetched noted."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: Counter[str] = Counter()
        self.fetched: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            self.ids[value or ""] += name == "id"
            if name in FETCHING:
                self.fetched.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text += " " + data


@pytest.fixture(scope="module")
def whole(findings: Findings, drawn: dict[str, Picture]) -> str:
    return html(findings, drawn)


def test_the_page_is_well_formed_and_its_ids_are_unique(whole: str) -> None:
    page = Page(whole)
    assert page.open == []
    assert {one for one, times in page.ids.items() if times > 1} == set()


def test_the_page_asks_nothing_of_the_network(whole: str) -> None:
    fetched = Page(whole).fetched
    assert all(url.startswith(("#", "data:")) for url in fetched)
    assert not re.findall(r"url\((?!#)|@import|https?:", whole)


def test_page_one_tells_verdict_ceiling_peak_headroom_and_cause(short_of_it: Findings) -> None:
    first = Page(html(short_of_it, {}).partition('<section id="')[0]).text
    for told in (
        "NOT READY", texts.PROJECTED, words.sentence(short_of_it),
        units.rate(short_of_it.peak_offered_per_s.p90),
        words.ceiling(short_of_it), words.interval(short_of_it), short_of_it.binds_first,
        units.percent(short_of_it.headroom_share, sign=True), short_of_it.actions[0].text,
    ):  # fmt: skip
        assert told in first, told


def test_every_section_says_whether_it_was_simulated_or_measured(whole: str) -> None:
    for section in texts.SECTIONS:
        heading = re.search(rf'<section id="{section.key}">\s*<h2>(.*?)</h2>', whole, re.DOTALL)
        assert heading is not None
        assert section.label in heading[1]


def test_every_cell_of_every_table_on_the_page_is_the_findings_own(findings: Findings, whole: str) -> None:
    told = Page(whole).text
    kinds = [kind for section in texts.SECTIONS for kind in section.tables]
    for table in map(findings.table, [kind for kind in kinds if kind != "tenants"]):  # its season has none
        assert table is not None
        for row in table.rows:
            for cell, column in zip(row, table.columns, strict=True):
                assert words.cell(cell, column) in told


def test_a_changed_number_changes_the_page_and_nothing_recomputes_it(findings: Findings) -> None:
    odd = html(replace(findings, headroom_share=0.4321, actions=(), objectives=()), {})
    assert "+43.2 %" in odd
    assert "+33.8 %" not in Page(odd.partition("<section")[0]).text


def test_what_a_user_wrote_is_shown_and_never_run(results: Results) -> None:
    assert results.loaded is not None
    evil = '<script>alert("x")</script>'
    scenario = results.loaded.scenario.model_copy(update={"title": evil})
    page = html(find(replace(results, loaded=replace(results.loaded, scenario=scenario))), {})
    assert evil not in page
    assert "&lt;script&gt;" in page


def test_a_run_that_was_killed_at_once_has_a_page_that_says_so(results: Results) -> None:
    found = find(Results(about=results.about))
    told = Page(html(found)).text
    assert "INCONCLUSIVE" in told
    assert "INCOMPLETE" in told
    assert exports.markdown(found).startswith("# ")


def test_markdown_tells_all_that_the_page_tells(short_of_it: Findings) -> None:
    told = exports.markdown(short_of_it)
    for action in short_of_it.actions:
        assert action.text in told
    for objective in short_of_it.objectives:
        assert objective.name in told
    for section in texts.SECTIONS:
        assert f"## {section.title} ({section.label})" in told
    for name, value in words.method(short_of_it):
        assert f"{name}: {value}" in told
    assert all(line.isprintable() for line in told.splitlines())


def test_a_report_leaves_page_markdown_json_and_a_file_for_each_picture_and_table(findings: Findings) -> None:
    files = exports.files(findings)
    assert list(files)[-1] == "report.html"
    assert {"report.md", "findings.json"} <= files.keys()
    assert {f"figures/{table.kind}.csv" for table in findings.tables} <= files.keys()
    assert all(content for content in files.values())


def test_a_csv_has_units_in_its_header_and_numbers_that_read_back(findings: Findings) -> None:
    table = findings.table("trials")
    assert table is not None
    header, first, *_ = tables.as_csv(table).splitlines()
    assert header.startswith("trial,offered [messages/s],goodput [messages/s]")
    assert float(first.split(",")[1]) == 95.0


@pytest.mark.skipif(CHROMIUM is None, reason="NOT TESTED in a real browser: no chromium on this machine")
def test_a_browser_shows_the_page_without_a_word_of_complaint(
    short_of_it: Findings, drawn: dict[str, Picture], tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    page.write_text(html(short_of_it, drawn), encoding="utf-8")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        shown = subprocess.run(
            [
                CHROMIUM or "", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                f"--user-data-dir={profile}",
                "--enable-logging=stderr", "--v=0", "--dump-dom", page.as_uri(),
            ],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
    assert "CONSOLE" not in shown.stderr
    assert '<body class="">' in shown.stdout
    assert "NOT READY" in shown.stdout
