"""Certificates made for a test run: an authority, a good certificate, one that has expired."""

from __future__ import annotations

import ssl
import subprocess
from pathlib import Path

NAME = "api.example.com"
_CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


class Certified:
    """A certificate of an authority made for this test, for NAME, localhost, 127.0.0.1 and ::1."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ca = folder / "ca.pem"
        self.certificate = folder / "cert.pem"
        self.expired = folder / "expired.pem"
        self.key = folder / "key.pem"
        basic = ("-addext", "basicConstraints=critical,CA:TRUE")
        self._openssl(
            "req", "-x509", *_CURVE, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test", *basic
        )
        self._openssl("req", *_CURVE, "-keyout", "key.pem", "-out", "asked.pem", "-subj", "/CN=api")
        (folder / "names").write_text(f"subjectAltName=DNS:{NAME},DNS:localhost,IP:127.0.0.1,IP:::1")
        self._sign(2, self.certificate)
        self._sign(-1, self.expired)

    def server(self, certificate: Path | None = None, alpn: tuple[str, ...] = ()) -> ssl.SSLContext:
        """A server's context with the good certificate, or another."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate or self.certificate, self.key)
        if alpn:
            context.set_alpn_protocols(list(alpn))
        return context

    def _sign(self, days: int, to: Path) -> None:
        by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names")
        self._openssl("x509", "-req", "-in", "asked.pem", *by, "-days", str(days), "-out", to.name)

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self._folder, check=True, capture_output=True)
