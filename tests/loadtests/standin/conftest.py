"""Requests that need signing."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from loadtests.targets.signing import Signer


@pytest.fixture(scope="session")
def signed_ses() -> Callable[[str, str, bytes], dict[str, str]]:
    def headers(base_url: str, path: str, body: bytes) -> dict[str, str]:
        signer = Signer("AKIDEXAMPLE", "k", "eu-west-1", "ses")
        host = {"host": base_url.removeprefix("http://")}
        return {"Content-Type": "application/json"} | signer.headers("POST", path, host, body, time.time())

    return headers
