"""One message explained: in a process of its own, as a user calls it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
FILE = """
base_url = "{url}"
[[operation]]
name = "sms"
carries = ["sms"]
path = "/messages"
[operation.auth]
kind = "query"
name = "key"
value = "${{SECRET_KEY}}"
[operation.body]
template = '{{"to":"{{{{recipient}}}}"}}'
[operation.replies]
message_id = "/id"
error = ["/why"]
[[observe]]
name = "taken"
url = "/stats"
pointer = "/taken"
unit = "messages"
meaning = "received"
"""


def probed(target: str, *options: str) -> tuple[int, Any, str]:
    command = [sys.executable, "-c", "import peakday; peakday.main()", "probe", "--target", target, *options]
    env = os.environ | {"PYTHONPATH": str(ROOT), "SECRET_KEY": "s3cret"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, check=False)
    document = json.loads(done.stdout) if "--json" in options and done.stdout else None
    return done.returncode, document, done.stdout + done.stderr


def test_an_accepted_message_is_explained_with_its_rule_and_what_was_seen(
    tmp_path: Path, answering: Any
) -> None:
    taken: list[bytes] = []

    def answers(request: Any) -> Any:
        if request.path == "/stats":
            return 200, {}, json.dumps({"taken": len(taken)}).encode()
        taken.append(request.body)
        return 201, {"X-Noise": "1"}, b'{"id":"m-7"}'

    file = tmp_path / "mine.toml"
    file.write_text(FILE.format(url=answering(answers).url))
    code, found, text = probed(str(file), "--json")
    assert code == 0
    assert taken == [b'{"to":"+999000000000000"}']
    assert (found["reply"], found["accepted"], found["message_id"]) == ("accepted", 1, "m-7")
    assert found["because"] == "status 201 is in replies.accepted (2xx)"
    assert [(s["before"], s["after"]) for s in found["observed"]] == [(0, 1)]
    assert len(found["not_tested"]) == 3
    assert "s3cret" not in text


def test_a_refusal_says_why_and_when_to_come_again_and_ends_with_3(tmp_path: Path, answering: Any) -> None:
    def answers(request: Any) -> Any:
        return 429, {"Retry-After": "7"}, b'{"why":"too many"}'

    file = tmp_path / "mine.toml"
    file.write_text(FILE.format(url=answering(answers).url))
    code, _, text = probed(str(file))
    assert code == 3
    for part in (
        "NOT ACCEPTED: read as limited",
        "too many",
        "7 s",
        "Retry-After",
        "NOT TESTED",
        "could not be",
    ):
        assert part in text, text


def test_what_must_not_or_cannot_be_reached_ends_with_4() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for target in ("sendgrid+http://192.0.2.1", f"twilio+http://127.0.0.1:{port}"):
        assert probed(target)[0] == 4


def test_a_server_that_hangs_up_is_unreachable(answering: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        import threading

        def hang_up() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                connection.close()

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        code, _, text = probed(f"fcm+http://127.0.0.1:{server.getsockname()[1]}")
        thread.join(5)
    assert code == 4
    assert "no response that can be read" in text


def test_what_our_own_api_posts_to_a_webhook_is_told_with_when_it_came() -> None:
    code, found, _ = probed("embedded?delivery=webhook&queue=sqlite", "--json")
    assert code == 0
    told = found["delivery"]
    assert (told["observed"], told["said"], told["others"]) == ("webhook", ["delivered"], 0)
    assert 0.0 < told["after_s"] <= told["waited_s"] + 1.0


POLLED = """
[delivery]
observed = "poll"
path = "/messages/{{message_id}}"
status = "/status"
delivered = ["done"]
ended = ["failed"]
settle = "20s"
"""


def test_a_status_url_is_asked_until_its_word_is_final(tmp_path: Path, answering: Any) -> None:
    words = iter(["queued", "sending", "sending", "done"])
    asked: list[str] = []

    def answers(request: Any) -> Any:
        if not request.path.startswith("/messages/probe-"):
            return 201, {}, b"{}"
        asked.append(request.path)
        return 200, {}, json.dumps({"status": next(words)}).encode()

    file = tmp_path / "mine.toml"
    file.write_text(FILE.format(url=answering(answers).url).partition("[[observe]]")[0] + POLLED)
    code, found, _ = probed(str(file), "--json")
    assert code == 0
    assert found["delivery"]["said"] == ["queued", "sending", "done"]
    assert found["delivery"]["after_s"] > 0.0
    assert len(asked) == 4
    assert len(set(asked)) == 1
    assert asked[0].endswith("-000000000000")


def test_a_message_that_is_never_said_to_be_delivered_ends_with_3(tmp_path: Path, answering: Any) -> None:
    def answers(request: Any) -> Any:
        polled = request.path.startswith("/messages/probe-")
        return (200, {}, b'{"status":"failed"}') if polled else (201, {}, b"{}")

    file = tmp_path / "mine.toml"
    file.write_text(FILE.format(url=answering(answers).url).partition("[[observe]]")[0] + POLLED)
    code, _, text = probed(str(file))
    assert code == 3
    for part in ("ACCEPTED, and not told to be delivered", "NOT TOLD within", "said of it: failed"):
        assert part in text, text
