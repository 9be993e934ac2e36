"""Opens the queue that the knobs ask for, SQLite where there is no Valkey, and says how durable it is."""

from __future__ import annotations

import logging
import re
from pathlib import Path

from loadtests.sendapi.blocks import Backend, StoreFailed
from loadtests.sendapi.knobs import Knobs, queue_kind
from loadtests.sendapi.sqlitequeue import SqliteQueue
from loadtests.sendapi.store import Store
from loadtests.sendapi.valkeyqueue import own_queue, remote_queue
from loadtests.sendapi.valkeyserver import ValkeyServer
from scenarios.problems import user_error

VOLATILE = frozenset({"tmpfs", "ramfs", "devtmpfs"})
MOUNTS = Path("/proc/self/mounts")

log = logging.getLogger("peakday.sendapi")


async def open_store(knobs: Knobs, folder: Path) -> Store:
    """The store, open, with what an earlier run left in `folder`. UserError where there is no such queue."""
    try:
        backend = await _backend(knobs, folder)
        if not backend.durable:
            log.warning("queue %s is NOT durable: what is accepted may be lost in a power cut", backend.name)
        store = Store(backend, bound=knobs.queue_bound, bytes_max=knobs.queue_bytes)
        await store.open()
    except StoreFailed as error:
        allowed = '"auto" or "sqlite" where there is no Valkey'
        shown = _without_password(knobs.queue)
        raise user_error(str(error), key="queue", found=shown, allowed=allowed) from error
    return store


async def _backend(knobs: Knobs, folder: Path) -> Backend:
    kind = queue_kind(knobs.queue)
    if kind == "remote":
        return await remote_queue(knobs.queue)
    folder.mkdir(parents=True, exist_ok=True)
    if kind in ("auto", "valkey"):
        try:
            server = ValkeyServer(folder / "valkey", knobs.queue_bytes)
            return await own_queue(server, durable=on_disk(folder))
        except StoreFailed as error:
            if kind == "valkey":
                raise
            log.warning("no Valkey here, SQLite instead: %s", error)
    path = Path(knobs.queue.removeprefix("sqlite:///")) if "///" in knobs.queue else folder / "queue.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    return SqliteQueue(path, durable=on_disk(path.parent))


def _without_password(url: str) -> str:
    """A queue's address as it may be shown."""
    return re.sub(r"//[^/@]*@", "//…@", url)


def on_disk(folder: Path, mounts: str | None = None) -> bool:
    """Whether files in `folder` survive a power cut, as far as the kernel's mount table says."""
    if mounts is None:
        mounts = MOUNTS.read_text() if MOUNTS.exists() else ""
    place = str(folder.resolve())
    kinds = {
        point: kind
        for _, point, kind, *_ in (line.split() for line in mounts.splitlines() if line.strip())
        if point == "/" or place == point or place.startswith(point + "/")
    }
    return kinds[max(kinds, key=len)] not in VOLATILE if kinds else True
