"""The API's own routes, described."""

from __future__ import annotations

import msgspec

from loadtests.sendapi.health import Health
from loadtests.sendapi.own_routes import Ready
from loadtests.sendapi.schemas import RETRY_AFTER, Json, many, nullable, record, refused, said

_ERROR = record({"errors": many(record({"message": {"type": "string"}, "field": nullable({})}), 1)})


_REF = "#/components/schemas/{name}"


def schemas() -> Json:
    """What the paths refer to."""
    _, components = msgspec.json.schema_components([Health, Ready], ref_template=_REF)
    return components


def paths() -> Json:
    """Every path, with GET; HEAD is answered as GET without its body."""
    ready = {"$ref": _REF.format(name="Ready")}
    not_ready = {"503": said("Starting, draining, or without its queue", ready, RETRY_AFTER)}
    found = {
        "/healthz": _get("health", "Alive, with counts", said("Alive", {"$ref": _REF.format(name="Health")})),
        "/readyz": _get("ready", "Whether sends are taken", said("Ready", ready), not_ready),
        "/metrics": _get("metrics", "Counts for Prometheus", _text()),
        "/openapi.json": _get("openapi", "This document", said("OpenAPI 3.1", record({"openapi": {}}))),
    }
    return {path: {"get": operation} for path, operation in found.items()}


def _get(name: str, summary: str, answer: Json, more: Json | None = None) -> Json:
    responses = {"200": answer, **refused(_ERROR, 405), **(more or {})}
    return {"operationId": name, "summary": summary, "responses": responses}


def _text() -> Json:
    kinds = ("text/plain", "application/openmetrics-text")
    return {"description": "Samples", "content": {kind: {"schema": {"type": "string"}} for kind in kinds}}
