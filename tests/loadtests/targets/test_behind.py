"""`[behind]` of a target file: what it says, and every mistake in it."""

import json

import pytest

from loadtests.targets.behind import problems_of_profile, profile_of
from loadtests.targets.target import dump, load, read_target
from scenarios.problems import UserError

HEAD = 'base_url = "http://127.0.0.1:8090"\nlike = "sendgrid"\n[behind]\n'


def read(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + text)
    return read_target(path)


def complaints(tmp_path, text):
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    return [str(problem).partition("mine.toml:")[2] for problem in caught.value.problems]


def test_a_stand_in_needs_its_name_and_its_port(tmp_path):
    behind = read(tmp_path, 'stand_in = "sendgrid"\nport = 8091\n').behind
    assert behind is not None
    assert (behind.stand_in, behind.port, behind.profile_name, behind.settle) == (
        "sendgrid",
        8091,
        "sendgrid",
        10,
    )
    assert [text.partition(" ")[2] for text in complaints(tmp_path, "")] == [
        "behind.port: is missing; allowed: a whole number from 1 to 65535",
        'behind.stand_in: is missing; allowed: "sendgrid", "twilio", "braze", "ses", "postmark"',
    ]


def test_every_mistake_is_told_in_one_go_with_its_place(tmp_path):
    told = complaints(
        tmp_path,
        'stand_in = "twilio"\nport = 8090\npartial_failure = 0.1\nstall = { lasts = "3s", every = "2s" }\n',
    )
    assert [text.partition(" ")[0] for text in told] == ["3:1:", "5:8:", "6:19:", "7:19:"]
    assert "profile = one of twilio-10dlc" in told[0]
    assert "the target's own" in told[1]
    assert "twilio takes a request whole or not at all" in told[2]
    assert "it would never answer" in told[3]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('limit = "5/s"\nlimits = [{ rate = "5/s" }]', "limit is short for one of limits"),
        ('limit = "5/s"\nprofile = "ses"', "limit replaces its limits"),
        ('profile = "twilio-shrt-code"', "did you mean 'twilio-short-code'?"),
        ("limit_share = 0", "limit_share"),
        ('limit = "0/s"', "limit"),
        ('limits = [{ kind = "fixd window", messages = 3, window = "1s" }]', "fixed window"),
    ],
)
def test_what_contradicts_itself_or_does_not_exist_is_refused(tmp_path, text, words):
    assert any(words in told for told in complaints(tmp_path, f'stand_in = "ses"\nport = 8091\n{text}\n'))


def test_a_profile_of_ones_own_lies_beside_the_target_file_and_is_checked_with_it(tmp_path):
    (tmp_path / "contract.toml").write_text('channels = ["email"]\nlimits = [{ rate = "70/s", burst = 7 }]\n')
    behind = read(tmp_path, 'stand_in = "ses"\nport = 8091\nprofile = "contract.toml"\n').behind
    assert behind is not None
    assert profile_of(behind.profile_name).limits[0].per_s == 70
    assert problems_of_profile(tmp_path / "mine.toml") == ()
    (tmp_path / "contract.toml").write_text('channels = ["email"]\nlimits = [{ rat = "70/s" }]\n')
    with pytest.raises(UserError, match=r"contract.toml:2:1[0-9].*rat"):
        read(tmp_path, 'stand_in = "ses"\nport = 8091\nprofile = "contract.toml"\n')
    assert "contract.toml:2" in str(problems_of_profile(tmp_path / "mine.toml")[0])


def test_a_concrete_target_keeps_all_of_it_for_a_child(tmp_path):
    text = """stand_in = "postmark"
port = 8091
limits = [{ kind = "rolling quota", messages = 200, window = "24h" }, { rate = "5/s", burst = 2 }]
limit_share = "50 %"
counts = "requests"
answers_after = "20ms"
outage = { after = "10s", lasts = "5s" }
settle = "3s"
"""
    target = read(tmp_path, text)
    dump(target, tmp_path / "target.json")
    assert load(tmp_path / "target.json") == target
    assert json.loads((tmp_path / "target.json").read_text())["behind"]["limits"][1]["rate"] == "5.0/s"
