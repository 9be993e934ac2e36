"""How providers sign what they post to a webhook: SendGrid by ECDSA, Twilio by HMAC over the form."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

KEY_FILE = "webhook-key.pem"


class EcdsaKey:
    """A P-256 key, as SendGrid's event webhook signs: SHA-256 over timestamp and payload, DER in base64."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    @property
    def public(self) -> str:
        """What a receiver verifies with: the public key's DER in base64."""
        kind, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return base64.b64encode(self._key.public_key().public_bytes(kind, form)).decode()

    def sign(self, timestamp: str, payload: bytes) -> str:
        """The signature of one post."""
        signature = self._key.sign(timestamp.encode() + payload, ec.ECDSA(hashes.SHA256()))
        return base64.b64encode(signature).decode()


def fresh_key() -> EcdsaKey:
    """A key that is kept nowhere."""
    return EcdsaKey(ec.generate_private_key(ec.SECP256R1()))


def key_in(folder: Path) -> EcdsaKey:
    """The folder's key, made where there is none: receivers need not learn another after a restart."""
    path = folder / KEY_FILE
    if path.exists():
        found = serialization.load_pem_private_key(path.read_bytes(), None)
        if isinstance(found, ec.EllipticCurvePrivateKey):
            return EcdsaKey(found)
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    form, no_password = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(key.private_bytes(serialization.Encoding.PEM, form, no_password))
    return EcdsaKey(key)


def sendgrid_signed(public: str, timestamp: str, payload: bytes, signature: str) -> bool:
    """Whether the holder of the private key signed it; `public` as `EcdsaKey.public` gives it."""
    try:
        key = serialization.load_der_public_key(base64.b64decode(public))
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        given = base64.b64decode(signature)
        key.verify(given, timestamp.encode() + payload, ec.ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature):
        return False
    return True


def twilio_signature(token: str, url: str, fields: Mapping[str, str]) -> str:
    """X-Twilio-Signature: HMAC-SHA1 of the URL with every field behind it, by name."""
    text = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
