"""How a target asks for its key: bearer, basic, a header or a query parameter of its own, AWS SigV4."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from loadtests.targets.slots import HeaderName, PlainText, Secret
from scenarios.words import Word


class NoAuth(Word):
    """The target asks for no key."""

    kind: Literal["none"] = "none"


class Bearer(Word):
    """`Authorization: Bearer <token>`."""

    kind: Literal["bearer"]
    token: Secret


class Basic(Word):
    """`Authorization: Basic <base64 user:password>`; the user may be plain text, the password may not."""

    kind: Literal["basic"]
    user: PlainText
    password: Secret


class HeaderKey(Word):
    """A key in a header of its own, e.g. `X-Postmark-Server-Token`; `prefix` stands before it."""

    kind: Literal["header"]
    name: HeaderName
    value: Secret
    prefix: PlainText = ""


class QueryKey(Word):
    """A key in the query: `?name=<value>`."""

    kind: Literal["query"]
    name: str = Field(min_length=1)
    value: Secret


class SigV4(Word):
    """AWS Signature Version 4, signed anew for every request; `session_token` for temporary keys."""

    kind: Literal["sigv4"]
    access_key_id: Secret
    secret_access_key: Secret
    session_token: Secret | None = None
    region: str = Field(pattern=r"^[a-z0-9-]+$")
    service: str = Field(pattern=r"^[a-z0-9-]+$")


def _kind(auth: Any) -> str | None:
    # A function, because Word looks at every field first and pydantic then takes no field's name here.
    found = auth.get("kind", "none") if isinstance(auth, dict) else getattr(auth, "kind", None)
    return found if isinstance(found, str) else None


Auth = Annotated[
    Annotated[NoAuth, Tag("none")]
    | Annotated[Bearer, Tag("bearer")]
    | Annotated[Basic, Tag("basic")]
    | Annotated[HeaderKey, Tag("header")]
    | Annotated[QueryKey, Tag("query")]
    | Annotated[SigV4, Tag("sigv4")],
    Discriminator(_kind),
]
