"""What may stand as a base URL: scheme, host, port, a path; nothing that could hide something else."""

from __future__ import annotations

from urllib.parse import urlsplit


def base_url_problem(url: str) -> str:
    """Why `url` cannot be a base URL, in words; "" when it can."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"{url!r} is not a URL: {error}"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return f"{url!r} is not an HTTP address; write http://127.0.0.1:8025"
    if parts.username is not None or parts.password is not None:
        return "a user or password in a URL is refused; write [operation.auth] with ${ENV_NAME}"
    if parts.query or parts.fragment or any(c in url for c in " \t\r\n\\"):
        return f"{url!r} must not carry a query, a fragment, blanks or backslashes"
    return "port 0 is no address" if port == 0 else ""


def checked_base_url(url: str) -> str:
    """`url`, which may be "". Raises ValueError where it can be no base URL."""
    if url and (reason := base_url_problem(url)):
        raise ValueError(reason)
    return url


def is_tls(url: str) -> bool:
    """Whether what goes to a base URL goes over TLS."""
    return urlsplit(url).scheme == "https"


def place(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a base URL, comparable."""
    parts = urlsplit(url)
    return (
        parts.scheme,
        (parts.hostname or "").lower(),
        parts.port or (443 if parts.scheme == "https" else 80),
    )
