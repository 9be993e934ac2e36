"""What a target file can say beyond one JSON body, and what is wrong in it, all at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from loadtests.replay.fates import Reply
from loadtests.targets import credentials
from loadtests.targets.rendering import Renderer
from loadtests.targets.replies import Reader
from loadtests.targets.target import Target, checks, dump, load, resolve
from scenarios.checking import check_files
from scenarios.problems import UserError

BASE = 'base_url = "http://127.0.0.1:9"\n'
GOOD = """
[[operation]]
name = "one"
path = "/m"
[operation.body]
template = '{"to":"{{recipient}}"}'
"""


def read(folder: Path, text: str) -> Target:
    path = folder / "target.toml"
    path.write_text(text)
    target = resolve(str(path))
    assert isinstance(target, Target)
    return target


def problems(folder: Path, text: str) -> list[str]:
    path = folder / "target.toml"
    path.write_text(text)
    found = [str(problem) for problem in check_files([str(path)], Target, checks)]
    if found:
        with pytest.raises(UserError) as wrong:
            resolve(str(path))
        assert [str(problem) for problem in wrong.value.problems] == found
    return found


def rendered(target: Target, messages: int = 1, *stream: str) -> tuple[list[str], bytes]:
    stream = stream or ("email", "flash")
    secrets = credentials.environment(target, {"K": "k&y", "PEAKDAY_API_KEY": "x"})
    head, _, body = Renderer(target, secrets, "r").render(3, messages, *stream).partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}" in head.decode().split("\r\n")
    return head.decode().split("\r\n"), body


def test_every_mistake_across_values_is_reported_at_once_with_its_line(tmp_path: Path) -> None:
    text = """
like = "sendgird"

[[operation]]
name = "a"
method = "GET"
path = "/a"
messages_per_request = 5
[operation.body]
template = '{"to":{{recipient}}'
message = "never used"
[[operation.replies.when]]
means = "limited"
[operation.replies.entries]
results = "/a"
count = "/b"

[[operation]]
name = "b"
path = "/b"
fan_out = "observed"
[operation.body]
encoding = "multipart"
template = "x"

[[observe]]
name = "c"
url = "/metrics"
promql = "up"
meaning = "cpu"
provider = "p"
"""
    found = problems(tmp_path, text)
    wanted = (
        ("1:1", "base_url"), ("2:8", "did you mean 'sendgrid'"), ("GET", "a GET has no body"),
        ("messages_per_request", "carries one"), ("template", "not JSON once it is filled in"),
        ("message", "never used"), ("when", "matches every reply"), ("entries", "in one way"),
        ("operation.b.carries", "already"), ("operation.b.fan_out", "nothing shows how many"),
        ("operation.b.body.template", "made of fields"), ("observe.c.url", "asked of a Prometheus"),
        ("observe.c.provider", "only counts of messages"),
    )  # fmt: skip
    for key, message in wanted:
        assert any(key in line and message in line for line in found), (key, message, found)
    assert len(found) == len(wanted), found
    assert all("target.toml:" in line for line in found)


def test_a_mistake_in_a_value_does_not_hide_one_between_values(tmp_path: Path) -> None:
    text = BASE + GOOD.replace('"/m"', '"m"').replace("{{recipient}}", "{{campaign}}") + "message = 'x'\n"
    assert len(problems(tmp_path, text)) == 2


def test_a_stream_goes_by_name_before_priority_before_channel_before_kind(tmp_path: Path) -> None:
    names = {"n": '["flash"]', "p": '["transactional"]', "c": '["sms"]', "k": '["event"]', "all": "[]"}
    text = BASE + "".join(
        GOOD.replace('name = "one"', f'name = "{name}"\ncarries = {carries}')
        for name, carries in names.items()
    )
    target = read(tmp_path, text)

    def chosen(*stream: Any) -> str:
        index = target.operation_for(*stream)
        return target.operations[index].name if index is not None else ""

    assert chosen("sms", "flash", "transactional") == "n"
    assert chosen("sms", "reset", "transactional") == "p"
    assert chosen("sms", "news", "marketing") == "c"
    assert chosen("email", "cart", "marketing", "event") == "k"
    assert chosen("email", "news", "marketing") == "all"


@pytest.mark.parametrize(("encoding", "method"), [("query", "GET"), ("form", "POST"), ("multipart", "PUT")])
def test_fields_become_a_query_a_form_or_parts(tmp_path: Path, encoding: str, method: str) -> None:
    text = BASE + (
        f'[[operation]]\nname = "a"\nmethod = "{method}"\npath = "/m"\n'
        '[operation.auth]\nkind = "query"\nname = "key"\nvalue = "${K}"\n'
        f'[operation.body]\nencoding = "{encoding}"\n'
        'fields = { to = "{{email}}", text = "50 % & {{campaign}}", data = \'{"c":"{{campaign|json}}"}\' }\n'
    )
    lines, body = rendered(read(tmp_path, text), 1, "email", 'a"b&c')
    query = dict(parse_qsl(urlsplit(lines[0].split(" ")[1]).query, strict_parsing=True))
    assert query.pop("key") == "k&y"
    wanted = {"to": "customer-000000000003@example.com", "text": '50 % & a"b&c', "data": '{"c":"a\\"b&c"}'}
    if encoding == "query":
        assert (query, body) == (wanted, b"")
    elif encoding == "form":
        assert dict(parse_qsl(body.decode(), strict_parsing=True)) == wanted
    else:
        assert all(f'name="{name}"\r\n\r\n{value}\r\n'.encode() in body for name, value in wanted.items())


def test_a_batch_may_name_its_messages_in_two_places_and_say_how_many_they_are(tmp_path: Path) -> None:
    text = BASE + (
        '[[operation]]\nname = "a"\npath = "/m"\nmessages_per_request = 100\n[operation.body]\n'
        'template = \'{"n":{{count}},"first":"{{message_id}}","to":[{{messages}}],"vars":{{{variables}}}}\'\n'
        'message = \'"{{email}}"\'\nvariable = \'"{{email}}":"{{message_id}}"\'\n'
    )
    target = read(tmp_path, text)
    for messages in (1, 2, 7, 100):
        document = json.loads(rendered(target, messages)[1])
        assert (document["n"], document["first"]) == (messages, "r-000000000003")
        assert list(document["vars"]) == document["to"]
        assert document["vars"][document["to"][-1]] == f"r-{messages + 2:012d}"


def test_one_call_may_reach_many_where_their_number_can_be_observed(tmp_path: Path) -> None:
    text = BASE + GOOD.replace(
        'path = "/m"', 'path = "/m"\nfan_out = "observed"\nmessages_per_request = 1000'
    )
    text = text.replace("{{recipient}}", "all") + (
        '[[observe]]\nname = "in"\nurl = "/stats"\npointer = "/in"\nmeaning = "received"\n'
    )
    target = read(tmp_path, text)
    assert rendered(target, 1000)[1] == rendered(target, 1)[1] == b'{"to":"all"}'
    assert Reader(target).read(200, b"", b"", 1000)[:2] == (Reply.ACCEPTED, 1000)


def test_an_operation_may_have_an_address_of_its_own(tmp_path: Path) -> None:
    from loadtests.targets.target import at

    text = BASE + GOOD.replace('path = "/m"', 'path = "/m"\nbase_url = "http://127.0.0.2:81/v2"')
    target = read(tmp_path, text)
    lines, _ = rendered(target)
    assert lines[:2] == ["POST /v2/m HTTP/1.1", "Host: 127.0.0.2:81"]
    assert target.destinations == ("http://127.0.0.2:81/v2",)
    assert target.destinations_of([("email", "c", "marketing")]) == (0,)
    assert at(target, "http://127.0.0.1:7").base_urls == ("http://127.0.0.1:7",)


def test_what_a_child_is_given_says_all_that_the_file_said(tmp_path: Path) -> None:
    text = (
        BASE
        + GOOD
        + '[[observe]]\nname = "cpu"\nurl = "http://127.0.0.1:9090"\npromql = "up"\nunit = "cores"\n'
    )
    target = read(tmp_path, text + 'meaning = "cpu"\nevery = "250ms"\n')
    dump(target, tmp_path / "target.json")
    assert load(tmp_path / "target.json") == target
    assert target.observe[0].every_s == 0.25


RULES = """
[operation.replies]
accepted = [200]
limited_texts = ["slow down"]
[[operation.replies.when]]
header = "X-Why"
holds = ["quota", "throttle"]
means = "limited"
[[operation.replies.when]]
status = [200]
pointer = "/ok"
equals = [false]
means = "rejected"
[[operation.replies.when]]
status = [200]
pointer = "/id"
absent = true
means = "failed"
"""


@pytest.mark.parametrize(
    ("status", "headers", "body", "reply", "because"),
    [
        (200, b"", b'{"id":1,"ok":true}', Reply.ACCEPTED, "status 200 is in replies.accepted (200)"),
        (200, b"", b'{"id":1,"ok":0}', Reply.ACCEPTED, "status 200"),
        (200, b"", b'{"id":1,"ok":false}', Reply.REJECTED, "/ok is False"),
        (200, b"", b'{"ok":true}', Reply.FAILED, "/id is absent"),
        (200, b"", b"<html>", Reply.FAILED, "/id is absent"),
        (200, b"", b'{"id":1,"note":"slow down"}', Reply.LIMITED, "'slow down'"),
        (400, b"x-why: daily quota\r\n", b"", Reply.LIMITED, "X-Why holds"),
        (400, b"", b'{"ok":false}', Reply.REJECTED, "status 400 is in replies.rejected (4xx)"),
        (302, b"", b"", Reply.FAILED, "in none of"),
    ],
)
def test_a_reply_is_read_by_the_first_rule_that_matches_and_the_rule_is_named(
    tmp_path: Path, status: int, headers: bytes, body: bytes, reply: Reply, because: str
) -> None:
    judged = Reader(read(tmp_path, BASE + GOOD + RULES)).explain(status, headers, body, 1)
    assert judged.reply is reply
    assert because in judged.because


@pytest.mark.parametrize("body", [b"{}", b"[1]", b"<html>", b"", b'{"results":{}}'])
def test_a_reply_that_should_tell_of_each_message_and_does_not_has_failed(
    tmp_path: Path, body: bytes
) -> None:
    text = BASE + GOOD + '[operation.replies.entries]\nresults = "/results"\nstatus = "/s"\n'
    assert Reader(read(tmp_path, text)).read(200, b"", body, 3)[:2] == (Reply.FAILED, 0)
