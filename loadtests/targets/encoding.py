"""How values are escaped and fields joined: JSON, form, multipart, query, plain text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus

from loadtests.targets.wire import Encoding

BOUNDARY = "peakday-7c2f0e5b9a1d4386"
"""Between multipart parts. A value that held it would have to be written so on purpose."""


def json_text(value: str) -> str:
    """A value inside a JSON string."""
    return json.dumps(value)[1:-1]


def _query_text(value: str) -> str:
    return quote(value, safe="")


def _as_it_is(value: str) -> str:
    return value


def _part_text(value: str) -> str:
    return value.replace(BOUNDARY, "")


ESCAPES: dict[Encoding, Callable[[str], str]] = {
    "json": json_text,
    "form": quote_plus,
    "query": _query_text,
    "multipart": _part_text,
    "text": _as_it_is,
}


def joined(encoding: Encoding, fields: Mapping[str, str]) -> str:
    """Fields, escaped already, as the body or the query that carries them."""
    if encoding == "multipart":
        return "".join(_part(name, text) for name, text in fields.items()) + f"--{BOUNDARY}--\r\n"
    escape = ESCAPES[encoding]
    return "&".join(f"{escape(name)}={text}" for name, text in fields.items())


def _part(name: str, text: str) -> str:
    """One part (RFC 7578)."""
    quoted = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{quoted}"\r\n\r\n{text}\r\n'
