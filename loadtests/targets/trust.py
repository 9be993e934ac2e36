"""Whom TLS trusts: this system's authorities, or the target file's own. Never nobody at all."""

from __future__ import annotations

import ssl

from scenarios.problems import user_error


def context(ca_file: str) -> ssl.SSLContext:
    """TLS 1.2 or later that checks certificate and host name. Raises UserError for a bad `ca_file`."""
    try:
        made = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise user_error(
            f"cannot be read as certificates: {getattr(error, 'strerror', None) or error}",
            key="ca_file",
            found=ca_file,
            allowed="a PEM file with one certificate or more",
        ) from None
    made.set_alpn_protocols(["http/1.1"])
    return made
