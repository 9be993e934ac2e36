"""Pieces of JSON Schema and OpenAPI that several descriptions of wire formats are made of."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
FILLED: Json = {"type": "string", "minLength": 1}
COUNT: Json = {"type": "integer", "minimum": 0}
RETRY_AFTER: Json = {
    "Retry-After": {"description": "seconds", "schema": {"type": "string", "pattern": "^[1-9][0-9]*$"}}
}
ALLOW: Json = {"Allow": {"schema": TEXT}}

REFUSALS = {
    400: "Bad fields, each named",
    401: "No good key",
    403: "No good signature",
    404: "No such account",
    405: "Another method",
    413: "More than 30 MiB",
    415: "Another media type",
    422: "The idempotency key came with another body",
    429: "The queue is full, or a limit is reached",
    500: "A fault that an administrator switched on",
    503: "The service is busy, starting, draining, or without its queue",
}


def record(required: Json, optional: Json | None = None, *, closed: bool = False) -> Json:
    """An object by its fields; `closed`: it has no others."""
    schema: Json = {"type": "object", "required": list(required), "properties": required | (optional or {})}
    return schema | ({"additionalProperties": False} if closed else {})


def many(items: Json, least: int = 0, most: int | None = None) -> Json:
    """An array."""
    return {"type": "array", "items": items, "minItems": least} | ({"maxItems": most} if most else {})


def nullable(schema: Json) -> Json:
    """That, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def said(description: str, schema: Json | None = None, headers: Json | None = None) -> Json:
    """A response; without a schema it has no body."""
    response: Json = {"description": description}
    if schema is not None:
        response["content"] = {"application/json": {"schema": schema}}
    return response | ({"headers": headers} if headers else {})


def refused(error: Json, *statuses: int, headers: dict[int, Json] | None = None) -> Json:
    """The refusals of one wire format, all of one shape; `headers`: what a status has besides its usual."""
    usual = {405: ALLOW, 429: RETRY_AFTER, 503: RETRY_AFTER}
    more = headers or {}
    return {
        str(status): said(REFUSALS[status], error, usual.get(status, {}) | more.get(status, {}))
        for status in statuses
    }
