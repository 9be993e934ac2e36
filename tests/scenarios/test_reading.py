"""A TOML text into a vocabulary: every problem at once, each where it is."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scenarios.problems import UserError
from scenarios.reading import read
from scenarios.scenario import Scenario
from scenarios.words import Word
from tests.scenarios.mutating import FILE, Damage, damaged, problems_in, shipped_text

DAMAGES = (
    Damage('title = "S', 'titel = "S', "titel", "unknown key", "titel", "title"),
    Damage('size = "60M"', "size = true", "true", "is not a count", "audience.size"),
    Damage(
        "reach = { push = 0.55",
        "reach = { pusch = 0.55",
        "pusch",
        "unknown key",
        "audience.reach.pusch",
        "push",
    ),
    Damage("noise = 0.04", "noise = 4", "4", "is above 1", "demand.noise", "4 %"),
    Damage(
        '"2.4M/min"',
        '"2.4M/mim"',
        '"2.4M',
        'unknown unit "mim"',
        "campaign.midnight-flash.release",
        "2.4M/min",
    ),
    Damage('"480k/min"', "480_000", "480_000", "has no unit", "campaign.midnight-mail.release"),
    Damage(
        'segment = "hero"',
        'segment = "heros"',
        '"heros"',
        "unknown segment",
        "campaign.hero-text.segment",
        "hero",
    ),
    Damage("share = 0.8", 'share = "80"', '"80"', "is above 1", "campaign.evening-mail.share", "80 %"),
    Damage(
        'freshness = "1min"',
        'freshnes = "1min"',
        "freshnes",
        "unknown key",
        "background.one-time-code.freshnes",
        "freshness",
    ),
    Damage(
        "[1, 1, 1, 1, 1, 2",
        "[1, true, 1, 1, 1, 2",
        "true",
        "true is not a number",
        "background.parcel-on-its-way.hourly[1]",
    ),
    Damage(
        'after = "purchase"',
        'after = "purchases"',
        '"purchases"',
        "is not one of",
        "trigger.order-confirmation.after",
        "purchase",
    ),
    Damage(
        '"lunch-mail", "evening-mail"]',
        '"lunch-mial", "evening-mail"]',
        '"lunch-mial"',
        "unknown stream",
        "trigger.deal-follow-up.to[1]",
        "lunch-mail",
    ),
    Damage("order_value = 60.0", "order_value = -1", "-1", "is too small", "response.sms.order_value"),
    Damage("count = 1300", "count = 0.5", "0.5", "is not a count", "pipeline.workers.count"),
    Damage("attempts = 8", 'attempts = "8"', '"8"', "a text does not fit here", "pipeline.retries.attempts"),
    Damage("jitter = 0.5", "jitter = nan", "nan", "is not a share", "pipeline.retries.jitter"),
    Damage(
        'rate = "12k/s"',
        'rate = "900/x"',
        '"900/x"',
        'unknown unit "x"',
        "provider.mail-provider.limits[0].rate",
    ),
    Damage("burst = 50_000", "burst = 0", "0", "is too small", "provider.push-gateway.limits[0].burst"),
    Damage(
        '"fresh_share[midnight-flash]>=99%"',
        '"fresh_share[midnite-flash]>=99%"',
        '"fresh_share[midnite',
        "unknown stream",
        "objectives.season[1]",
        "midnight-flash",
    ),
    Damage('"p99<=250ms"', '"p99<=250"', '"p99<=250"', "has no unit", "objectives.send_api[0]"),
    Damage("replications = 8", "replications = 0", "0", "is too small", "rehearsal.replications"),
    Damage('origin = "O2 (Twilio)"', "", "", "is missing", "assumption[5].origin"),
)


def expect(damages: list[Damage]) -> None:
    text, places = damaged(shipped_text("singles-day"), [d for d in damages if d.new])
    for damage in damages:
        if not damage.new:  # a key that is missing is told at the header of its own block
            start = text.rindex("[[", 0, text.index(damage.old))
            text = text.replace(damage.old, "")
            places[damage] = f"{FILE}:{text.count(chr(10), 0, start) + 1}:1"
    told = problems_in(text)
    for damage in damages:
        found = [p for p in told if (p.where, p.key) == (places[damage], damage.key)]
        assert found, f"{damage} is not told at {places[damage]}:\n" + "\n".join(map(str, told))
        assert damage.message in found[0].message
        assert found[0].nearest == damage.near
        assert found[0].allowed


def test_twenty_two_mistakes_in_one_file_are_all_told_with_line_and_column() -> None:
    expect(list(DAMAGES))


def test_twenty_two_mistakes_cause_no_complaint_that_is_none() -> None:
    text, _ = damaged(shipped_text("singles-day"), [damage for damage in DAMAGES if damage.new])
    keys = {problem.key for problem in problems_in(text)}
    assert keys - {damage.key for damage in DAMAGES} == {
        "title",  # missing, since it is written titel
        "campaign.midnight-flash.channel",  # nobody is reached by push, since it is written pusch
        "campaign.lunch-push.channel",
        "campaign.evening-push.channel",
        "trigger.cart-reminder.channel",
    }


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sets(st.sampled_from(DAMAGES), min_size=1, max_size=6))
def test_any_mistakes_together_are_told_each_at_its_place(damages: set[Damage]) -> None:
    expect(list(damages))


def test_no_message_speaks_of_the_library_that_checks() -> None:
    text, _ = damaged(shipped_text("singles-day"), [damage for damage in DAMAGES if damage.new])
    words = "\n".join(str(problem) for problem in problems_in(text))
    assert not re.search(r"pydantic|https?:|input_|type=|Input should|valid ", words)


def test_problems_stand_in_the_order_of_the_text() -> None:
    text, _ = damaged(shipped_text("singles-day"), [damage for damage in DAMAGES if damage.new])
    places = [tuple(map(int, problem.where.split(":")[1:])) for problem in problems_in(text)]
    assert places == sorted(places)


def test_the_message_has_place_key_value_reason_and_what_is_allowed() -> None:
    damage = Damage('rate = "12k/s"', 'rate = "900/x"', '"900/x"', "unknown unit")
    text, places = damaged(shipped_text("singles-day"), [damage])
    assert [str(problem) for problem in problems_in(text)] == [
        f'{places[damage]}: provider.mail-provider.limits[0].rate = "900/x": unknown unit "x"; '
        'allowed: "900/s", "54k/min" or "11.6M/min"'
    ]


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        ("a = = 1", "x.toml:1:5", "this is not TOML: invalid value"),
        ('a = 1\nb = "x', "x.toml:2:7", "this is not TOML: unterminated string"),
        ("[a\n", "x.toml:1:3", "this is not TOML"),
        ("a = 1\n\na = 2", "x.toml:3:6", "cannot overwrite"),
        ("a = 2026-13-41", "x.toml:1:5", "this is not TOML"),
        ("a = " + "[" * 5000, "x.toml:1:1", "nested too deeply"),
        ("a = " + "1" * 5000, "x.toml:1:1", "too many digits"),
    ],
)
def test_what_is_no_toml_is_told_where_it_breaks(text: str, where: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read(text, Scenario, "x.toml")
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].where.startswith(where.rpartition(":")[0])
    assert message in caught.value.problems[0].message


class Inner(Word):
    kind: str
    size: int = 3


class Outer(Word):
    name: str
    flag: bool = False
    ratio: float = 0.5
    inner: Inner | float = 1.0
    many: tuple[Inner, ...] = ()


def test_a_base_goes_without_saying_and_the_text_goes_over_it() -> None:
    outer = read("inner = { size = 4 }", Outer, "x.toml", {"name": "base", "inner": {"kind": "a", "size": 1}})
    assert outer == Outer(name="base", inner=Inner(kind="a", size=4))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            'name = "a"\nratio = true',
            "x.toml:2:9: ratio = true: a truth value does not fit here; allowed: a number",
        ),
        ('name = "a"\nratio = "2"', 'x.toml:2:9: ratio = "2": a text does not fit here; allowed: a number'),
        ("name = 3", "x.toml:1:8: name = 3: a whole number does not fit here; allowed: a text in quotes"),
        (
            'name = "a"\nflag = 1.5',
            "x.toml:2:8: flag = 1.5: a number does not fit here; allowed: true or false",
        ),
        ('name = "a"\ninner = { size = 2 }', "x.toml:2:9: inner.kind: is missing; allowed: a text in quotes"),
        (
            'name = "a"\ninner = "x"',
            'x.toml:2:9: inner = "x": a text does not fit here; allowed: a table with kind, size or a number',
        ),
        (
            'name = "a"\n[[many]]\nkind = "x"\n[[many]]\nsiz = 1\nkind = "y"',
            "x.toml:5:1: many[1].siz = 1: unknown key; allowed: kind, size; did you mean 'size'?",
        ),
        (
            'name = "a"\nmany = 3',
            "x.toml:2:8: many = 3: a whole number does not fit here; allowed: tables with kind, size",
        ),
        ('name = "a"\nratio = inf', "x.toml:2:9: ratio = inf: is not a finite number; allowed: a number"),
    ],
)
def test_a_wrong_kind_of_value_is_told_in_plain_words(text: str, told: str) -> None:
    with pytest.raises(UserError) as caught:
        read(text, Outer, "x.toml")
    assert str(caught.value) == told


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_text_is_read_or_told_and_never_breaks(data: st.DataObject) -> None:
    text = shipped_text("smoke")
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 40))
        text = (
            text[:start]
            + data.draw(st.sampled_from(["", "0", "true", '"x"', "[", "{ }", "\n", "-1", "nan"]))
            + text[start + length :]
        )
    for problem in problems_in(text):
        assert problem.where.startswith(FILE)
        assert problem.message
