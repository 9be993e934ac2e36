"""Where many simulations run: here, in processes of this machine, or on an executor that somebody hands in.

Results come in the order of what was asked and are the same wherever they were computed, because a task is a
pure function of what it is given.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import connection, get_context, parent_process
from typing import TypeVar

from scenarios.problems import EXIT_REFUSED, user_error
from sim.progress import SILENT, Interrupted, Watcher

WORTH_S = 6.0
"""What is left must take longer than this for processes to be started: each needs a second or two."""
CONNECT_S = 5.0
_LOOK_S = 0.1

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(
    task: Callable[[Item], Result],
    items: Sequence[Item],
    watcher: Watcher = SILENT,
    executor: Executor | None = None,
) -> Iterator[Result]:
    """The results of `task` for all items, in their order.

    On `executor` where there is one; else one after the other here, until it shows that processes are worth
    it. Raises Interrupted soon after the watcher asks to stop.
    """
    if executor is not None:
        yield from _spread(task, items, watcher, executor)
        return
    for at, item in enumerate(items):
        if watcher.stopped():
            raise Interrupted
        began_s = time.monotonic()
        yield task(item)
        left = items[at + 1 :]
        if (time.monotonic() - began_s) * len(left) > WORTH_S and cores() > 1:
            with processes(min(cores(), len(left))) as pool:
                yield from _spread(task, left, watcher, pool)
            return


def processes(workers: int | None = None) -> ProcessPoolExecutor:
    """A pool of processes of this machine; they end when this one does, however it ends."""
    return ProcessPoolExecutor(workers or cores(), get_context("spawn"), initializer=_guarded)


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def cluster(url: str) -> Iterator[tuple[Executor, int]]:
    """A Dask cluster by its scheduler's address, and how many tasks it runs at a time.

    Raises UserError without the extra `cluster`, for an address where none answers, or without workers.
    """
    try:
        from distributed import Client  # an extra, and half a second
    except ImportError as error:
        message = "needs Dask: pip install 'peakday[cluster]'"
        raise user_error(message, where="--cluster", found=url) from error
    try:
        client = Client(url, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        message = f"no Dask scheduler answers: {error}"
        raise user_error(message, where="--cluster", found=url, exit_code=EXIT_REFUSED) from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            message = "the scheduler has no workers; start one: dask worker " + url
            raise user_error(message, where="--cluster", found=url, exit_code=EXIT_REFUSED)
        with client.get_executor() as executor:
            yield executor, threads


def _spread(
    task: Callable[[Item], Result], items: Sequence[Item], watcher: Watcher, executor: Executor
) -> Iterator[Result]:
    futures: list[Future[Result]] = [executor.submit(task, item) for item in items]
    try:
        for future in futures:
            while not future.done():
                if watcher.stopped():
                    raise Interrupted
                wait([future], timeout=_LOOK_S)
            yield future.result()
    finally:
        for future in futures:
            future.cancel()


def _guarded() -> None:
    """In a child: Ctrl-C is the parent's to hear, and without a parent there is nothing to work for."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
