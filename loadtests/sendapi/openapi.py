"""The API's OpenAPI 3.1 document: what each wire format and each of its own routes takes and answers."""

from __future__ import annotations

from collections.abc import Callable

from loadtests.sendapi import (
    openapi_braze,
    openapi_own,
    openapi_postmark,
    openapi_sendgrid,
    openapi_ses,
    openapi_twilio,
)
from loadtests.sendapi.health import own_version
from loadtests.sendapi.schemas import Json

WIRES = (openapi_sendgrid, openapi_twilio, openapi_braze, openapi_ses, openapi_postmark)
DESCRIPTION = (
    "A send API to rehearse against, with the wire formats of SendGrid v3, Twilio Messages, Braze "
    "messages/send, Amazon SES v2 and Postmark. A message is on disk before success is said. Fields that are "
    "not described are taken as they are. A request that bears an Idempotency-Key of an earlier one is "
    "answered as that was and stored once."
)


def document(*, any_key: bool, administered: bool = False) -> Json:
    """The whole document. `any_key`: no key was set, so that any credentials of the right form are taken.

    `administered`: there is /admin/faults.

    A wire's CREDENTIALS are the name of its security scheme, the scheme, and the form that any key must have.
    """
    paths: Json = {}
    schemes: Json = {}
    for wire in WIRES:
        keyed, found = _with_key(wire.CREDENTIALS, any_key=any_key)
        schemes |= found
        paths |= {path: {"post": keyed(post)} for path, post in wire.operations().items()}
    if administered:
        paths |= openapi_own.ADMIN_PATHS
        schemes |= {"adminKey": openapi_own.ADMIN_SCHEME}
    return {
        "openapi": "3.1.0",
        "info": {"title": "peakday send API", "version": own_version(), "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "paths": paths | openapi_own.paths(),
        "components": {"securitySchemes": schemes, "schemas": openapi_own.schemas()},
    }


def _with_key(
    credentials: tuple[str, Json, str] | None, *, any_key: bool
) -> tuple[Callable[[Json], Json], Json]:
    """What to add to an operation, and the security schemes that this refers to.

    Where any key is taken there is no security, but a header of a certain form.
    """
    if credentials is None:
        return (lambda post: post), {}
    name, scheme, pattern = credentials
    if not any_key:
        return (lambda post: post | {"security": [{name: []}]}), {name: scheme}
    schema = {"type": "string", "pattern": pattern}
    named = scheme.get("name", "Authorization")
    header = {"name": named, "in": "header", "required": True, "schema": schema}
    return (lambda post: post | {"parameters": [*post.get("parameters", ()), header]}), {}
