"""Secrets: named in a target file, looked up in the environment when a request is rendered."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from urllib.parse import urlsplit

from loadtests.targets.auth import Auth, Basic, Bearer, HeaderKey, SigV4
from loadtests.targets.signing import Signer
from loadtests.targets.slots import SECRET
from loadtests.targets.target import Target
from scenarios.problems import Problem, UserError

API_KEY = "PEAKDAY_API_KEY"
ACCOUNT = "PEAKDAY_ACCOUNT"
DUMMY_KEY = "peakday-loopback-dummy"
DUMMY_ACCOUNT = "AC00000000000000000000000000000000"
"""Stands for an account, a project, an app or an access key's id alike; it has the shape of Twilio's."""
DUMMIES = {API_KEY: DUMMY_KEY, ACCOUNT: DUMMY_ACCOUNT}
"""What is sent on loopback where the variable is not set. The shipped formats ask for no others."""
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def names(target: Target) -> tuple[str, ...]:
    """The environment variables that the target's file mentions, sorted."""
    return tuple(sorted(set(SECRET.findall(target.model_dump_json()))))


def environment(target: Target, variables: Mapping[str, str]) -> dict[str, str]:
    """Name to value of every secret the target needs: what a child process must be given.

    PEAKDAY_API_KEY and PEAKDAY_ACCOUNT may be unset on loopback: dummies are sent. Raises UserError naming
    all that are missing.
    """
    found = {name: variables[name] for name in names(target) if variables.get(name)}
    if all(urlsplit(url).hostname in _LOOPBACK_NAMES for url in target.base_urls):
        found = {name: value for name, value in DUMMIES.items() if name in names(target)} | found
    missing = [name for name in names(target) if name not in found]
    if missing:
        message = "this environment variable is not set; export it"
        raise UserError(Problem(target.base_url, f"${{{name}}}", "", message) for name in missing)
    _refuse_control_characters(found)
    return found


def told(target: Target, variables: Mapping[str, str]) -> str:
    """The variables that hold the target's keys, in words, and which are not set; "" where it has none."""
    return ", ".join(
        name if variables.get(name) else f"{name} (not set: a dummy was sent)" for name in names(target)
    )


def _refuse_control_characters(found: Mapping[str, str]) -> None:
    odd = [name for name, value in found.items() if not value.isprintable() or not value.isascii()]
    if odd:
        message = "this environment variable holds letters that no header may carry"
        raise UserError(Problem("", f"${{{name}}}", "", message) for name in odd)


def fill(text: str, secrets: Mapping[str, str]) -> str:
    """`text` with every ${NAME} replaced."""
    return SECRET.sub(lambda match: secrets[match[1]], text)


def auth_headers(auth: Auth, secrets: Mapping[str, str]) -> dict[str, str]:
    """The header that carries the key; none where the target asks for none, or where it changes each time."""
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


def signer(auth: Auth, secrets: Mapping[str, str]) -> Signer | None:
    """Who signs each request, for a target that asks for AWS signatures."""
    if not isinstance(auth, SigV4):
        return None
    token = fill(auth.session_token, secrets) if auth.session_token else ""
    keys = (fill(auth.access_key_id, secrets), fill(auth.secret_access_key, secrets))
    return Signer(*keys, auth.region, auth.service, token)
