"""A drawn table on the page: SVG inside HTML, readable by screen readers, coloured by the page.

Colours are Okabe and Ito's, which stay apart for colour-blind eyes; on the page each becomes a CSS variable.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

from reports.findings import Table

INK, GRID, BLUE, ORANGE, GREEN, RED, PURPLE = (
    "#1a1a1b", "#c9c9cb", "#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7",
)  # fmt: skip
VARIABLES = {
    INK: "currentColor", GRID: "var(--grid)", BLUE: "var(--blue)", ORANGE: "var(--orange)",
    GREEN: "var(--green)", RED: "var(--red)", PURPLE: "var(--purple)",
}  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A drawn table: `svg` is a whole file; `inline` is for the page, its ids prefixed with the name."""

    name: str
    table: Table
    title: str
    description: str
    svg: str

    @property
    def inline(self) -> str:
        """The svg element with title and description for screen readers, colours from the page."""
        body = self.svg[self.svg.index("<svg") :]
        head, _, rest = body.partition(">")
        size = re.search(r'viewBox="[^"]*"', head)
        rest = re.sub(r"<metadata>.*?</metadata>", "", rest, flags=re.DOTALL).replace("xlink:href=", "href=")
        rest = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{self.name}-", rest)
        for colour, variable in VARIABLES.items():
            rest = rest.replace(colour, variable)
        named = f'role="img" aria-labelledby="{self.name}-title {self.name}-desc"'
        return (
            f"<svg {size[0] if size else ''} {named}>"
            f'<title id="{self.name}-title">{escape(self.title)}</title>'
            f'<desc id="{self.name}-desc">{escape(self.description)}</desc>{rest}'
        )
