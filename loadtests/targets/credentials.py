"""Secrets: named in a target file, looked up in the environment when a request is rendered."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import urlsplit

from loadtests.targets.target import Target
from loadtests.targets.wire import SECRET, Auth, Basic, Bearer, HeaderKey
from scenarios.problems import Problem, UserError

API_KEY = "PEAKDAY_API_KEY"
DUMMY_KEY = "peakday-loopback-dummy"
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def names(target: Target) -> tuple[str, ...]:
    """The environment variables that the target's file mentions, sorted."""
    return tuple(sorted(set(SECRET.findall(target.model_dump_json()))))


def environment(target: Target, variables: Mapping[str, str]) -> dict[str, str]:
    """Name to value of every secret the target needs: what a child process must be given.

    PEAKDAY_API_KEY may be unset on loopback: a dummy is sent. Raises UserError naming all that are missing.
    """
    found = {name: variables[name] for name in names(target) if variables.get(name)}
    if urlsplit(target.base_url).hostname in _LOOPBACK_NAMES and API_KEY in names(target):
        found.setdefault(API_KEY, DUMMY_KEY)
    missing = [name for name in names(target) if name not in found]
    if missing:
        message = "this environment variable is not set; export it"
        raise UserError(Problem(target.base_url, f"${{{name}}}", "", message) for name in missing)
    _refuse_control_characters(found)
    return found


def _refuse_control_characters(found: Mapping[str, str]) -> None:
    odd = [name for name, value in found.items() if not value.isprintable() or not value.isascii()]
    if odd:
        message = "this environment variable holds letters that no header may carry"
        raise UserError(Problem("", f"${{{name}}}", "", message) for name in odd)


def fill(text: str, secrets: Mapping[str, str]) -> str:
    """`text` with every ${NAME} replaced."""
    return SECRET.sub(lambda match: secrets[match[1]], text)


def auth_headers(auth: Auth, secrets: Mapping[str, str]) -> dict[str, str]:
    """The header that carries the key; none where the target asks for none."""
    match auth:
        case Bearer(token=token):
            return {"Authorization": f"Bearer {fill(token, secrets)}"}
        case Basic(user=user, password=password):
            pair = f"{fill(user, secrets)}:{fill(password, secrets)}"
            return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        case HeaderKey(name=name, value=value, prefix=prefix):
            return {name: prefix + fill(value, secrets)}
        case _:
            return {}
