"""The same findings for other readers: Markdown, JSON, pictures and tables as files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reports import tables, texts, units, words
from reports.findings import Findings, Table, to_json

LONG_ROWS = 40
"""Markdown leaves longer tables to their CSV files."""


def files(findings: Findings) -> dict[str, bytes]:
    """Everything a report leaves, by its name in the run's folder; the page comes last."""
    from reports.page import html  # with matplotlib, which takes a second: not before a rehearsal begins
    from reports.pictures import pictures

    drawn = pictures(findings)
    found = {f"figures/{name}.svg": picture.svg.encode() for name, picture in drawn.items()}
    found |= {f"figures/{table.kind}.csv": tables.as_csv(table).encode() for table in findings.tables}
    return found | texts_only(findings) | {"report.html": html(findings, drawn).encode()}


def texts_only(findings: Findings) -> dict[str, bytes]:
    """What needs no picture."""
    return {"findings.json": to_json(findings), "report.md": markdown(findings).encode()}


def markdown(findings: Findings) -> str:
    """report.md: all that the page says, readable as plain text."""
    parts = [
        _verdict(findings),
        _list(
            "What to change", [_action(a.text, a.effect, a.setting) for a in findings.actions], numbered=True
        )
        or f"## What to change\n\n{words.no_action(findings)}",
        _list(
            "Can it be trusted?",
            [f"{'valid' if f.good else 'DOUBT'} {f.name}: {f.text}" for f in findings.flags],
        ),
        _objectives(findings),
        _list("Not tested", findings.not_tested),
        *_sections(findings),
        _assumptions(findings),
        _list("Where the scenario's figures come from", findings.sources),
        _pairs("Method and disclosure", words.method(findings)) + f"\n\n{texts.REPORTING}",
        _pairs("Words", texts.GLOSSARY),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def grid(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table whose columns line up as plain text, too."""
    lines = [[_flat(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    told = ["| " + " | ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) + " |" for line in lines]
    told.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return "\n".join(told)


def table_text(table: Table) -> str:
    """A table in the page's own words and units."""
    rows = [[words.cell(c, k) for c, k in zip(row, table.columns, strict=True)] for row in table.rows]
    return grid([words.header(column) for column in table.columns], rows)


def _verdict(findings: Findings) -> str:
    tags = [texts.PROJECTED] if findings.basis == "projected" else []
    tags += [] if findings.complete else ["INCOMPLETE"]
    lines = [
        f"# {findings.title}",
        "",
        f"**{' · '.join([words.headline(findings), *tags])}**: {words.sentence(findings)}",
    ]
    if words.basis(findings):
        lines += ["", words.basis(findings)]
    rows = [(tile.label, tile.value, tile.origin, tile.detail) for tile in words.tiles(findings)]
    return "\n".join([*lines, "", grid(("figure", "value", "how", "detail"), rows)])


def _action(text: str, effect: str, setting: str) -> str:
    return f"{text}: {effect}" + (f" (--set {setting})" if setting else "")


def _list(title: str, items: Sequence[str], *, numbered: bool = False) -> str:
    if not items:
        return ""
    lines = [f"{f'{at}.' if numbered else '-'} {item}" for at, item in enumerate(items, 1)]
    return "\n".join([f"## {title}", "", *lines])


def _pairs(title: str, pairs: Sequence[tuple[str, str]]) -> str:
    return _list(title, [f"{name}: {value}" for name, value in pairs])


def _objectives(findings: Findings) -> str:
    if not findings.objectives:
        return ""
    rows = [
        (
            o.name, o.label, words.reached(o), words.bound(o),
            units.percent(o.margin_share, sign=True), words.state(o.holds), o.because,
        )
        for o in findings.objectives
    ]  # fmt: skip
    header = ("objective", "judged on", "value", "bound", "margin", "state", "because")
    return f"## Objectives\n\n{grid(header, rows)}"


def _sections(findings: Findings) -> list[str]:
    found = []
    for section in texts.SECTIONS:
        parts = [_table(table) for kind in section.tables if (table := findings.table(kind)) is not None]
        if section.key == "demand":
            parts = [*_seasons(findings), *parts]
        if parts:
            found.append("\n\n".join([f"## {section.title} ({section.label})", section.intro, *parts]))
    return found


def _seasons(findings: Findings) -> list[str]:
    named = (("As assumed", findings.season), ("With what was measured", findings.season_calibrated))
    return [
        f"{name}:\n\n" + grid(("figure", "value"), words.season_lines(season))
        for name, season in named
        if season
    ]


def _table(table: Table) -> str:
    title = f"{table.title} ({table.label}){f'; {table.note}' if table.note else ''}:"
    if len(table.rows) > LONG_ROWS:
        return f"{title} {len(table.rows)} rows in figures/{table.kind}.csv"
    return f"{title}\n\n{table_text(table)}"


def _assumptions(findings: Findings) -> str:
    if not findings.assumptions:
        return ""
    rows = [(a.key, a.text, a.origin) for a in findings.assumptions]
    return f"## What the scenario assumes\n\n{grid(('key', 'assumption', 'who says so'), rows)}"


def _flat(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
