"""Outcome: its file, and the figures that follow from it."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scenarios.problems import UserError
from sim import message
from sim.ledger import ROWS
from sim.outcome import Outcome
from sim.outcomefile import read_outcome, write_outcome
from sim.progress import SILENT
from sim.shelf import Memory
from sim.summary import summary
from tests.sim.pipelines import scenario, stream, traffic

STREAMS = [stream("sale", freshness_s=5.0), stream("code [otp]", priority="transactional")]


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    """Ten seconds of overload of one worker with a short queue."""
    provider = [{"name": "p", "channels": ["email"], "limits": [{"rate": "8/s", "burst": 20}]}]
    workers = {"count": 1, "service_time": "100ms", "distribution": "deterministic"}
    loaded = scenario(60, workers, provider=provider, queue={"bound": 80})
    counts = np.zeros((2, 60))
    counts[0, 5:15], counts[1, 5:45:4] = 20, 1
    return message.run(loaded, traffic(STREAMS, counts), 1, SILENT)[1]


def test_an_outcome_is_read_as_it_was_written(outcome: Outcome, tmp_path: Path) -> None:
    write_outcome(outcome, tmp_path / "outcome.parquet")
    again = read_outcome(tmp_path / "outcome.parquet")
    kept = [
        field.name for field in fields(Outcome) if field.name not in ("series", "file_cpu_s", "compile_cpu_s")
    ]
    for name in (*kept, *ROWS):
        one, other = getattr(outcome, name), getattr(again, name)
        if isinstance(one, np.ndarray):
            assert one.dtype == other.dtype, name
            assert np.array_equal(one, other), name
        else:
            assert one == other, name


def test_a_file_without_what_is_under_way_is_still_read(outcome: Outcome, tmp_path: Path) -> None:
    path = tmp_path / "outcome.parquet"
    write_outcome(outcome, path)
    table = pq.read_table(path)
    pq.write_table(table.drop_columns([f"under_way[{s.name}]" for s in STREAMS]), path)
    again = read_outcome(path)
    assert np.array_equal(again.backlog, outcome.backlog)
    assert not again.under_way.any()


def test_another_format_is_refused_by_name(outcome: Outcome, tmp_path: Path) -> None:
    path = tmp_path / "outcome.parquet"
    write_outcome(outcome, path)
    table = pq.read_table(path)
    told = table.schema.metadata[b"peakday"].replace(b"peakday outcome 1", b"peakday outcome 9")
    pq.write_table(table.replace_schema_metadata({b"peakday": told}), path)
    with pytest.raises(UserError, match=r"outcome\.parquet.*peakday outcome 9.*peakday outcome 1"):
        read_outcome(path)


@pytest.mark.parametrize("kind", ["missing", "text", "foreign"])
def test_what_is_no_outcome_is_a_users_mistake(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    if kind == "text":
        path.write_text("hello")
    if kind == "foreign":
        pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(UserError, match=r"x\.parquet.*is no outcome file"):
        read_outcome(path)


def test_the_summary_adds_up(outcome: Outcome) -> None:
    told = summary(outcome)
    m = told["messages"]
    lost = m["delivered"] + m["expired"] + m["rejected"] + m["failed"] + m["in_backlog"]
    assert m["offered"] == lost == 210
    assert m["accepted"] == m["offered"] - m["rejected"]
    assert m["expired"] > 0
    assert m["rejected"] > 0
    for fate, total in m.items():
        assert sum(s["messages"][fate] for s in told["streams"]) == total
    assert told["peak_per_min"]["offered"] == 210
    assert 0.0 < told["streams"][0]["fresh_share"] < told["streams"][1]["fresh_share"] <= 1.0


def test_a_summary_without_messages_has_no_delays(outcome: Outcome) -> None:
    empty = replace(
        outcome,
        delay_counts=outcome.delay_counts * 0.0,
        totals=outcome.totals * 0.0,
        series=Memory({}, outcome.bins),
    )
    told = summary(empty)
    assert told["delay_s"] == {"mean": None, "p50": None, "p95": None, "p99": None}
    assert told["drain_s"] == 0.0
    assert told["streams"][0]["fresh_share"] is None
