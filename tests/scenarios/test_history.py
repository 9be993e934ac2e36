"""Last year's sends on this year's clock; every bad row told with its line and column."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.catalogue import load
from scenarios.history import History, read_history
from scenarios.problems import Problem, UserError
from scenarios.samples.make_sends_2025 import FILE, SEED, write
from scenarios.scenario import Scenario

HEADER = "timestamp,channel,campaign,messages\n"
SMOKE = load("smoke").scenario


@pytest.fixture
def history(tmp_path: Path) -> Callable[..., History]:
    def read(text: str | bytes, scenario: Scenario = SMOKE) -> History:
        file = tmp_path / "h.csv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_history(scenario, file, "h.csv")

    return read


Read = Callable[..., History]


def told(history: Read, text: str | bytes) -> list[Problem]:
    with pytest.raises(UserError) as caught:
        history(text)
    return list(caught.value.problems)


def with_demand(**changes: object) -> Scenario:
    return SMOKE.model_copy(update={"demand": SMOKE.demand.model_copy(update=changes)})


def test_minutes_stand_where_the_clock_was_a_year_before(history: Read) -> None:
    read = history(
        HEADER
        + "2025-11-11T00:03:00+08:00,email,news,30\n"
        + "2025-11-11 00:01,push,flash,7\n"  # no offset: local to Asia/Singapore
        + "2025-11-10T16:02:30Z,push,flash,5\n"  # the same clock told in UTC, seconds cut off
    )
    by_name = {stream.name: minutes for stream, minutes in zip(read.streams, read.minutes, strict=True)}
    assert read.starts_at == SMOKE.starts_at
    assert by_name["flash"].tolist() == [0, 7, 5, 0, 0, 0, 0, 0, 0, 0]
    assert by_name["news"].tolist() == [0, 0, 0, 30, 0, 0, 0, 0, 0, 0]


def test_rows_outside_the_season_are_counted_and_not_lost(history: Read) -> None:
    read = history(HEADER + "2025-11-11 00:00,push,flash,3\n2025-11-11 00:10,push,flash,4\n")
    assert (read.minutes.sum(), read.messages_outside) == (3.0, 4.0)


def test_history_starts_at_says_which_moment_becomes_the_start(history: Read) -> None:
    scenario = with_demand(history_starts_at=datetime(2025, 6, 1, 12, 30))  # noqa: DTZ001 - local, as a file has it
    read = history(HEADER + "2025-06-01 12:31,push,flash,3\n", scenario)
    assert read.minutes.tolist() == [[0, 3, 0, 0, 0, 0, 0, 0, 0, 0]]


def test_twenty_hundred_stays_twenty_hundred_across_daylight_saving(history: Read) -> None:
    # In New York the clock was set back on 2 November 2025; in 2026 it is on 1 November.
    scenario = SMOKE.model_copy(
        update={
            "timezone": "America/New_York",
            "starts_at": datetime(2026, 10, 31, 4, tzinfo=UTC),
            "duration": 3 * 86400.0,
        }
    )
    read = history(HEADER + "2025-10-31 00:00,push,flash,1\n2025-11-02 20:00,push,flash,9\n", scenario)
    minute = int(np.flatnonzero(read.minutes[0] == 9)[0])
    assert scenario.starts_at + timedelta(minutes=minute) == datetime.fromisoformat(
        "2026-11-02T20:00:00-05:00"
    )


def test_streams_are_named_by_campaign_and_by_channel_where_it_has_several(history: Read) -> None:
    scenario = with_demand(transactional=("codes",))
    read = history(
        HEADER
        + '2025-11-11,push,"11.11 [VIP], now",1\n2025-11-11,push,flash,1\n'
        + "2025-11-11,sms,flash,1\n2025-11-11,sms,codes,1\n",
        scenario,
    )
    assert {(s.name, s.campaign, s.priority, s.freshness_s) for s in read.streams} == {
        ("11.11 -VIP- now", "11.11 [VIP], now", "marketing", 1800.0),
        ("flash-push", "flash", "marketing", 1800.0),
        ("flash-sms", "flash", "marketing", 1800.0),
        ("codes", "codes", "transactional", 300.0),
    }


def test_every_bad_row_is_told_with_line_and_column(history: Read) -> None:
    text = (
        "\ufefftimestamp;channel;campaign;messages\r\n"
        "\r\n"
        "2025-11-11T00:00:00+08:00;pusch;flash;100\r\n"
        '2025-11-11 00:01;push;"a;""b""";-1\r\n'
        "2025-13-10;email;x;1,000\r\n"
        "2025-11-10;email;x;nan;4\r\n"
        '11/11/2025;email;;"inf"\r\n'
        '2025-11-11 00:02;push;"two\r\nlines";7\r\n'
        "2025-11-11 00:05;email;x\r\n"
        "2025-11-11 00:05;email;x;1\r\n"
        "2025-11-10T16:05:00Z;email;x;2"
    )
    assert [(p.where, p.key, p.message, p.nearest) for p in told(history, text)] == [
        ("h.csv:3:27", "channel", "unknown channel", "push"),
        ("h.csv:4:33", "messages", "is below 0", ""),
        ("h.csv:5:1", "timestamp", "is not a date and time", ""),
        ("h.csv:5:20", "messages", "is not a number", ""),
        ("h.csv:6:1", "", "5 fields", ""),
        ("h.csv:7:1", "timestamp", "is not a date and time", ""),
        ("h.csv:7:18", "campaign", "is empty", ""),
        ("h.csv:7:19", "messages", "is not a number", ""),
        ("h.csv:8:23", "campaign", "is not a name", ""),
        ("h.csv:10:1", "", "3 fields", ""),
        ("h.csv:12:1", "timestamp", "says the same timestamp, channel and campaign as h.csv:11:1", ""),
    ]


@pytest.mark.parametrize(
    ("data", "where", "message"),
    [
        (b"", "h.csv", "is empty"),
        (b"\n\n", "h.csv", "is empty"),
        (HEADER.encode(), "h.csv:1:1", "has a header and no rows"),
        (HEADER.encode() + b"2025-11-11,push,caf\xe9,1\n", "h.csv:2:20", "byte 0xe9 is not UTF-8"),
        (HEADER.encode("utf-16"), "h.csv", "is written in UTF-16"),
        (
            HEADER.encode() + b'2025-11-11,push,a,1\n2025-11-12,push,"a,1\n2025-11-13,push,a,1\n',
            "h.csv:3",
            "a quote is opened and never closed",
        ),
        (HEADER.encode() + b"2025-11-11,push,\0,1\n", "h.csv", "holds NUL bytes: it is no text"),
        (b"timestamp,channel,channel,messages\n1,2,3,4\n", "h.csv:1:1", 'two columns are called "channel"'),
    ],
)
def test_a_file_that_is_no_history_is_told_in_plain_words(
    history: Read, data: bytes, where: str, message: str
) -> None:
    assert [(p.where, p.message) for p in told(history, data)] == [(where, message)]


def test_missing_columns_are_told_with_the_nearest_that_is_there(history: Read) -> None:
    problems = told(history, "timestmp,chan,campaign,count\n1,2,3,4\n")
    assert [(p.message, p.nearest) for p in problems] == [
        ('there is no column "timestamp"', "timestmp"),
        ('there is no column "channel"', "chan"),
        ('there is no column "messages"', ""),
    ]


def test_of_thousands_of_problems_the_first_fifty_are_told_and_the_rest_counted(history: Read) -> None:
    problems = told(history, HEADER + "2025-11-11,fax,a,1\n" * 5000)
    assert len(problems) == 51
    assert problems[0].where == "h.csv:2:12"
    assert problems[-1].message == "and 4,950 more problems"


def test_a_directory_and_a_missing_file_are_told(tmp_path: Path) -> None:
    for path, message in ((tmp_path, "is a directory"), (tmp_path / "x.csv", "there is no such file")):
        with pytest.raises(UserError, match=message):
            read_history(SMOKE, path, "h")


def test_rows_that_all_lie_outside_are_told_with_what_shifts_them(history: Read) -> None:
    (problem,) = told(history, HEADER + "2025-11-11 05:00,push,a,1\n")
    assert "no row falls into the season" in problem.message
    assert "history_starts_at" in problem.allowed


def test_parquet_reads_as_csv_does_and_tells_rows(tmp_path: Path) -> None:
    file = tmp_path / "h.parquet"
    when = [datetime(2025, 11, 11, 0, minute, tzinfo=UTC) - timedelta(hours=8) for minute in (1, 2)]
    table = {
        "timestamp": pa.array(when, pa.timestamp("ns", "UTC")),
        "channel": ["push", "push"],
        "campaign": ["a", "a"],
    }
    pa.parquet.write_table(pa.table({**table, "messages": [3, 4]}), file)
    assert read_history(SMOKE, file, "h").minutes.tolist() == [[0, 3, 4, 0, 0, 0, 0, 0, 0, 0]]
    pa.parquet.write_table(pa.table({**table, "messages": [None, -4.0]}), file)
    with pytest.raises(UserError) as caught:
        read_history(SMOKE, file, "h")
    assert [(p.where, p.message) for p in caught.value.problems] == [
        ("h:row 1", "is empty"),
        ("h:row 2", "is below 0"),
    ]
    file.write_bytes(b"no parquet")
    with pytest.raises(UserError, match="is not a Parquet file"):
        read_history(SMOKE, file, "h")


FIELDS = st.sampled_from(
    ["2025-11-11", "2025-11-11 00:03", "x", "", "push", "sms", "flash", '"a,b"', '"l\nm"', "5", "-1"]
)


@settings(max_examples=120, deadline=None)
@given(st.lists(st.lists(FIELDS, min_size=1, max_size=5), max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_every_row_is_read_or_told(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], end: str
) -> None:
    file = tmp_path_factory.mktemp("any") / "h.csv"
    file.write_bytes((HEADER.strip() + end + end.join(",".join(row) for row in rows)).encode())
    good = [
        r for r in rows if len(r) == 4 and r[0].startswith("2025") and r[1] in ("push", "sms") and r[3] == "5"
    ]
    good = [r for r in good if r[2] not in ("", '"l\nm"')]
    try:
        read = read_history(SMOKE, file, "h.csv")
    except UserError as error:
        assert all(problem.where.startswith("h.csv") for problem in error.problems)  # noqa: PT017 - either way is right
    else:
        assert read.minutes.sum() == 5.0 * len(good)
        assert len(good) == len([row for row in rows if row != [""]])


def test_the_sample_is_what_its_script_writes(tmp_path: Path) -> None:
    write(tmp_path / "again.csv", SEED)
    assert (tmp_path / "again.csv").read_bytes() == FILE.read_bytes()
    assert FILE.stat().st_size < 400_000
