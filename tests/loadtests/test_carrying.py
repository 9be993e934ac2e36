"""What a target carries of a schedule, and how a stream's priority travels to it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from loadtests.carrying import a_channel, carried
from loadtests.replay.schedule import Schedule, constant, read_schedule, write_schedule
from loadtests.sendapi.formats import Accepted
from loadtests.sendapi.formats import read as read_as_the_api_does
from loadtests.targets.rendering import Renderer
from loadtests.targets.target import at, shipped
from scenarios.problems import UserError

URL = "http://127.0.0.1:1"


def season() -> Schedule:
    """Four requests: two of an email stream, two of a push stream, one each time."""
    even = constant(4.0, 1.0)
    names = {"streams": ("reset", "flash"), "channels": ("email", "push"), "campaigns": ("reset", "flash")}
    stream = np.array([0, 1, 0, 1])
    return replace(even, stream=stream.astype(np.int16), priorities=("transactional", "marketing"), **names)


def test_streams_without_an_operation_are_left_out_and_named() -> None:
    kept, missing = carried(season(), at(shipped("postmark"), URL))
    assert (kept.due_s.tolist(), kept.stream.tolist(), missing) == ([0.125, 0.625], [0, 0], ("flash",))
    assert carried(season(), at(shipped("sendgrid"), URL))[1] == ()
    with pytest.raises(UserError, match="carries any of these"):
        carried(season(), at(shipped("twilio"), URL))


def test_a_plain_rate_goes_to_a_channel_that_the_target_has() -> None:
    channels = {name: a_channel(at(shipped(name), URL)) for name in ("sendgrid", "twilio", "fcm")}
    assert channels == {"sendgrid": "email", "twilio": "sms", "fcm": "push"}


def test_the_api_files_a_replayed_message_under_its_streams_own_priority() -> None:
    renderer = Renderer(at(shipped("sendgrid"), URL), {"PEAKDAY_API_KEY": "k"})
    filed = []
    for kind in season().kinds():
        taken = read_as_the_api_does(renderer.render(0, 1, *kind).partition(b"\r\n\r\n")[2], "m")
        assert isinstance(taken, Accepted)
        filed.append((taken.groups[0].channel, taken.groups[0].priority))
    assert filed == [("email", "transactional"), ("push", "marketing")]


def test_a_schedule_of_before_priorities_is_still_read_and_is_all_marketing(tmp_path: Path) -> None:
    path = tmp_path / "s.parquet"
    write_schedule(season(), path)
    assert read_schedule(path).priorities == ("transactional", "marketing")
    table = pq.read_table(path)
    head = json.loads(table.schema.metadata[b"peakday"])
    del head["priorities"]
    pq.write_table(table.replace_schema_metadata({"peakday": json.dumps(head)}), path)
    assert {priority for _, _, priority in read_schedule(path).kinds()} == {"marketing"}
