"""A certificate for 127.0.0.1 that is its own authority, made when it is needed and good for a day."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

CERTIFICATE = "certificate.pem"
_KEY = "key.pem"
_DAY = datetime.timedelta(days=1)


def server_context(folder: Path, protocols: tuple[str, ...]) -> ssl.SSLContext:
    """The server's side of TLS 1.3 with a new certificate, which is left in `folder` for those who are to
    trust it. protocols: by ALPN, the best first."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate, secret = folder / CERTIFICATE, folder / _KEY
    certificate.write_bytes(_signed(key).public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    os.close(os.open(secret, os.O_CREAT | os.O_EXCL, 0o600))
    secret.write_bytes(key.private_bytes(*form))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(list(protocols))
    context.load_cert_chain(certificate, secret)
    secret.unlink()
    return context


def _signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "peakday's own test of itself")])
    now = datetime.datetime.now(datetime.UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
