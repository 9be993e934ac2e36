"""A queue limited to 50 MB under more than it can carry: 429, nothing lost, recovery, disk given back."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import psutil
import pytest

QUEUE_BYTES = 50_000_000
BODY_BYTES = 2_500_000
SENDERS = 3
PROVIDER_PER_S = 4.0
REFUSALS = 3


def size_of(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # a file that was just replaced
            continue
    return total


def overloaded(client, mail, sender: int) -> tuple[int, int, set[str]]:
    """(accepted, refused, what Retry-After said) of one sender that hardly listens to it.

    It ends when it was refused REFUSALS times and accepted again after that.
    """
    accepted, refused, status, again = 0, 0, 0, set()
    content = [{"type": "text/plain", "value": "x" * BODY_BYTES}]
    while refused < REFUSALS or status != 202:
        reply = client.post(mail(first=sender * 1_000_000 + accepted, content=content))
        status = reply.status
        assert status in (202, 429), reply.body
        if status == 202:
            accepted += 1
        else:
            refused += 1
            again.add(reply.headers["retry-after"])
            time.sleep(0.05)
    return accepted, refused, again


@pytest.mark.parametrize("queue", ["valkey", pytest.param("sqlite", marks=pytest.mark.torture)])
def test_a_queue_of_50_megabytes_refuses_what_is_too_much_and_recovers_by_itself(
    start_in, client_of, mail, queue, queue_servers, eventually, tmp_path
) -> None:
    with start_in(queue=queue, queue_bytes=QUEUE_BYTES, limit_per_s=PROVIDER_PER_S) as api:
        processes = [psutil.Process(api.child.process.pid), *queue_servers(tmp_path)]
        told = []
        senders = [
            threading.Thread(target=lambda n=n: told.append(overloaded(client_of(api), mail, n)))
            for n in range(SENDERS)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        memory = sum(process.memory_info().rss for process in processes)
        accepted, refused = (sum(figures) for figures in list(zip(*told, strict=True))[:2])
        assert accepted > QUEUE_BYTES / BODY_BYTES  # it was full, and took more as it was drained
        assert set.union(*(again for _, _, again in told)) == {"1"}
        assert memory < 8 * QUEUE_BYTES
        assert eventually(lambda: client_of(api).post(mail(first=77_000_000)).status == 202)
        assert eventually(lambda: api.health().backlog == 0)
        health = api.health()
        assert (health.received, health.delivered, health.duplicated) == (accepted + 1, accepted + 1, 0)
        assert health.limited >= refused
        assert eventually(lambda: size_of(tmp_path / "sendapi" / "queue") < 2_000_000)
