"""The OpenAPI document is true: schemathesis finds nothing in what the API does that it does not say."""

from __future__ import annotations

import base64
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings

from loadtests.sendapi.knobs import Knobs
from loadtests.sendapi.server import Running, start
from loadtests.targets.signing import Signer

KEY = "SG.key"
ROUTES = 10
"""Seven of the wire formats, three of its own: schemathesis leaves out the document itself."""


def serving(key: str, folder: Path) -> AbstractContextManager[Running]:
    return start(Knobs(queue="sqlite", key=key), folder)


class Credentials:
    """What each wire format asks for, put on a request that is about to leave."""

    def __call__(self, request: Any) -> Any:
        parts = urlsplit(request.url)
        if parts.path.startswith("/v2/email/"):
            return signed(request, parts)
        if parts.path.startswith("/email"):
            request.headers["X-Postmark-Server-Token"] = KEY
            return request
        bearer = f"Bearer {KEY}"
        account = parts.path.split("/")[3] if parts.path.startswith("/2010") else ""
        basic = f"Basic {base64.b64encode(f'{account}:{KEY}'.encode()).decode()}"
        request.headers["Authorization"] = basic if account else bearer
        return request


def signed(request: Any, parts: Any) -> Any:
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body
    signer = Signer("AKIDEXAMPLE", KEY, "eu-west-1", "ses")
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    request.headers.update(signer.headers(request.method, target, {"host": parts.netloc}, body, time.time()))
    return request


def cases(api: Running, examples: int) -> dict[str, int]:
    """Every operation with so many good and so many bad requests; how many of each route it were."""
    why = "schemathesis is not installed: pip install -e '.[dev]'"
    schemathesis = pytest.importorskip("schemathesis", reason=why)  # takes seconds: only who needs it
    schema = schemathesis.openapi.from_url(f"{api.base_url}/openapi.json")
    tried: dict[str, int] = {}
    for found in schema.get_all_operations():
        operation = found.ok()
        try_out(operation, schemathesis.GenerationMode.POSITIVE, examples, tried)
        if operation.method == "post":  # a GET without parameters cannot be asked wrongly
            try_out(operation, schemathesis.GenerationMode.NEGATIVE, examples, tried)
    return tried


def try_out(operation: Any, mode: Any, examples: int, tried: dict[str, int]) -> None:
    from schemathesis.core.parameters import ParameterLocation

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def one(case: Any) -> None:
        tried[operation.label] = tried.get(operation.label, 0) + 1
        told_wrongly = case.meta.is_negative_at(ParameterLocation.HEADER)
        case.call_and_validate(auth=None if told_wrongly else Credentials())

    one()


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    with serving(KEY, tmp_path) as api:
        assert len(cases(api, 2)) == ROUTES
        assert api.health().received > 0


@pytest.mark.torture
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("key", [KEY, ""])
def test_schemathesis_finds_nothing_in_two_thousand_cases(key: str, tmp_path: Path) -> None:
    with serving(key, tmp_path) as api:
        assert sum(cases(api, 210).values()) >= 2000
