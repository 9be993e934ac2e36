"""Which format a file has, and the one way to refuse another: FORMATS.md says what makes a new version."""

from __future__ import annotations

from scenarios.problems import user_error


def require(found: object, allowed: str, where: str = "") -> None:
    """Raises UserError, with what was found and what is allowed, unless a file's `format` is `allowed`."""
    if found == allowed:
        return
    told = found if isinstance(found, str) and found else "no format"
    name, _, _ = allowed.removeprefix("peakday ").rpartition(" ")
    message = f"is no {name} that this version of peakday reads; read it with the version that wrote it"
    raise user_error(message, where=where, found=told, allowed=allowed)
