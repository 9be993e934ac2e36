"""FORMATS.md against the folder of a real rehearsal, both ways; every reader against another version."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from loadtests import calibration, measurement, stages
from loadtests.ceiling import document as ceiling
from loadtests.replay import selftest
from loadtests.replay.records import read_records
from loadtests.replay.schedule import read_schedule
from reports import findings
from scenarios.problems import UserError
from sim import simulate
from sim.outcomefile import read_outcome
from sim.runs import Run, open_run
from sim.traffic import read_traffic
from tests.end_to_end.cli import Done, Peakday
from tests.end_to_end.described import Section, Types, loose_files, matches, sections

SECTIONS = {section.files[0]: section for section in sections()}
BULK = [name for name, section in SECTIONS.items() if section.columns]
DOCUMENTS = [name for name, section in SECTIONS.items() if not section.columns]


@pytest.fixture(scope="module")
def folder(rehearsed: Done) -> Path:
    return Path(rehearsed.document["report"]).parent


def files_of(folder: Path, section: Section) -> list[Path]:
    """The files in the run that a section is about."""
    names = (path for path in sorted(folder.rglob("*")) if path.is_file())
    found = [p for p in names if any(matches(p.relative_to(folder).as_posix(), f) for f in section.files)]
    assert found, section.files
    return found


def test_every_section_has_a_table_of_its_keys_but_records_which_have_none() -> None:
    assert {name for name, section in SECTIONS.items() if "" not in section.keys} == {"records/*.arrows"}
    assert sum(len(section.keys) for section in SECTIONS.values()) >= 20


def test_every_file_of_a_run_is_described_and_every_described_file_is_there(folder: Path) -> None:
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    patterns = [pattern for section in SECTIONS.values() for pattern in section.files] + loose_files()
    meant = {name: [pattern for pattern in patterns if matches(name, pattern)] for name in names}
    assert {name: by for name, by in meant.items() if len(by) != 1} == {}
    assert {by[0] for by in meant.values()} == set(patterns)


@pytest.mark.parametrize("name", BULK)
def test_every_column_is_described_with_its_type_and_every_described_one_is_there(
    folder: Path, name: str
) -> None:
    for path in files_of(folder, SECTIONS[name]):
        schema = schema_of(path)
        found = {of_many(field.name): str(field.type) for field in schema}
        described = {of_many(column): type_ for column, type_ in SECTIONS[name].columns.items()}
        for column in map(of_many, SECTIONS[name].optional):
            found.setdefault(column, described[column])
        assert found == described, path.name


@pytest.mark.parametrize("name", [*DOCUMENTS, *(n for n in BULK if SECTIONS[n].keys)])
def test_every_key_is_described_with_its_type_and_every_described_one_is_there(
    folder: Path, name: str
) -> None:
    for path in files_of(folder, SECTIONS[name]):
        document = document_of(path)
        for inside, types in SECTIONS[name].keys.items():
            for value in values_at(document, inside):
                assert list(disagreements(value, types)) == [], f"{path.name} {inside}"


@pytest.mark.parametrize("name", list(SECTIONS))
def test_every_file_carries_the_name_and_version_of_its_format(folder: Path, name: str) -> None:
    assert re.fullmatch(r"peakday [a-z ]+ [1-9]\d*", SECTIONS[name].format)
    for path in files_of(folder, SECTIONS[name]):
        assert format_of(path) == SECTIONS[name].format, path.name


def schema_of(path: Path) -> pa.Schema:
    if path.suffix == ".parquet":
        return pq.read_schema(path)
    with pa.OSFile(str(path), "rb") as file:
        return pa.ipc.open_stream(file).schema


def document_of(path: Path) -> dict[str, Any]:
    """A JSON file, or the JSON in a parquet file's metadata."""
    text = path.read_bytes() if path.suffix == ".json" else schema_of(path).metadata[b"peakday"]
    return dict(json.loads(text))


def format_of(path: Path) -> str:
    if path.suffix == ".arrows":
        return str(schema_of(path).metadata[b"peakday.format"].decode())
    return str(document_of(path)["format"])


def of_many(column: str) -> str:
    """`offered[flash-push]` is one of many `offered[]`."""
    return re.sub(r"\[.*\]$", "[]", column)


def values_at(document: dict[str, Any], inside: str) -> list[dict[str, Any]]:
    """The objects at a path: the document itself, an object in it, or the items of a list."""
    if not inside:
        return [document]
    value = document[inside.removesuffix("[]")]
    return value if inside.endswith("[]") else [value]


TYPES: dict[str, Callable[[Any], bool]] = {
    "text": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "object": lambda v: isinstance(v, dict),
    "list": lambda v: isinstance(v, list),
    "null": lambda v: v is None,
}


def disagreements(value: dict[str, Any], types: Types) -> list[str]:
    found = [f"{key} is not described" for key in value if key not in types]
    found += [f"{key} is missing" for key in types if key not in value]
    for key, type_ in types.items():
        if key in value and not any(TYPES[one](value[key]) for one in type_.split(" or ")):
            found.append(f"{key} = {value[key]!r} is no {type_}")
    return found


READERS: dict[str, Callable[[Path], object]] = {
    "manifest.json": lambda path: open_run(str(path.parent)),
    "traffic.parquet": read_traffic,
    "outcome.parquet": read_outcome,
    "simulation.json": lambda path: simulate.from_document(
        document_of(path), read_traffic(path.with_name("traffic.parquet")), outcome_beside(path)
    ),
    "rehearsal.json": lambda path: stages.described(Run(path.parent)),
    "records/*.schedule.parquet": read_schedule,
    "records/*.arrows": lambda path: read_records([path]),
    "replay.json": lambda path: measurement.from_document(document_of(path)),
    "ceiling.json": lambda path: ceiling.from_document(document_of(path)),
    "generator.json": lambda path: selftest.from_document(document_of(path)),
    "calibration.json": lambda path: calibration.from_document(document_of(path)),
    "findings.json": lambda path: findings.from_json(path.read_bytes()),
}


def outcome_beside(path: Path) -> Any:
    return read_outcome(path.with_name("outcome.parquet"))


def rewritten(path: Path, to: Path, version: str) -> Path:
    """A copy of a run's file in a folder of its own, of another version of its format; "" takes it away."""
    if path.suffix == ".json":
        document = document_of(path) | {"format": version}
        to.write_text(json.dumps({k: v for k, v in document.items() if v != ""}))
    elif path.suffix == ".parquet":
        table = pq.read_table(path)
        told = json.dumps({k: v for k, v in (document_of(path) | {"format": version}).items() if v != ""})
        pq.write_table(table.replace_schema_metadata({"peakday": told}), to)
    else:
        schema = schema_of(path).with_metadata({"peakday.format": version} if version else {})
        with pa.OSFile(str(to), "wb") as file, pa.ipc.new_stream(file, schema) as stream:
            stream.write_table(schema.empty_table())
    return to


@pytest.mark.parametrize("version", ["other", "none"])
@pytest.mark.parametrize("name", list(SECTIONS))
def test_every_reader_reads_its_version_and_refuses_another_or_none_in_words(
    folder: Path, tmp_path: Path, name: str, version: str
) -> None:
    path, ours = files_of(folder, SECTIONS[name])[0], SECTIONS[name].format
    READERS[name](path)
    theirs = re.sub(r"\d+$", "99", ours) if version == "other" else ""
    for other in ("traffic.parquet", "outcome.parquet"):
        (tmp_path / other).write_bytes((folder / other).read_bytes())
    copy = rewritten(path, tmp_path / path.name, theirs)
    with pytest.raises(UserError) as refused:
        READERS[name](copy)
    (problem,) = refused.value.problems
    assert ours in problem.allowed
    assert (theirs or "no format") in problem.found


def test_a_json_file_that_somebody_cut_off_is_refused_with_its_path(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "ceiling.json").write_bytes((folder / "ceiling.json").read_bytes()[:100])
    with pytest.raises(UserError, match=r"ceiling\.json: is no JSON object"):
        Run(tmp_path).read_json("ceiling.json")


def test_a_run_of_another_version_is_refused_by_the_command_line(
    peakday: Peakday, folder: Path, tmp_path: Path
) -> None:
    rewritten(folder / "manifest.json", tmp_path / "manifest.json", "peakday run 99")
    done = peakday("report", str(tmp_path))
    assert done.code == 2
    assert "peakday run 99" in done.err
    assert "peakday run 1" in done.err
