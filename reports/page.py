"""The one offline HTML page: findings and their pictures poured into a template."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import jinja2
from markupsafe import Markup

from reports import tables, texts, units, words
from reports.findings import Findings, Table
from reports.pictures import pictures
from reports.svg import Picture

TEMPLATE = "report.html.j2"


@dataclass(frozen=True)
class Shown:
    """A section with what the run has of it."""

    section: texts.Section
    pictures: tuple[Picture, ...]
    tables: tuple[Table, ...]


def html(findings: Findings, drawn: dict[str, Picture] | None = None) -> str:
    """The report as one self-contained document: it asks nothing of the network and needs no script."""
    drawn = pictures(findings) if drawn is None else drawn
    gauge = drawn.get("gauge")
    return _environment().get_template(TEMPLATE).render(
        findings=findings,
        gauge=gauge,
        sections=_shown(findings, drawn),
        words=words,
        texts=texts,
        units=units,
    )  # fmt: skip


def _shown(findings: Findings, drawn: dict[str, Picture]) -> tuple[Shown, ...]:
    found = []
    for section in texts.SECTIONS:
        seen = tuple(drawn[name] for name in section.pictures if name in drawn)
        listed = tuple(table for kind in section.tables if (table := findings.table(kind)) is not None)
        if seen or listed:
            found.append(Shown(section, seen, listed))
    return tuple(found)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reports"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["inline"] = lambda picture: Markup(picture.inline)
    environment.filters["csv"] = tables.as_csv
    environment.filters["slug"] = lambda text: text.replace(" ", "-").lower()
    return environment
