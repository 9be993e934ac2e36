"""How providers sign what they post to a webhook: SendGrid by ECDSA, Twilio by HMAC over the form."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadtests.sendapi.ecdsa import PrivateKey

KEY_FILE = "webhook-key.pem"


class EcdsaKey:
    """A P-256 key, as SendGrid's event webhook signs: SHA-256 over timestamp and payload, DER in base64.

    It is made or read when it is first used: most APIs post nothing, and the library takes 0.1 s to load.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def made(self) -> EcdsaKey:
        """Itself: the key is there before anybody waits for it."""
        _ = self._key
        return self

    @property
    def public(self) -> str:
        """What a receiver verifies with: the public key's DER in base64."""
        from loadtests.sendapi import ecdsa  # see the class

        return base64.b64encode(ecdsa.public_of(self._key)).decode()

    def sign(self, timestamp: str, payload: bytes) -> str:
        """The signature of one post."""
        from loadtests.sendapi import ecdsa  # see the class

        return base64.b64encode(ecdsa.signature_of(timestamp.encode() + payload, self._key)).decode()

    @cached_property
    def _key(self) -> PrivateKey:
        from loadtests.sendapi import ecdsa  # see the class

        return ecdsa.fresh_key() if self._folder is None else ecdsa.key_in(self._folder / KEY_FILE)


def fresh_key() -> EcdsaKey:
    """A key that is kept nowhere."""
    return EcdsaKey()


def key_in(folder: Path) -> EcdsaKey:
    """The folder's key, made where there is none: receivers need not learn another after a restart."""
    return EcdsaKey(folder).made()


def sendgrid_signed(public: str, timestamp: str, payload: bytes, signature: str) -> bool:
    """Whether the holder of the private key signed it; `public` as `EcdsaKey.public` gives it."""
    from loadtests.sendapi import ecdsa  # see EcdsaKey

    try:
        key, given = base64.b64decode(public), base64.b64decode(signature)
    except ValueError:
        return False
    return ecdsa.is_signed(timestamp.encode() + payload, given, key)


def twilio_signature(token: str, url: str, fields: Mapping[str, str]) -> str:
    """X-Twilio-Signature: HMAC-SHA1 of the URL with every field behind it, by name."""
    text = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
