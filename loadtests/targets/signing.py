"""AWS Signature Version 4: the headers that sign one request.

After "Create a signed AWS API request" (AWS Identity and Access Management User Guide). All header values and
the body are known; the clock is passed in.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Signer:
    """Signs in one region for one service."""

    access_key_id: str
    secret_access_key: str
    region: str
    service: str
    session_token: str = ""

    def headers(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, now_s: float
    ) -> dict[str, str]:
        """The headers to add: X-Amz-Date, the session's token, Authorization.

        `target` is path and query as they stand in the request line; `headers` are signed with it and must
        hold Host. `now_s`: seconds since 1970.
        """
        moment = datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%dT%H%M%SZ")
        added = {"X-Amz-Date": moment}
        if self.session_token:
            added["X-Amz-Security-Token"] = self.session_token
        signed = {name.lower(): " ".join(text.split()) for name, text in {**headers, **added}.items()}
        names = ";".join(sorted(signed))
        request = canonical_request(method, target, signed, hashlib.sha256(body).hexdigest())
        signature = self.signature(request, moment)
        scope = f"{moment[:8]}/{self.region}/{self.service}/aws4_request"
        credential = f"Credential={self.access_key_id}/{scope}"
        added["Authorization"] = f"{ALGORITHM} {credential}, SignedHeaders={names}, Signature={signature}"
        return added

    def signature(self, request: str, moment: str) -> str:
        """The signature of a canonical request at a moment written as 20261122T034500Z."""
        scope = f"{moment[:8]}/{self.region}/{self.service}/aws4_request"
        digest = hashlib.sha256(request.encode()).hexdigest()
        text = f"{ALGORITHM}\n{moment}\n{scope}\n{digest}"
        key = _signing_key(self.secret_access_key, moment[:8], self.region, self.service)
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def canonical_request(method: str, target: str, signed: Mapping[str, str], body_sha256: str) -> str:
    """What is signed. `signed`: every signed header by its name in small letters, its blanks made one."""
    path, _, query = target.partition("?")
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    names = ";".join(sorted(signed))
    return "\n".join((method, _path(path), _query(query), lines, names, body_sha256))


def _path(path: str) -> str:
    """Each segment encoded once more than it stands in the request line, as every service but S3 asks."""
    return quote(path or "/", safe="/-_.~")


def _query(query: str) -> str:
    """Parameters sorted; they stand encoded in the request line."""
    pairs = [part.partition("=") for part in query.split("&") if part]
    return "&".join(f"{name}={value}" for name, _, value in sorted(pairs))


@lru_cache(64)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
