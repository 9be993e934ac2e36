"""kill -9 at random moments under load: what was acknowledged is delivered, what comes twice has one id."""

from __future__ import annotations

import contextlib
import http.client
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import psutil
import pytest

from loadtests.children import Child, python_module
from loadtests.sendapi import knobs as knob_file
from loadtests.sendapi.health import Health
from loadtests.sendapi.knobs import Knobs

ALONE = ("api", "queue", "guard")
BEHIND_FRONTS = ("api", "front", "queue", "guard")
SENDERS = 4
BATCH_MAX = 60
BETWEEN_S = (0.1, 0.7)
DELIVERED_PER_S = 4000.0
"""Below what is sent, so that a crash finds messages accepted, in hand and just delivered."""


@dataclass
class Sent:
    """What the senders know; `where` is where they send to now."""

    where: str = ""
    tried: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    ended: threading.Event = field(default_factory=threading.Event)


def send(sent: Sent, sender: int, mail) -> None:
    """Until told to end: requests of random size, each id once; what is not answered is not repeated."""
    rng, number = random.Random(sender), 0
    where, connection = "", http.client.HTTPConnection("127.0.0.1")
    while not sent.ended.is_set():
        if where != sent.where:
            connection.close()
            where, connection = sent.where, http.client.HTTPConnection(sent.where, timeout=5.0)
        ids = [f"s{sender}-{number + n}" for n in range(rng.randint(1, BATCH_MAX))]
        number += len(ids)
        document = mail(messages=len(ids))
        for person, name in zip(document["personalizations"], ids, strict=True):
            person["custom_args"]["peakday_id"] = name
        sent.tried.update(ids)
        try:
            headers = {"authorization": "Bearer k", "content-type": "application/json"}
            connection.request("POST", "/v3/mail/send", msgspec.json.encode(document), headers)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            time.sleep(0.01)
            continue
        if response.status == 202:
            sent.acknowledged.update(ids)
        else:
            time.sleep(0.01)
    connection.close()


@contextmanager
def recorded_api(folder: Path, knobs: Knobs) -> Iterator[tuple[Child, str]]:
    """The API over the folder's queue, its deliveries appended to the folder's `ids`."""
    knobs = msgspec.structs.replace(knobs, data=str(folder / "queue"))
    (folder / "knobs.json").write_bytes(knob_file.to_json(knobs))
    module = "tests.loadtests.sendapi.recorded"
    argv = python_module(module, str(folder / "knobs.json"), str(folder / "ids"))
    with Child("send API", argv, log=folder / "log", cwd=Path(__file__).parents[3]) as child:
        yield child, f"127.0.0.1:{child.expect('ready', 30.0)['port']}"


def health(where: str) -> Health:
    connection = http.client.HTTPConnection(where, timeout=5.0)
    with contextlib.closing(connection):
        connection.request("GET", "/healthz")
        return msgspec.json.decode(connection.getresponse().read(), type=Health)


def kill(victim: str, api: psutil.Process) -> None:
    """kill -9 of the API (the dispatcher with it), of a front process, of the queue server, of its guard."""
    sign = {"front": "sendapi.front", "queue": "valkey-server", "guard": "sendapi.guard"}
    with contextlib.suppress(psutil.NoSuchProcess):  # it may be coming back from the crash before
        below = [] if victim == "api" else api.children(recursive=True)
        found = [one for one in below if sign[victim] in " ".join([one.name(), *one.cmdline()])]
        (found[0] if found else api).kill()


def crashed(folder: Path, knobs: Knobs, victims: list[str], rng: random.Random, mail) -> Sent:
    """Send while one victim after the other is killed; then let everything be delivered."""
    sent, left = Sent(), list(victims)
    senders = [threading.Thread(target=send, args=(sent, n, mail)) for n in range(SENDERS)]
    while left:
        limited = msgspec.structs.replace(knobs, limit_per_s=DELIVERED_PER_S)
        with recorded_api(folder, limited) as (child, sent.where):
            for sender in senders:
                if sender.ident is None:
                    sender.start()
            while left and child.running():
                time.sleep(rng.uniform(*BETWEEN_S))
                kill(left.pop(), psutil.Process(child.process.pid))
                time.sleep(0.05)
    sent.ended.set()
    for sender in senders:
        sender.join()
    with recorded_api(folder, knobs) as (_, where):
        deadline = time.monotonic() + 60.0
        while health(where).backlog:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    return sent


def judge(folder: Path, sent: Sent) -> None:
    """Every acknowledged message was delivered; what was delivered twice is one message by its id."""
    delivered = Counter((folder / "ids").read_text().split())
    twice = sum(times - 1 for times in delivered.values())
    untold = len(delivered.keys() - sent.acknowledged)
    sys.stderr.write(
        f"\n{len(sent.acknowledged)} of {len(sent.tried)} acknowledged, {len(delivered)} delivered,"
        f" {twice} of them once more; {untold} delivered that nobody was told of\n"
    )
    assert len(sent.acknowledged) > 500
    assert sent.acknowledged <= delivered.keys()
    assert delivered.keys() <= sent.tried


def test_three_kills_under_load_lose_nothing_that_was_acknowledged(tmp_path, mail) -> None:
    knobs = Knobs(queue="valkey", processes=2)
    judge(tmp_path, crashed(tmp_path, knobs, ["api", "queue", "front"], random.Random(5), mail))


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("processes", "victims"), [(1, ALONE), (2, BEHIND_FRONTS)])
def test_thirty_kills_at_random_moments_lose_nothing_that_was_acknowledged(
    tmp_path, mail, processes: int, victims: tuple[str, ...]
) -> None:
    rng, knobs = random.Random(processes), Knobs(queue="valkey", processes=processes)
    judge(tmp_path, crashed(tmp_path, knobs, [rng.choice(victims) for _ in range(30)], rng, mail))


@pytest.mark.torture
@pytest.mark.timeout(600)
def test_ten_kills_of_an_api_over_sqlite_lose_nothing_that_was_acknowledged(tmp_path, mail) -> None:
    judge(tmp_path, crashed(tmp_path, Knobs(queue="sqlite"), ["api"] * 10, random.Random(3), mail))
