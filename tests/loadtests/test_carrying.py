"""What a target carries of a schedule, and how a stream's priority travels to it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from loadtests.carrying import a_channel, carried, carries
from loadtests.replay.schedule import Schedule, constant, read_schedule, write_schedule
from loadtests.sendapi.formats import Accepted
from loadtests.sendapi.formats import read as read_as_the_api_does
from loadtests.stages import Part
from loadtests.targets.embedded import Embedded
from loadtests.targets.rendering import Renderer
from loadtests.targets.target import at, shipped
from scenarios.catalogue import load
from scenarios.problems import UserError
from sim.simulate import simulate
from sim.traffic import Stream, Traffic, only, peak_per_min

URL = "http://127.0.0.1:1"


def season() -> Schedule:
    """Four requests: two of an email stream, two of a push stream, one each time."""
    even = constant(4.0, 1.0)
    names = {"streams": ("reset", "flash"), "channels": ("email", "push"), "campaigns": ("reset", "flash")}
    stream = np.array([0, 1, 0, 1])
    return replace(even, stream=stream.astype(np.int16), priorities=("transactional", "marketing"), **names)


def traffic() -> Traffic:
    """Three bins: an email stream that is greatest in the first, a push stream that is in the last."""
    streams = (
        Stream("reset", "email", "reset", "transactional", 60.0, "background"),
        Stream("flash", "push", "flash", "marketing", 60.0, "campaign"),
    )
    counts = np.array([[5, 1, 1], [0, 2, 9]])
    amounts = {"planned": counts.sum(axis=1), "suppressed": np.zeros(2, dtype=np.int64)}
    return Traffic(streams, datetime(2026, 11, 11, tzinfo=UTC), 60.0, counts, **amounts, seed=1, scenario="s")


def test_streams_without_an_operation_are_left_out_and_named() -> None:
    kept, missing = carried(traffic(), at(shipped("postmark"), URL))
    assert (kept.counts.tolist(), kept.streams[0].name, missing) == ([[5, 1, 1]], "reset", ("flash",))
    assert carried(traffic(), at(shipped("sendgrid"), URL))[1] == ()
    with pytest.raises(UserError, match="carries any of these"):
        carried(traffic(), at(shipped("twilio"), URL))


def test_a_season_in_which_nothing_is_due_is_carried_by_every_target_that_has_its_streams() -> None:
    silent = replace(traffic(), counts=np.zeros((2, 3), dtype=np.int64))
    assert carried(silent, at(shipped("sendgrid"), URL))[0].counts.sum() == 0


def test_a_target_of_one_channel_is_held_against_that_channels_own_peak() -> None:
    loaded = load("smoke")
    whole = simulate(loaded, replications=3).peaks
    assert (whole.carried_per_s_p50, whole.carried_per_s_p90) == (
        whole.offered_per_s_p50,
        whole.offered_per_s_p90,
    )
    email = carries(at(shipped("postmark"), URL))
    part = simulate(loaded, replications=3, carries=email)
    alone_per_s = peak_per_min(only(part.traffic, email)) / 60.0
    assert part.replications[0].peak_carried_per_s == pytest.approx(alone_per_s)
    assert part.peaks.offered_per_s_p90 == whole.offered_per_s_p90
    assert 0.0 < part.peaks.carried_per_s_p90 < whole.offered_per_s_p90


def test_a_target_files_share_is_multiplied_into_the_part_of_the_season() -> None:
    half = at(shipped("postmark"), URL).model_copy(update={"share": 0.5})
    assert Part(scale=0.5, share=0.5).at(half) == Part(scale=0.5, share=0.25)
    assert Part(share=0.5).at(Embedded()) == Part(share=0.5)


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
