"""Messages are found in whatever a service made of them, counted and timed."""

import json
from urllib.parse import urlencode

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.arrivals import (
    NOBODY,
    Found,
    Sent,
    delays_s,
    find,
    first_s,
    matched,
    overtaken,
    run_number,
    seen_of,
    sent_of,
    times_seen,
)
from loadtests.replay.fates import Fault, Reply
from loadtests.replay.records import SendRecords
from loadtests.replay.schedule import Schedule
from loadtests.targets.rendering import Renderer
from loadtests.targets.target import shipped, shipped_names

RUN = "ab12cd34"
SECRETS = {"PEAKDAY_API_KEY": "AKIAEXAMPLE", "PEAKDAY_ACCOUNT": "AC" + "0" * 32}


@pytest.mark.parametrize("name", shipped_names())
def test_a_request_of_every_shipped_format_names_its_message(name):
    target = shipped(name).model_copy(update={"base_url": "http://127.0.0.1:1"})
    for operation in target.operations:
        for channel in ("email", "sms", "push", "whatsapp"):
            alone = target.model_copy(update={"operations": (operation.model_copy(update={"carries": ()}),)})
            body = Renderer(alone, SECRETS, RUN).render(77, 1, channel, "flash").partition(b"\r\n\r\n")[2]
            assert find(body).numbers == (77,), (name, channel)


@given(st.integers(0, 10**12 - 1), st.text(max_size=20), st.text(max_size=20))
def test_an_id_is_found_inside_any_json_and_any_form(number, before, after):
    message_id = f"{RUN}-{number:012d}"
    digits = {c for c in (before[-1:], after[:1]) if c in "0123456789abcdef" and c}
    if digits:
        return
    document = json.dumps({"text": before + message_id + after}).encode()
    form = urlencode({"Body": before + message_id + after}).encode()
    assert find(document) == find(form) == Found(run_number(RUN), (number,))


@pytest.mark.parametrize(
    "text",
    [
        b'{"to": "customer-000000000012@shop.example.com"}',
        b"To=%2B999000000000012&Body=hello",
        b"To=whatsapp%3A%2B999000000000012",
        b'{"to": "00999000000000012"}',
        b'{"token": "peakday-device-000000000012", "sent_at": 1732243532123}',
        b'{"user": "000000000012", "order": "550e8400-e29b-41d4-a716-446655440000"}',
        b"<id>ab12cd34-000000000012</id><at>2026-11-22T05:25:38.123456789012</at>",
    ],
)
def test_whatever_a_service_keeps_of_a_message_names_it(text):
    assert find(text).numbers == (12,)


@pytest.mark.parametrize(
    "text",
    [b"", b"1732243532123", b"550e8400-e29b-41d4-a716-446655440000", b"4111111111111111", b"123456789012"],
)
def test_other_numbers_are_no_messages(text):
    assert find(text).numbers == ()


def test_of_several_addresses_with_one_id_each_is_a_message():
    text = b'{"to":["customer-000000000012@example.com","customer-000000000013@example.com"],"id":"%s-%012d"}'
    assert find(text % (RUN.encode(), 12)) == Found(run_number(RUN), (12, 13))


def sent(due_s, acknowledged_s=None, urgency=None, first=100):
    due = np.array(due_s, dtype=np.float64)
    acknowledged = due + 0.01 if acknowledged_s is None else np.array(acknowledged_s, dtype=np.float64)
    marks = np.zeros(due.size, dtype=np.int64) if urgency is None else np.array(urgency, dtype=np.int64)
    return Sent(run_number(RUN), first, due, due + 0.001, acknowledged, np.ones_like(marks), marks)


def sightings(*rows):
    return seen_of((at_s, Found(run, (number,)), True) for at_s, run, number in rows)


def test_a_sighting_is_ours_by_its_run_or_else_by_a_number_that_was_sent_before():
    messages, mine, other = sent([0.0, 1.0]), run_number(RUN), run_number("00000001")
    seen = sightings(
        (0.5, mine, 100), (0.5, other, 100), (0.5, NOBODY, 101), (1.5, NOBODY, 101), (1.5, NOBODY, 102),
        (1.5, NOBODY, NOBODY),
    )  # fmt: skip
    assert matched(messages, seen).tolist() == [0, NOBODY, NOBODY, 1, NOBODY, NOBODY]


def test_the_first_sighting_times_a_message_and_every_one_counts():
    messages = sent([0.0, 1.0, 2.0])
    seen = sightings((3.0, NOBODY, 100), (2.0, NOBODY, 100), (1.5, NOBODY, 101))
    index = matched(messages, seen)
    earliest = first_s(index, seen.at_s, messages.count)
    assert times_seen(index, messages.count).tolist() == [2, 1, 0]
    assert delays_s(messages, earliest).tolist() == [2.0, 0.5, np.inf]


def test_what_was_not_acknowledged_and_not_seen_is_nobodys_delay():
    messages = sent([0.0, 0.0, 0.0], acknowledged_s=[np.nan, np.inf, 0.1])
    assert np.isnan(delays_s(messages, np.array([np.nan, np.nan, 4.0]))[:2]).all()
    assert delays_s(messages, np.array([np.nan, np.nan, 4.0]))[2] == 4.0


def test_a_queue_without_priorities_lets_through_all_that_came_before():
    # five of marketing, then one urgent, one a second through the door
    messages = sent([0.0] * 6, urgency=[1, 1, 1, 1, 1, 0])
    assert overtaken(messages, np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])).tolist() == [0, 0, 0, 0, 0, 5]
    assert overtaken(messages, np.array([2.0, 3.0, 4.0, 5.0, 6.0, 1.0])).tolist() == [0] * 6


def test_what_left_before_the_urgent_one_was_acknowledged_did_not_overtake_it():
    messages = sent([0.0, 0.0, 0.0], acknowledged_s=[0.1, 0.1, 2.5], urgency=[1, 1, 0])
    assert overtaken(messages, np.array([2.0, 3.0, 4.0])).tolist() == [0, 0, 1]


def schedule(messages, stream, priorities):
    requests = len(messages)
    return Schedule(
        due_s=np.arange(requests, dtype=np.float64),
        messages=np.array(messages, dtype=np.int32),
        wait_s=np.zeros(requests, dtype=np.float32),
        stream=np.array(stream, dtype=np.int16),
        streams=tuple(f"s{n}" for n in range(len(priorities))),
        channels=("email",) * len(priorities),
        duration_s=float(requests),
        scale=1.0, compress=1.0, seed=1, origin="", priorities=priorities,
    )  # fmt: skip


def records(rows):
    columns = list(zip(*rows, strict=True))
    request, attempt, started_s, ended_s, reply = (np.array(c) for c in columns)
    count = request.size
    return SendRecords(
        request=request.astype(np.int64), attempt=attempt.astype(np.int16),
        due_s=started_s, picked_s=started_s,
        started_s=started_s.astype(np.float64), ended_s=ended_s.astype(np.float64),
        status=np.zeros(count, dtype=np.int16), reply=reply.astype(np.int8),
        fault=np.full(count, Fault.NONE, dtype=np.int8), messages=np.ones(count, dtype=np.int32),
        accepted=np.ones(count, dtype=np.int32), stream=np.zeros(count, dtype=np.int16),
        duration_s=9.0, complete=True,
    )  # fmt: skip


def test_messages_are_numbered_through_the_requests_of_a_schedule():
    of = schedule([2, 1, 3], [0, 1, 0], ("marketing", "transactional"))
    told = records(
        [
            (0, 1, 0.1, 0.2, Reply.ACCEPTED),
            (1, 1, 1.1, 1.2, Reply.LIMITED),
            (1, 2, 1.5, 1.6, Reply.ACCEPTED),
            (2, 1, 2.1, 2.2, Reply.REJECTED),
        ]
    )
    found = sent_of(of, told, first=7, run=1)
    assert found.due_s.tolist() == [0.0, 0.0, 1.0, 2.0, 2.0, 2.0]
    assert found.urgency.tolist() == [1, 1, 0, 1, 1, 1]
    assert found.sends.tolist() == [1, 1, 2, 1, 1, 1]
    assert found.started_s[2] == 1.1
    assert found.acknowledged_s[:3].tolist() == [0.2, 0.2, 1.6]
    assert np.isnan(found.acknowledged_s[3:]).all()
