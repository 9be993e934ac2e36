"""What may be loaded: loopback, and hosts that a target file names; nothing else."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from loadtests.targets import safety
from loadtests.targets.target import Target, at, read_target, shipped
from scenarios.problems import EXIT_REFUSED, UserError


def target(base_url: str, *allow_hosts: str) -> Target:
    return at(shipped("sendgrid"), base_url).model_copy(update={"allow_hosts": allow_hosts})


def answers(*ips: str) -> safety.Resolve:
    def resolve(host: str, port: int) -> Sequence[str]:
        return ips

    return resolve


@pytest.mark.parametrize(
    ("url", "ip"),
    [
        ("http://127.0.0.1:8025", "127.0.0.1"),
        ("http://127.9.8.7", "127.9.8.7"),
        ("http://[::1]:8025", "::1"),
        ("http://[::ffff:127.0.0.1]:8025", "127.0.0.1"),
    ],
)
def test_every_loopback_address_may_be_loaded(url: str, ip: str) -> None:
    assert [address.ip for address in safety.permitted(target(url))] == [ip]


@pytest.mark.parametrize(
    "url",
    [
        "http://0.0.0.0:8025",
        "http://[::]:8025",
        "http://10.0.0.1",
        "http://192.0.2.7:443",
        "http://169.254.169.254",
        "http://[::ffff:10.0.0.1]:80",
        "http://[2001:db8::1]",
        "http://128.0.0.1",
    ],
)
def test_any_other_address_is_refused_with_exit_code_4(url: str) -> None:
    with pytest.raises(UserError) as refused:
        safety.permitted(target(url))
    assert refused.value.exit_code == EXIT_REFUSED


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f000001", "017700000001", "127.1", "0177.0.0.1", "evil.0x7f"]
)
def test_addresses_that_programs_read_differently_are_refused_before_resolving(host: str) -> None:
    with pytest.raises(UserError, match="differently") as refused:
        safety.permitted(target(f"http://{host}:80"), answers("127.0.0.1"))
    assert refused.value.exit_code == EXIT_REFUSED


def test_a_name_with_one_address_outside_is_refused_whatever_the_others_are() -> None:
    with pytest.raises(UserError, match=r"192\.0\.2\.1"):
        safety.permitted(target("http://localhost.evil"), answers("127.0.0.1", "192.0.2.1", "::1"))


def test_a_name_that_is_only_loopback_gives_the_addresses_that_were_checked() -> None:
    addresses = safety.permitted(target("https://my.box"), answers("::1", "127.0.0.1"))
    assert [(a.host, a.port, a.ip, a.tls) for a in addresses] == [
        ("my.box", 443, "127.0.0.1", True),
        ("my.box", 443, "::1", True),
    ]


def test_the_name_is_resolved_once_so_that_rebinding_changes_nothing() -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ("127.0.0.1",) if len(asked) == 1 else ("192.0.2.1",)

    with socket.create_server(("127.0.0.1", 0)) as server:
        address = safety.check(target(f"http://my.box:{server.getsockname()[1]}"), rebinding)
    assert (address.ip, asked) == ("127.0.0.1", ["my.box"])


def test_a_host_that_the_file_names_is_allowed_and_no_other() -> None:
    resolve = answers("192.0.2.1")
    assert safety.permitted(target("https://sandbox.example.com", "Sandbox.example.com"), resolve)
    assert safety.permitted(target("http://sandbox.example.com:81", "sandbox.example.com:81"), resolve)
    for other in ("https://www.sandbox.example.com", "https://example.com"):
        with pytest.raises(UserError):
            safety.permitted(target(other, "sandbox.example.com"), resolve)


def test_where_nothing_listens_the_user_is_told_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(UserError, match="start the send API") as refused:
        safety.check(target(f"http://127.0.0.1:{port}"))
    assert refused.value.exit_code == EXIT_REFUSED


def test_a_name_that_nobody_knows_is_refused() -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(-2, "Name or service not known")

    with pytest.raises(UserError, match="cannot be resolved"):
        safety.permitted(target("http://nowhere.invalid"), unknown)


@pytest.mark.parametrize(
    "url",
    ["http://user:pw@127.0.0.1", "ftp://127.0.0.1", "http://127.0.0.1?x=1", "http://127.0.0.1:0", "http://"],
)
def test_a_base_url_that_says_more_or_less_than_a_place_is_refused(url: str) -> None:
    with pytest.raises(UserError):
        at(shipped("sendgrid"), url)


def operation_elsewhere(tmp_path: Path, url: str, more: str = "") -> Target:
    file = tmp_path / "target.toml"
    text = f'base_url = "http://127.0.0.1:9"\n{more}\n'
    for name, own in (("here", ""), ("there", f'base_url = "{url}"')):
        text += f'[[operation]]\nname = "{name}"\ncarries = ["{name}"]\npath = "/"\n{own}\n'
        text += "[operation.body]\ntemplate = '{}'\n"
    file.write_text(text)
    return read_target(file)


def test_an_operations_own_address_is_refused_before_anything_is_connected_to(tmp_path: Path) -> None:
    """The first address is loopback, where nobody listens: a knock there would be the complaint."""
    with pytest.raises(UserError, match=r"192\.0\.2\.7, not on this machine") as refused:
        safety.check_each(operation_elsewhere(tmp_path, "http://192.0.2.7:80"))
    assert refused.value.exit_code == EXIT_REFUSED
    allowed = operation_elsewhere(tmp_path, "http://192.0.2.7:80", 'allow_hosts = ["192.0.2.7"]')
    with pytest.raises(UserError, match=r"127\.0\.0\.1 port 9"):
        safety.check_each(allowed)


def test_operations_of_one_place_share_its_address(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        url, elsewhere = (f"http://127.0.0.1:{sock.getsockname()[1]}" for sock in (one, other))
        target = operation_elsewhere(tmp_path, f"{elsewhere}/v2").model_copy(update={"base_url": f"{url}/v1"})
        assert [address.port for address in safety.check_each(target)] == [
            int(place.rpartition(":")[2]) for place in (url, elsewhere)
        ]
        same = operation_elsewhere(tmp_path, f"{url}/v2").model_copy(update={"base_url": f"{url}/v1"})
        assert same.destinations == (f"{url}/v1",)
        assert len(safety.check_each(same)) == 1


def test_a_base_url_that_nothing_is_asked_of_need_not_answer_nor_be_there(tmp_path: Path) -> None:
    text = OWN_ADDRESS.format(base='base_url = "http://127.0.0.1:9"')
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        silent = written(tmp_path, text.replace("PORT", str(port)))
        assert safety.check(silent).port == 9
        assert [address.port for address in safety.check_each(silent)] == [port]
        absent = written(tmp_path, OWN_ADDRESS.format(base="").replace("PORT", str(port)))
        assert safety.check(absent).port == port


def test_a_base_url_that_a_figure_is_read_from_must_answer(tmp_path: Path) -> None:
    watched = '[[observe]]\nname = "w"\nurl = "/stats"\npointer = "/w"\nmeaning = "backlog"\n'
    text = OWN_ADDRESS.format(base='base_url = "http://127.0.0.1:9"') + watched
    with pytest.raises(UserError, match="nothing answers there"):
        safety.check(written(tmp_path, text.replace("PORT", "8")))
    with pytest.raises(UserError, match="base_url"):
        written(tmp_path, OWN_ADDRESS.format(base="").replace("PORT", "8") + watched)


OWN_ADDRESS = """
{base}
[[operation]]
name = "there"
base_url = "http://127.0.0.1:PORT"
path = "/"
[operation.body]
template = '{{}}'
"""


def written(folder: Path, text: str) -> Target:
    (folder / "target.toml").write_text(text)
    return read_target(folder / "target.toml")
