"""Whether a request bears a good AWS signature: Signature Version 4, checked by signing it ourselves."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

from loadtests.sendapi.answer import Asked
from loadtests.targets.signing import Signer, canonical_request

SKEW_S_MAX = 900.0
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,\s]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request, ?"
    r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})"
).fullmatch
Refusal = tuple[str, str]
"""AWS's name of the error and its words."""


def refusal(asked: Asked, body: bytes, key: str, now_s: Callable[[], float] = time.time) -> Refusal | None:
    """Why a request is refused; None where it is not. `key` is the secret access key; "" takes any signature
    that has the right form and date."""
    found = _AUTHORIZATION(asked.headers.get(b"authorization", b"").decode("latin-1"))
    if found is None:
        return "IncompleteSignatureException", "the Authorization header is not one of Signature Version 4"
    access_key_id, day, region, service, names, signature = found.groups()
    moment = asked.headers.get(b"x-amz-date", b"").decode("latin-1")
    if not _is_now(moment, now_s()) or moment[:8] != day:
        return (
            "InvalidSignatureException",
            f"Signature not current: {moment or 'no X-Amz-Date'}",
        )
    if not key:
        return None
    signed = {n: asked.headers.get(n.encode(), b"").decode("latin-1") for n in names.split(";")}
    signed = {name: " ".join(text.split()) for name, text in signed.items()}
    request = canonical_request(asked.method, asked.target, signed, hashlib.sha256(body).hexdigest())
    if hmac.compare_digest(Signer(access_key_id, key, region, service).signature(request, moment), signature):
        return None
    message = (
        "The request signature we calculated does not match the signature you provided. Check your AWS "
        "Secret Access Key and signing method."
    )
    return "InvalidSignatureException", message


def _is_now(moment: str, now_s: float) -> bool:
    try:
        then = datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(then.timestamp() - now_s) <= SKEW_S_MAX
