"""The key that SendGrid's event webhook signs with: P-256, ECDSA with SHA-256.

Imported only where something is signed or verified: the library takes 0.1 s to load.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

KEY_FILE = "webhook-key.pem"
_METHOD = ec.ECDSA(hashes.SHA256())


class EcdsaKey:
    """Signs a timestamp with the payload behind it; DER in base64, as SendGrid does."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private

    @property
    def public(self) -> str:
        """What a receiver verifies with: the public key's DER in base64."""
        kind, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        return base64.b64encode(self._private.public_key().public_bytes(kind, form)).decode()

    def sign(self, timestamp: str, payload: bytes) -> str:
        """The signature of one post."""
        return base64.b64encode(self._private.sign(timestamp.encode() + payload, _METHOD)).decode()


def fresh_key() -> EcdsaKey:
    """A key that is kept nowhere."""
    return EcdsaKey(ec.generate_private_key(ec.SECP256R1()))


def key_in(folder: Path) -> EcdsaKey:
    """The folder's key in a PEM file that this user alone may read, made where there is none: receivers
    need not learn another after a restart."""
    path = folder / KEY_FILE
    if path.exists():
        found = serialization.load_pem_private_key(path.read_bytes(), None)
        if isinstance(found, ec.EllipticCurvePrivateKey):
            return EcdsaKey(found)
    folder.mkdir(parents=True, exist_ok=True)
    private = ec.generate_private_key(ec.SECP256R1())
    form, no_password = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(private.private_bytes(serialization.Encoding.PEM, form, no_password))
    return EcdsaKey(private)


def sendgrid_signed(public: str, timestamp: str, payload: bytes, signature: str) -> bool:
    """Whether the holder of the private key signed it; `public` as `EcdsaKey.public` gives it. False for
    what is no key of this kind."""
    try:
        key = serialization.load_der_public_key(base64.b64decode(public))
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        key.verify(base64.b64decode(signature), timestamp.encode() + payload, _METHOD)
    except (ValueError, InvalidSignature):
        return False
    return True
