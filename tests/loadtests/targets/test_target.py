"""A target by a file, by a shipped format's name, or embedded."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtests.sendapi.knobs import Knobs, ProviderLimit, Stall
from loadtests.targets import credentials
from loadtests.targets.embedded import Embedded
from loadtests.targets.target import Target, dump, embedded_at, load, resolve, shipped, shipped_names
from scenarios.problems import UserError

FILE = """
title = "our own door"
base_url = "http://127.0.0.1:9000/api"
share = "40 %"

[[operation]]
name = "sms"
carries = ["sms"]
path = "/messages/{{channel}}"
[operation.auth]
kind = "basic"
user = "peak"
password = "${OUR_PASSWORD}"
[operation.body]
encoding = "form"
template = "To={{recipient}}&Body={{campaign}}"

[[operation]]
name = "bulk"
path = "/bulk"
messages_per_request = 50
[operation.auth]
kind = "header"
name = "X-Key"
value = "${OUR_KEY}"
[operation.body]
template = '{"all":[{{messages}}]}'
message = '{"to":"{{recipient}}","id":"{{message_id}}"}'
[operation.replies]
accepted = [201]
limited = [429, 503]
rejected_texts = ["\\"ok\\":false"]

[[observe]]
name = "waiting"
url = "/stats"
pointer = "/queue/0/waiting"
meaning = "backlog"
"""


def written(folder: Path, text: str) -> str:
    path = folder / "target.toml"
    path.write_text(text)
    return str(path)


def read(folder: Path, text: str) -> Target:
    target = resolve(written(folder, text))
    assert isinstance(target, Target)
    return target


def test_a_file_alone_describes_a_send_api_nobody_here_has_seen(tmp_path: Path) -> None:
    target = read(tmp_path, FILE)
    assert (target.share, target.base_url) == (0.4, "http://127.0.0.1:9000/api")
    assert [target.operations[i].name for i in (0, 1)] == ["sms", "bulk"]
    assert target.operation_for("sms") == 0
    assert target.operation_for("email", "newsletter") == 1


def test_all_problems_of_a_target_file_come_at_once_with_their_lines(tmp_path: Path) -> None:
    text = (
        FILE.replace("share = ", "shar = ")
        .replace("${OUR_PASSWORD}", "hunter2")
        .replace("{{message_id}}", "{{mesage_id}}")
        .replace("[429, 503]", "[429, 999]")
        .replace('meaning = "backlog"', 'meaning = "waiting"')
        .replace("To={{recipient}}", "To=someone@gmail.com")
    )
    with pytest.raises(UserError) as wrong:
        resolve(written(tmp_path, text))
    problems = [str(problem) for problem in wrong.value.problems]
    assert len(problems) == 6, problems
    assert all("target.toml:" in problem for problem in problems)
    wanted = ("shar", "gmail.com", "never written down", "'{{message_id}}'", "999", "waiting")
    text = "\n".join(problems).replace("did you mean {{message_id}}", "'{{message_id}}'")
    for part in wanted:
        assert part in text


def test_a_target_without_address_or_operation_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="describes no operation"):
        read(tmp_path, 'base_url = "http://127.0.0.1"')
    with pytest.raises(UserError, match="base_url"):
        read(tmp_path, 'like = "sendgrid"')
    with pytest.raises(UserError, match="cannot be read"):
        resolve(str(tmp_path / "nothing.toml"))


def test_a_file_may_take_its_operations_from_a_shipped_format(tmp_path: Path) -> None:
    target = read(tmp_path, 'like = "sendgrid"\nbase_url = "http://127.0.0.1:1"')
    assert target.operations == shipped("sendgrid").operations


def test_a_shipped_format_at_an_address_is_a_target() -> None:
    target = resolve("sendgrid+http://127.0.0.1:8025/")
    assert isinstance(target, Target)
    assert (target.base_url, target.operations[0].path) == ("http://127.0.0.1:8025", "/v3/mail/send")


def test_an_unknown_format_or_a_bare_address_names_what_there_is() -> None:
    with pytest.raises(UserError, match="did you mean 'sendgrid'"):
        resolve("sendgird+http://127.0.0.1:1")
    with pytest.raises(UserError, match=r"sendgrid\+http://127\.0\.0\.1:1"):
        resolve("http://127.0.0.1:1")
    assert {"sendgrid", "embedded"} <= set(shipped_names())


def test_the_embedded_api_takes_the_options_of_serve_over_what_the_scenario_says() -> None:
    asked = resolve("embedded?limit=30k/min&service-time=20ms&workers=8&stall=400ms/every+60s")
    assert isinstance(asked, Embedded)
    base = Knobs(providers=(ProviderLimit("a", ("email",), 5.0),), workers=3, variation=0.1, seed=7)
    knobs = asked.over(base)
    assert (knobs.limit_per_s, knobs.providers, knobs.service_time_s, knobs.workers) == (500.0, (), 0.02, 8)
    assert (knobs.stall, knobs.seed, knobs.variation) == (Stall(0.4, 60.0), 7, 0.1)
    plain = resolve("embedded")
    assert isinstance(plain, Embedded)
    assert plain.over(base) == base


def test_every_wrong_option_of_the_embedded_api_is_reported_at_once() -> None:
    with pytest.raises(UserError) as wrong:
        resolve("embedded?limt=1/s&service-time=20&workers=0&stall=70s/60s&queue=kafka&workers=3")
    problems = [str(problem) for problem in wrong.value.problems]
    assert len(problems) == 6, problems
    assert "did you mean 'limit'" in problems[0]


def test_a_target_goes_to_a_child_process_without_its_secrets(tmp_path: Path) -> None:
    target = read(tmp_path, FILE)
    dump(target, tmp_path / "target.json")
    assert load(tmp_path / "target.json") == target
    assert "${OUR_PASSWORD}" in (tmp_path / "target.json").read_text()


def test_secrets_come_from_the_environment_and_every_missing_one_is_named(tmp_path: Path) -> None:
    target = read(tmp_path, FILE)
    given = {"OUR_KEY": "k", "OUR_PASSWORD": "p", "OTHER": "o"}
    assert credentials.environment(target, given) == {"OUR_KEY": "k", "OUR_PASSWORD": "p"}
    with pytest.raises(UserError) as wrong:
        credentials.environment(target, {})
    assert len(wrong.value.problems) == 2
    with pytest.raises(UserError, match="no header may carry"):
        credentials.environment(target, given | {"OUR_KEY": "a\r\nb"})


def test_only_on_loopback_does_a_dummy_stand_for_a_key_that_is_not_set() -> None:
    here = embedded_at("http://127.0.0.1:1")
    assert credentials.environment(here, {})[credentials.API_KEY] == credentials.DUMMY_KEY
    assert credentials.environment(here, {credentials.API_KEY: "mine"})[credentials.API_KEY] == "mine"
    with pytest.raises(UserError, match="not set"):
        credentials.environment(here.model_copy(update={"base_url": "https://api.example.com"}), {})
