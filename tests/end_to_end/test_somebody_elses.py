"""A small send API that peakday did not write, known by a target file alone."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.end_to_end.cli import Peakday

pytestmark = pytest.mark.alone

TARGET = """
title = "a mail gate"
base_url = "{url}"
share = 0.5
[[operation]]
name = "mail"
carries = ["email"]
path = "/mails"
[operation.body]
template = '{{"to": "{{{{email}}}}"}}'
[[observe]]
name = "busy"
url = "{url}/stats"
pointer = "/busy"
unit = "%"
meaning = "cpu"
every = "100ms"
"""


class Gate(BaseHTTPRequestHandler):
    """202 to every mail; /stats says how busy it is."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(202, b"")

    def do_GET(self) -> None:
        self._answer(200, json.dumps({"busy": 97.0}).encode())

    def log_message(self, *_: object) -> None:
        """Silent."""

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Gate)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    file = tmp_path / "gate.toml"
    file.write_text(TARGET.format(url=f"http://127.0.0.1:{server.server_address[1]}"))
    yield file
    server.shutdown()
    server.server_close()


def test_a_mail_gate_of_somebody_elses_is_watched_in_every_trial_and_held_against_its_own_mails(
    peakday: Peakday, runs: Path, target: Path
) -> None:
    done = peakday("rehearse", "smoke", "--target", str(target), "--budget", "8s", "--json")
    found = done.document
    folder = runs / found["run"]
    trials = json.loads((folder / "ceiling.json").read_text())["trials"]
    assert all(trial["observed"][0]["max"] == 97.0 for trial in trials), done.err
    assert (folder / "figures" / "watched.svg").exists()
    simulated = json.loads((folder / "simulation.json").read_text())
    carried, offered = (simulated[f"peak_{which}_per_s"]["p90"] for which in ("carried", "offered"))
    assert found["share"] == 0.5
    assert 0.0 < found["peak_offered_per_s"]["p90"] == pytest.approx(0.5 * carried)
    assert carried < offered
    assert any("push" in line or "no operation" in line for line in found["not_tested"])
