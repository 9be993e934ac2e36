"""Where delivered messages go: counted, to an SMTP server or an HTTP provider, on this machine only."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from loadtests.sendapi.carriers import Carrier
from loadtests.targets import safety
from loadtests.targets.addresses import base_url_problem, place
from loadtests.targets.embedded import Embedded
from loadtests.targets.safety import Address
from loadtests.targets.target import Target, resolve, shipped_names
from scenarios.problems import EXIT_REFUSED, user_error

COUNT = "count"
SMTP = "smtp://"


@dataclass(frozen=True)
class Exit:
    """A checked one; `target` None = SMTP."""

    address: Address
    target: Target | None


def exit_of(sink: str) -> Exit | None:
    """What `sink` names; None = messages are counted.

    Raises UserError, with exit code 4 for other machines.
    """
    if sink == COUNT:
        return None
    if sink.startswith(SMTP):
        return Exit(on_this_machine("http://" + sink.removeprefix(SMTP), "sink"), None)
    if "://" not in sink and not sink.endswith(".toml"):
        raise user_error(
            "unknown sink",
            key="sink",
            found=sink,
            allowed=f"count, smtp://127.0.0.1:port, NAME+http://127.0.0.1:port with NAME one of "
            f"{', '.join(shipped_names())}, or a target file",
        )
    target = resolve(sink)
    if isinstance(target, Embedded):
        raise user_error("the API cannot be its own sink", key="sink", found=sink)
    if len({place(url) for url in target.base_urls}) > 1:
        message = "a sink is one address; take base_url out of its operations"
        raise user_error(message, key="sink", found=", ".join(target.base_urls), allowed=target.base_url)
    return Exit(on_this_machine(target.base_url, "sink"), target)


def on_this_machine(base_url: str, key: str) -> Address:
    """The address of a base URL, resolved once. Raises UserError, exit code 4 for all but loopback."""
    if reason := base_url_problem(base_url):
        raise user_error(reason, key=key)
    address = safety.permitted(Target(base_url=base_url))[0]
    if not ipaddress.ip_address(address.ip).is_loopback:
        raise user_error("only this machine", key=key, found=base_url, exit_code=EXIT_REFUSED)
    return address


def carrier_of(exit_: Exit, connections: int) -> Carrier:
    """Who carries messages there."""
    if exit_.target is None:
        from loadtests.sendapi.smtp import SmtpCarrier  # an import that a counting sink is spared

        return SmtpCarrier(exit_.address, connections)
    from loadtests.sendapi.provider import HttpCarrier

    return HttpCarrier(exit_.target, exit_.address, connections)
