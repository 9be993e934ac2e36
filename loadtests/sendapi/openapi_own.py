"""The API's own routes, described."""

from __future__ import annotations

import msgspec

from loadtests.sendapi import admin
from loadtests.sendapi.faults import Faults
from loadtests.sendapi.health import Health
from loadtests.sendapi.own_routes import Ready
from loadtests.sendapi.schemas import RETRY_AFTER, Json, many, nullable, record, refused, said

_ERROR = record({"errors": many(record({"message": {"type": "string"}, "field": nullable({})}), 1)})


_REF = "#/components/schemas/{name}"


def schemas() -> Json:
    """What the paths refer to."""
    _, components = msgspec.json.schema_components([Health, Ready, Faults], ref_template=_REF)
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


def _admin(name: str, summary: str, more: Json | None = None) -> Json:
    return {
        "operationId": name,
        "summary": summary,
        "security": [{"adminKey": []}],
        "responses": {
            "200": said("The faults that hold now", {"$ref": _REF.format(name="Faults")}),
            **refused(_ERROR, 401, 405, *((400,) if more else ())),
        },
        **(more or {}),
    }


ADMIN_SCHEME: Json = {"type": "http", "scheme": "bearer", "description": "PEAKDAY_ADMIN_KEY"}
_CHANGES = record(
    {},
    {
        key: nullable({"type": "string", "pattern": pattern})
        for key, pattern in {
            "error_share": "^(0|1|0\\.[0-9]{1,4}|[1-9]?[0-9]%)$",
            "service_time": "^[1-9][0-9]{0,3}ms$",
            "stall": "^[1-9][0-9]{0,2}ms/every [1-9][0-9]{0,3}s$",
            "limit": "^[1-9][0-9]{0,5}/s$",
        }.items()
    },
    closed=True,
)
ADMIN_PATHS: Json = {
    admin.PATH: {
        "get": _admin("faults", "What goes wrong on purpose"),
        "delete": _admin("end_faults", "End all faults"),
        "patch": _admin(
            "change_faults",
            "Switch faults; null = as the API was started",
            {"requestBody": {"required": True, "content": {"application/json": {"schema": _CHANGES}}}},
        ),
    }
}
