"""Counts of a replay by the address that requests went to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from loadtests.by_address import by_address, from_document, summary, to_document
from loadtests.replay.fates import Fault, Reply
from loadtests.replay.schedule import constant
from tests.loadtests.plays import answered, dropped

URLS = ("http://127.0.0.1:1", "http://127.0.0.1:2")


def test_each_address_has_its_own_counts_that_add_up_to_the_whole() -> None:
    plain = constant(100.0, 1.0, batch=2)
    schedule = replace(plain, stream=np.resize(np.array([0, 1, 2, 1, 2], dtype=np.int16), 50))
    records = answered(schedule, 0.01)
    refused = (records.stream == 1) & (records.request >= 40)
    records = replace(
        records,
        fault=np.where(refused, Fault.REFUSED, records.fault).astype(np.int8),
        reply=np.where(refused, Reply.NONE, records.reply).astype(np.int8),
        accepted=np.where(refused, 0, records.accepted).astype(np.int32),
    )
    records = dropped(records, records.request == 0)
    first, second = by_address(schedule, records, URLS, (0, 1, 0))
    assert (first.base_url, second.base_url) == URLS
    assert (first.due, first.started, first.dropped, first.accepted) == (30, 29, 1, 29)
    assert (second.due, second.started, second.dropped, second.accepted) == (20, 20, 0, 16)
    assert (first.messages_accepted, second.messages_accepted) == (58, 32)
    assert (first.errors_by_kind, second.errors_by_kind) == ({"dropped no connection": 1}, {"refused": 4})
    assert np.isinf(first.latency_s.max)
    assert summary(second)["latency_s"]["p99"] is None
    assert from_document(to_document(second)) == second


def test_one_address_is_not_told_apart_and_an_unused_one_is_not_told() -> None:
    schedule = constant(100.0, 0.1)
    records = answered(schedule, 0.01)
    assert by_address(schedule, records, URLS[:1], (0,)) == ()
    assert [one.base_url for one in by_address(schedule, records, URLS, (1,))] == [URLS[1]]
