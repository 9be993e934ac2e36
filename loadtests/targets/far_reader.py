"""Reads figures of one far side: JSON by pointers, or a Prometheus by queries, over one kept connection."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from loadtests.targets import trust
from loadtests.targets.figure import Observe
from loadtests.targets.pointers import NOTHING, number_at, value_at
from loadtests.targets.safety import Address

READ_TIMEOUT_S = 2.0
REPLY_BYTES_MAX = 1_000_000
QUERY_PATH = "/api/v1/query"


class FigureReader:
    """Figures that are found at one address. `base_path` stands before the paths of the target's own."""

    def __init__(
        self, figures: Sequence[Observe], address: Address, base_path: str = "", ca_file: str = ""
    ) -> None:
        self._paths = {figure.name: _path(figure, base_path) for figure in figures}
        self._figures = figures
        self._reader = JsonReader(address, ca_file)

    def read(self) -> dict[str, float]:
        """Figure by name, each document asked for once; without those that could not be read."""
        documents = {path: self._reader.get(path) for path in dict.fromkeys(self._paths.values())}
        found = {f.name: number_of(f, documents[self._paths[f.name]]) for f in self._figures}
        return {name: number for name, number in found.items() if number is not None}

    def close(self) -> None:
        """Hang up."""
        self._reader.close()


def number_of(figure: Observe, document: Any) -> float | None:
    """What a document says of a figure; None where it does not."""
    if not figure.promql:
        return number_at(document, figure.pointer or "")
    return _of_prometheus(document)


def _of_prometheus(document: Any) -> float | None:
    """The one value of an instant query's result: a scalar, or a vector of exactly one series."""
    kind, result = (value_at(document, f"/data/{key}") for key in ("resultType", "result"))
    if kind == "vector":
        result = value_at(result, "/0/value") if isinstance(result, list) and len(result) == 1 else NOTHING
    text = value_at(result, "/1")
    try:
        number = float(text) if isinstance(text, str) else float("nan")
    except ValueError:
        return None
    return number_at([number], "/0")


def _path(figure: Observe, base_path: str) -> str:
    if figure.url.startswith("/"):
        return base_path + figure.url
    parts = urlsplit(figure.url)
    if figure.promql:
        return f"{parts.path.rstrip('/')}{QUERY_PATH}?query={quote(figure.promql, safe='')}"
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


class JsonReader:
    """GETs over one kept connection to the checked address; a reading that fails is None, never raised."""

    def __init__(self, address: Address, ca_file: str, headers: Mapping[str, str] | None = None) -> None:
        self._address = address
        self._headers = {"Host": f"{address.host}:{address.port}"} | dict(headers or {})
        self._ca_file = ca_file
        self._connection: http.client.HTTPConnection | None = None

    def get(self, path: str) -> Any:
        """The document there; None where there is none."""
        try:
            connection = self._connection or self._connect()
            connection.request("GET", path, headers=self._headers)
            response = connection.getresponse()
            text = response.read(REPLY_BYTES_MAX)
            return json.loads(text) if response.status == 200 else None
        except (OSError, http.client.HTTPException, ValueError):
            self.close()
            return None

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> http.client.HTTPConnection:
        address = self._address
        if address.tls:
            context = trust.context(self._ca_file)
            # TLS must be checked against the name while the socket goes to the checked address
            connection: http.client.HTTPConnection = _NamedTLS(address, context)
        else:
            connection = http.client.HTTPConnection(address.ip, address.port, timeout=READ_TIMEOUT_S)
        self._connection = connection
        return connection


class _NamedTLS(http.client.HTTPSConnection):
    """HTTPS to the checked IP under the host's own name."""

    def __init__(self, address: Address, context: ssl.SSLContext) -> None:
        super().__init__(address.ip, address.port, timeout=READ_TIMEOUT_S, context=context)
        self._name = address.host
        self._named_context = context

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._named_context.wrap_socket(self.sock, server_hostname=self._name)
