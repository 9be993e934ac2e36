"""What is loaded: a target file, a shipped wire format at an address, or the embedded API."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from loadtests.targets.addresses import base_url_problem
from loadtests.targets.behind import profile_of
from loadtests.targets.embedded import Embedded as Embedded
from loadtests.targets.embedded import parse_embedded
from loadtests.targets.figure import Observe
from loadtests.targets.soundness import complaints
from loadtests.targets.target_words import Target as Target  # what most of the house takes from here
from scenarios.complaints import Complaint
from scenarios.problems import nearest, user_error
from scenarios.reading import read

FORMAT = "peakday target 1"
SHIPPED = Path(__file__).parent

FLOW: tuple[Literal["delivered", "backlog"], ...] = ("delivered", "backlog")
"""What the reference send API tells of each provider."""

_NAMED_URL = re.compile(r"^([A-Za-z0-9_-]+)\+(https?://.*)$")


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
    """The target with all its operations at another address. Raises UserError when that is no base URL."""
    if reason := base_url_problem(base_url):
        raise user_error(reason, key="--target")
    here = tuple(operation.model_copy(update={"base_url": ""}) for operation in target.operations)
    return target.model_copy(update={"base_url": base_url.rstrip("/"), "operations": here})


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
    return _complete(read(file.read_text("utf-8"), Target, file.name, checks=_checks_of_shipped))


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
    target = _complete(read(text, Target, str(path), checks=checks))
    # A child process works in another folder.
    ca_file = str((path.parent / target.ca_file).resolve()) if target.ca_file else ""
    behind = target.behind and target.behind.below(path.parent)
    if behind and behind.profile_name:
        profile_of(behind.profile_name)
    return target.model_copy(update={"ca_file": ca_file, "behind": behind})


def checks(target: Target) -> list[Complaint]:
    """What `read` and `peakday check` look at beyond single values."""
    return complaints(target, shipped_names())


def _checks_of_shipped(target: Target) -> list[Complaint]:
    return complaints(target, shipped_names(), complete=False)


def _complete(target: Target) -> Target:
    """With the operations of the target that it is like, where it has none of its own."""
    if target.operations:
        return target
    return target.model_copy(update={"operations": shipped(target.like).operations})


def dump(target: Target, path: Path) -> None:
    """Write the concrete target for a child process; secrets stay names of environment variables."""
    path.write_text(target.model_dump_json(by_alias=True, indent=1), "utf-8")


def load(path: Path) -> Target:
    """Read what `dump` wrote."""
    return Target.model_validate_json(path.read_text("utf-8"))
