"""Who signs what an API posts to its webhook: SendGrid by ECDSA, Twilio by HMAC over the form."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtests.sendapi.ecdsa import EcdsaKey


def webhook_key(url: str, folder: Path | None = None) -> EcdsaKey | None:
    """What SendGrid's events to `url` are signed with, kept in `folder` where one is given; None where
    nothing is posted: most APIs have no webhook, and shall not load what signs."""
    if not url:
        return None
    from loadtests.sendapi.ecdsa import fresh_key, key_in

    return fresh_key() if folder is None else key_in(folder)


def twilio_signature(token: str, url: str, fields: Mapping[str, str]) -> str:
    """X-Twilio-Signature: HMAC-SHA1 of the URL with every field behind it, by name."""
    text = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
