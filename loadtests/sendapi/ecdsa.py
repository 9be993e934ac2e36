"""Keys on the curve P-256: made, kept in a file, signing and verifying by ECDSA with SHA-256."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PrivateKey = ec.EllipticCurvePrivateKey

_METHOD = ec.ECDSA(hashes.SHA256())


def fresh_key() -> PrivateKey:
    """A new one."""
    return ec.generate_private_key(ec.SECP256R1())


def key_in(path: Path) -> PrivateKey:
    """The key of a PEM file that this user alone may read; made where there is none."""
    if path.exists():
        found = serialization.load_pem_private_key(path.read_bytes(), None)
        if isinstance(found, PrivateKey):
            return found
    path.parent.mkdir(parents=True, exist_ok=True)
    key = fresh_key()
    form, no_password = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(key.private_bytes(serialization.Encoding.PEM, form, no_password))
    return key


def public_of(key: PrivateKey) -> bytes:
    """The public key, DER."""
    kind, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(kind, form)


def signature_of(data: bytes, key: PrivateKey) -> bytes:
    """DER."""
    return key.sign(data, _METHOD)


def is_signed(data: bytes, signature: bytes, public: bytes) -> bool:
    """Whether the holder of the private key signed it; False for what is no key of this kind."""
    try:
        key = serialization.load_der_public_key(public)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        key.verify(signature, data, _METHOD)
    except (ValueError, InvalidSignature):
        return False
    return True
