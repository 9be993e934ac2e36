"""Bodies as a client writes them, a client, and the reference API over each of its stores."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from loadtests.sendapi.knobs import Knobs
from loadtests.sendapi.server import Running, start
from tests.loadtests.waiting import eventually

QUEUES = ("valkey", "sqlite")


def mail(messages: int = 1, first: int = 0, **changes: Any) -> dict[str, Any]:
    """A good request of `messages` personalizations whose ids count up from `first`."""
    return {
        "personalizations": [
            {"to": [{"email": f"user{first + n}@example.com"}], "custom_args": {"peakday_id": str(first + n)}}
            for n in range(messages)
        ],
        "from": {"email": "shop@example.com", "name": "Shop"},
        "subject": "Singles Day",
        "content": [{"type": "text/plain", "value": "It starts now"}],
    } | changes


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    def fields(self) -> list[str | None]:
        """The bad fields that it names."""
        return [error["field"] for error in json.loads(self.body)["errors"]]


class Client:
    """One keep-alive connection to a send API."""

    def __init__(self, base_url: str) -> None:
        self._connection = http.client.HTTPConnection(base_url.removeprefix("http://"), timeout=20.0)

    def post(self, document: Any, **changes: str) -> Reply:
        """POST a document (or bytes as they are) with a key; `changes` replace headers, "" removes one."""
        headers = {"authorization": "Bearer SG.key", "content_type": "application/json"} | changes
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        kept = {name.replace("_", "-"): value for name, value in headers.items() if value}
        return self.ask("POST", "/v3/mail/send", body, kept)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Reply:
        """Any request."""
        self._connection.request(method, path, body, headers or {})
        response = self._connection.getresponse()
        return Reply(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def queue_servers(folder: Path) -> list[psutil.Process]:
    """The Valkey servers that work in `folder`."""
    return [
        process
        for process in psutil.process_iter(["name", "cwd"])
        if process.info["name"] == "valkey-server"
        and Path(process.info["cwd"] or "/").is_relative_to(folder.resolve())
    ]


def ended(process: psutil.Process) -> bool:
    """Gone, or dead and only not yet reaped by whoever inherited it."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture(name="ended")
def _ended() -> Callable[[psutil.Process], bool]:
    return ended


@pytest.fixture(name="mail")
def _mail() -> Callable[..., dict[str, Any]]:
    return mail


@pytest.fixture(name="eventually")
def _eventually() -> Callable[..., bool]:
    return eventually


@pytest.fixture(name="queue_servers")
def _queue_servers() -> Callable[[Path], list[psutil.Process]]:
    return queue_servers


@pytest.fixture(name="client_of")
def _client_of() -> Iterator[Callable[[Running], Client]]:
    clients: list[Client] = []

    def connect(api: Running) -> Client:
        clients.append(Client(api.base_url))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture(name="start_in")
def _start_in(tmp_path: Path) -> Callable[..., AbstractContextManager[Running]]:
    """Start an API with these knobs; every start in one test finds the same queue."""

    def begin(**knobs: Any) -> AbstractContextManager[Running]:
        return start(Knobs(**knobs), tmp_path / "sendapi")

    return begin


@pytest.fixture(name="kept", scope="module")
def _kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Running]]:
    """An API with these knobs, started once for all tests of a file that ask for the same."""
    started: dict[str, Running] = {}
    with ExitStack() as until_the_end:

        def begin(**knobs: Any) -> Running:
            name = repr(knobs)
            if name not in started:
                api = start(Knobs(**knobs), tmp_path_factory.mktemp("kept"))
                started[name] = until_the_end.enter_context(api)
            return started[name]

        yield begin


@pytest.fixture(name="queue", params=QUEUES)
def _queue(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(name="api", scope="module", params=QUEUES)
def _api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A fast API without limits, kept for a whole file."""
    with start(Knobs(queue=request.param, key="SG.key"), tmp_path_factory.mktemp("api")) as running:
        yield running


@pytest.fixture
def client(api: Running, client_of: Callable[[Running], Client]) -> Client:
    """A fresh connection to the file's API."""
    return client_of(api)
