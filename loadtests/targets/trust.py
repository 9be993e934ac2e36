"""Whom TLS trusts: this system's authorities, or the target file's own. Never nobody at all."""

from __future__ import annotations

import ssl

from scenarios.problems import user_error

PROTOCOLS = {"1.1": "http/1.1", "2": "h2"}
"""How TLS calls a version of HTTP (ALPN, RFC 7301)."""


def context(ca_file: str, http: str = "1.1") -> ssl.SSLContext:
    """TLS 1.2 or later that checks certificate and host name and offers one version of HTTP.

    Raises UserError for a bad `ca_file`."""
    try:
        made = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise user_error(
            f"cannot be read as certificates: {getattr(error, 'strerror', None) or error}",
            key="ca_file",
            found=ca_file,
            allowed="a PEM file with one certificate or more",
        ) from None
    made.set_alpn_protocols([PROTOCOLS[http]])
    return made


def must_agree(chosen: str | None, http: str) -> None:
    """Raises ssl.SSLError where the other side did not choose HTTP/2 and it was asked for; HTTP/1.1 is what
    it speaks where it chose nothing."""
    if http == "2" and chosen != PROTOCOLS[http]:
        raise ssl.SSLError(
            ssl.SSL_ERROR_SSL, f'it does not speak HTTP/2 (ALPN: {chosen or "nothing"}); leave http = "2" out'
        )
