"""What may be loaded: this machine, and what a target file allows by name. Nothing else, ever.

The name is resolved once, here; load goes to the address that was checked, so that a name that changes its
answer later (DNS rebinding) changes nothing. Redirects are not followed by any part of peakday.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from loadtests.targets import trust
from loadtests.targets.addresses import base_url_problem
from loadtests.targets.target import Target
from scenarios.problems import EXIT_REFUSED, UserError, user_error

CONNECT_TIMEOUT_S = 3.0

IP = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True)
class Address:
    """A checked place to connect to: `ip` is what to connect to, `host` what to call it (Host, SNI)."""

    host: str
    port: int
    ip: str
    tls: bool

    @property
    def family(self) -> socket.AddressFamily:
        """AF_INET or AF_INET6, after `ip`."""
        return socket.AF_INET6 if ":" in self.ip else socket.AF_INET


def system_resolve(host: str, port: int) -> Sequence[str]:
    """Every address of a name, as this system resolves it. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def check(target: Target, resolve: Resolve = system_resolve) -> Address:
    """The address of the target's own base URL, which may be loaded and - where anything is asked of it -
    answers now.

    Raises UserError with exit code 4 when any address of the host is not loopback and the target's file does
    not allow the host, or when nothing listens there or its certificate is not to be trusted.
    """
    addresses = permitted(target, resolve)
    return _answering(target, addresses) if target.asks_its_base_url else addresses[0]


def check_each(target: Target, resolve: Resolve = system_resolve) -> tuple[Address, ...]:
    """The same for each of the target's `destinations`; to none is connected before all are allowed."""
    each = [target.model_copy(update={"base_url": url}) for url in target.destinations]
    allowed = [permitted(one, resolve) for one in each]
    return tuple(_answering(one, addresses) for one, addresses in zip(each, allowed, strict=True))


def _answering(target: Target, addresses: Sequence[Address]) -> Address:
    """The first that takes a connection."""
    reasons = []
    for address in addresses:
        try:
            _knock(target, address)
        except ssl.SSLCertVerificationError as error:
            reasons.append(
                f"{address.ip} port {address.port}: {error.verify_message} (ca_file says whom to trust)"
            )
        except OSError as error:
            reasons.append(f"{address.ip} port {address.port}: {error.strerror or error}")
        else:
            return address
    tried = "; ".join(reasons)
    raise _refused(target, f"nothing answers there ({tried}); start the send API or mend the address")


def _knock(target: Target, address: Address) -> None:
    """Connect as load will, TLS included. Raises OSError."""
    with socket.create_connection((address.ip, address.port), timeout=CONNECT_TIMEOUT_S) as sock:
        if address.tls:
            context = trust.context(target.ca_file, target.http)
            with context.wrap_socket(sock, server_hostname=address.host) as secure:
                trust.must_agree(secure.selected_alpn_protocol(), target.http)


def permitted(target: Target, resolve: Resolve = system_resolve) -> tuple[Address, ...]:
    """The addresses of the first of the target's `base_urls`, IPv4 first, all allowed; connects to none.
    UserError with exit code 4 else."""
    base_url = next(iter(target.base_urls), "")
    if not base_url or (reason := base_url_problem(base_url)):
        raise _refused(target, reason if base_url else "the target has no address")
    parts = urlsplit(base_url)
    tls = parts.scheme == "https"
    host, port = str(parts.hostname), parts.port or (443 if tls else 80)
    if _is_odd_number(host):
        raise _refused(
            target, f"programs read {host!r} differently; write an address in full, like 127.0.0.1"
        )
    ips = _resolved(target, host, port, resolve)
    outside = [ip for ip in ips if not ip.is_loopback]
    if outside and not _allowed(target, host, port):
        where = ", ".join(map(str, outside))
        raise _refused(
            target,
            f"{host} is at {where}, not on this machine; only loopback is loaded unless the target file says "
            f'allow_hosts = ["{host}"] - for a sandbox of your own, never for a live service',
        )
    ordered = sorted(ips, key=lambda ip: ip.version)
    return tuple(Address(host, port, str(ip), tls) for ip in ordered)


def _resolved(target: Target, host: str, port: int, resolve: Resolve) -> list[IP]:
    try:
        texts = [host] if _is_ip(host) else resolve(host, port)
    except (OSError, UnicodeError) as error:
        raise _refused(target, f"the name {host!r} cannot be resolved: {error}") from None
    ips = [_plain(ipaddress.ip_address(text.partition("%")[0])) for text in texts]
    if not ips:
        raise _refused(target, f"the name {host!r} has no address")
    return ips


def _plain(ip: IP) -> IP:
    """An IPv4 address that is mapped into IPv6 is what it maps: judged and connected to as that."""
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        return ip.ipv4_mapped
    return ip


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_odd_number(host: str) -> bool:
    """127.1, 0x7f000001, 017700000001: numbers to some resolvers, names to others."""
    last = host.rstrip(".").rpartition(".")[2]
    return not _is_ip(host) and re.fullmatch(r"\d+|0[xX][0-9a-fA-F]*", last) is not None


def _allowed(target: Target, host: str, port: int) -> bool:
    names = {name.lower() for name in target.allow_hosts}
    return bool(names & {host.lower(), f"{host}:{port}".lower()})


def _refused(target: Target, message: str) -> UserError:
    return user_error(message, key="target", found=target.base_url, exit_code=EXIT_REFUSED)
