"""Records: what was written is read, also after the writer's end came too early."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtests.replay.fates import Fault, Reply
from loadtests.replay.records import Writer, read_records
from loadtests.replay.rows import Columns
from scenarios.problems import UserError

BATCH = 50


def batch(first: int, rows: int = BATCH) -> Columns:
    request = np.arange(first, first + rows)
    at_s = request / 100.0
    dropped = request % 7 == 0
    return (
        request,
        np.ones(rows, dtype=np.int16),
        at_s,
        at_s + 0.001,
        np.where(dropped, np.nan, at_s + 0.002),
        at_s + 0.003,
        np.where(dropped, 0, 202).astype(np.int16),
        np.where(dropped, Reply.NONE, Reply.ACCEPTED).astype(np.int8),
        np.where(dropped, Fault.DROPPED_RUN_ENDED, Fault.NONE).astype(np.int8),
        np.full(rows, 3, dtype=np.int32),
        np.where(dropped, 0, 3).astype(np.int32),
        np.zeros(rows, dtype=np.int16),
    )


def written(path: Path, batches: int, *, first: int = 0, closed: bool = True) -> None:
    writer = Writer(path)
    for index in range(batches):
        writer.write(batch(first + index * BATCH))
    if closed:
        writer.close(9.5)


def test_records_survive_their_file_value_for_value(tmp_path: Path) -> None:
    written(tmp_path / "r.arrows", 3)
    records = read_records([tmp_path / "r.arrows"])
    assert records.complete
    assert records.duration_s == 9.5
    fields = list(type(records).__dataclass_fields__)[:12]
    for name, expected in zip(fields, batch(0, 3 * BATCH), strict=True):
        column = getattr(records, name)
        assert np.array_equal(column, expected, equal_nan=column.dtype.kind == "f"), name
        assert column.dtype == expected.dtype, name


@settings(max_examples=60)
@given(share=st.floats(0.0, 1.0))
def test_a_file_cut_off_anywhere_gives_its_whole_batches_and_says_that_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, share: float
) -> None:
    path = tmp_path_factory.mktemp("cut") / "r.arrows"
    written(path, 4)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * (len(data) - 300))])
    records = read_records([path])
    assert not records.complete
    assert records.request.size % BATCH == 0
    assert records.request.tolist() == list(range(records.request.size))
    assert records.duration_s == pytest.approx(records.due_s.max(initial=0.0))


def test_what_was_written_before_a_sigkill_is_read_after_it(tmp_path: Path) -> None:
    path = tmp_path / "r.arrows"
    ready, tell = os.pipe()
    code = (
        "import os, sys, time, numpy as np\n"
        "from pathlib import Path\n"
        "from loadtests.replay.records import Writer\n"
        "writer = Writer(Path(sys.argv[1]))\n"
        "one = [np.arange(10)] + [np.ones(10)] * 11\n"
        "for _ in range(3): writer.write(one)\n"
        "os.write(int(sys.argv[2]), b'x')\n"
        "time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path), str(tell)], pass_fds=(tell,))
    try:
        assert os.read(ready, 1) == b"x"
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        os.close(ready)
        os.close(tell)
    records = read_records([path])
    assert records.request.size == 30
    assert not records.complete


def test_the_files_of_two_workers_are_read_as_one_in_order_of_requests(tmp_path: Path) -> None:
    written(tmp_path / "b.arrows", 1, first=BATCH)
    written(tmp_path / "a.arrows", 1)
    records = read_records([tmp_path / "b.arrows", tmp_path / "a.arrows"])
    assert records.request.tolist() == list(range(2 * BATCH))
    assert records.complete


def test_one_worker_that_was_killed_makes_the_whole_incomplete(tmp_path: Path) -> None:
    written(tmp_path / "a.arrows", 1)
    written(tmp_path / "b.arrows", 1, first=BATCH, closed=False)
    assert not read_records([tmp_path / "a.arrows", tmp_path / "b.arrows"]).complete


def test_an_arrow_file_of_another_kind_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "other.arrows"
    table = pa.table({"x": [1]})
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    with pytest.raises(UserError, match="is no send records"):
        read_records([path])
