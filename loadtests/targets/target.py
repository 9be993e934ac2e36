"""What is loaded: a target file, a shipped wire format at an address, or the embedded API."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from loadtests.targets.embedded import Embedded, parse_embedded
from loadtests.targets.wire import Observe, Operation
from scenarios.problems import nearest, user_error
from scenarios.quantities import Share
from scenarios.reading import read
from scenarios.words import Word

FORMAT = "peakday target 1"
SHIPPED = Path(__file__).parent

FLOW: tuple[Literal["delivered", "backlog"], ...] = ("delivered", "backlog")
"""What the reference send API tells of each provider."""

_NAMED_URL = re.compile(r"^([A-Za-z0-9_-]+)\+(https?://.*)$")


class Target(Word):
    """A target file as written; secrets stay `${ENV_NAME}` until a request is rendered.

    `like` names a shipped target whose operations are taken when the file has none of its own.
    `share` is the part of the season that this target carries. `allow_hosts` names the hosts that may be
    loaded besides this machine, exactly as they stand in `base_url`. `ca_file`: whom TLS trusts instead of
    this system's authorities (PEM, from the target file's folder); certificates are checked in any case.
    """

    title: str = ""
    like: str = ""
    base_url: str = ""
    share: Share = 1.0
    allow_hosts: tuple[str, ...] = ()
    ca_file: str = ""
    source: str = ""
    operations: tuple[Operation, ...] = Field(default=(), alias="operation")
    observe: tuple[Observe, ...] = ()

    @field_validator("base_url")
    @classmethod
    def _is_a_base(cls, url: str) -> str:
        if url and (reason := base_url_problem(url)):
            raise ValueError(reason)
        return url

    @field_validator("operations")
    @classmethod
    def _have_names_of_their_own(cls, operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
        for name, times in Counter(operation.name for operation in operations).items():
            if times > 1:
                raise ValueError(f"{times} operations are called {name!r}; give each a name of its own")
        return operations

    @field_validator("observe")
    @classmethod
    def _are_told_apart(cls, observe: tuple[Observe, ...]) -> tuple[Observe, ...]:
        for name, times in Counter(figure.name for figure in observe).items():
            if times > 1:
                raise ValueError(f"{times} observed figures are called {name!r}; give each a name of its own")
        return observe

    def operation_for(self, channel: str, stream: str = "") -> int | None:
        """Index of the operation for a stream: by its name, else its channel, else one that takes all."""
        for wanted in (stream, channel):
            for index, operation in enumerate(self.operations):
                if wanted and wanted in operation.carries:
                    return index
        return next((i for i, operation in enumerate(self.operations) if not operation.carries), None)


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


def resolve(text: str) -> Target | Embedded:
    """What `--target TEXT` means. Raises UserError with every problem at once.

    TEXT is `embedded`, `embedded?limit=500/s&workers=8`, `NAME+http://host:port` with a shipped NAME
    (`sendgrid+http://127.0.0.1:8025`), or the path of a target file.
    """
    if text == "embedded" or text.startswith("embedded?"):
        return parse_embedded(text)
    if named := _NAMED_URL.match(text):
        return at(shipped(named[1]), named[2])
    if re.match(r"^https?://", text):
        raise user_error(
            "an address alone does not say which wire format it speaks",
            key="--target",
            found=text,
            allowed=", ".join(f"{name}+{text}" for name in shipped_names()) + ", or a target file",
        )
    return read_target(Path(text))


def at(target: Target, base_url: str) -> Target:
    """The target at another address. Raises UserError when that is no base URL."""
    if reason := base_url_problem(base_url):
        raise user_error(reason, key="--target")
    return target.model_copy(update={"base_url": base_url.rstrip("/")})


def embedded_at(base_url: str, providers: Sequence[str] = ()) -> Target:
    """The running reference send API as a target, with what it lets us observe, also of each provider."""
    target = at(shipped("embedded"), base_url)
    each = tuple(
        Observe(
            name=f"{name}: {meaning}",
            url="/healthz",
            pointer=f"/providers/{name}/{meaning}",
            meaning=meaning,
            provider=name,
        )
        for name in providers
        for meaning in FLOW
    )
    return target.model_copy(update={"observe": (*target.observe, *each)})


def shipped_names() -> tuple[str, ...]:
    """Names of the wire formats that come with peakday."""
    return tuple(sorted(file.stem for file in SHIPPED.glob("*.toml")))


def shipped(name: str) -> Target:
    """A wire format by name, without an address that may be loaded. Raises UserError for an unknown name."""
    names = shipped_names()
    if name not in names:
        near = nearest(name, names)
        hint = f"; did you mean {near!r}?" if near else ""
        raise user_error(f"unknown wire format{hint}", key="--target", found=name, allowed=", ".join(names))
    file = SHIPPED / f"{name}.toml"
    return _with_operations(read(file.read_text("utf-8"), Target, file.name), file.name)


def read_target(path: Path) -> Target:
    """A target file, complete: address and operations present. Raises UserError with every problem."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not a text file in UTF-8"
        raise user_error(
            f"cannot be read: {reason}",
            key="--target",
            found=str(path),
            allowed="a target file, embedded, " + ", ".join(f"{n}+http://…" for n in shipped_names()),
        ) from None
    target = _with_operations(read(text, Target, str(path)), str(path))
    if not target.base_url:
        message = 'is missing; write base_url = "http://127.0.0.1:8025"'
        raise user_error(message, where=str(path), key="base_url")
    if target.ca_file:
        # A child process works in another folder.
        target = target.model_copy(update={"ca_file": str((path.parent / target.ca_file).resolve())})
    return target


def _with_operations(target: Target, where: str) -> Target:
    if target.like and not target.operations:
        target = target.model_copy(update={"operations": shipped(target.like).operations})
    if not target.operations:
        raise user_error(
            "the file describes no operation",
            where=where,
            key="operation",
            allowed=f'one or more [[operation]], or like = "{shipped_names()[-1]}"',
        )
    return target


def dump(target: Target, path: Path) -> None:
    """Write the concrete target for a child process; secrets stay names of environment variables."""
    path.write_text(target.model_dump_json(by_alias=True, indent=1), "utf-8")


def load(path: Path) -> Target:
    """Read what `dump` wrote."""
    return Target.model_validate_json(path.read_text("utf-8"))
