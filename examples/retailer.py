"""A small send service of a retailer, as such services are: no priorities, naive retries, nothing on disk.

    python examples/retailer.py

POST /messages {"id", "to", "kind", "text"} is answered 202 and waits in one queue, first in, first out. Four
senders take from it and call SendGrid. Each makes one attempt every 20 ms, whatever comes of it, so the
service does at most 4 / 20 ms = 200 attempts a second. An attempt that was refused, or not answered within
0.5 s, is made again in the sender's next turn, up to eight times in all; then the message is dropped.

PORT and SENDGRID_URL say where it is and where it sends to; LOG names a file for a line per attempt
(`id,attempt,status`, status 0 = not answered in time), by which peakday's own counting can be checked.
"""

from __future__ import annotations

import http.client
import itertools
import json
import os
import queue
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

PORT = int(os.environ.get("PORT", "8090"))
SENDGRID_URL = os.environ.get("SENDGRID_URL", "http://127.0.0.1:8091")
LOG = os.environ.get("LOG", "")

SENDERS = 4
TURN_S = 0.020
TIMEOUT_S = 0.5
ATTEMPTS_MAX = 8

waiting: queue.SimpleQueue = queue.SimpleQueue()
log = Path(LOG).open("a", buffering=1) if LOG else None  # noqa: SIM115 - open for as long as it lives


def mail(message: dict) -> bytes:
    """SendGrid's document for one message. Our own order number stands where the caller's id was."""
    return json.dumps(
        {
            "personalizations": [{"to": [{"email": message["to"]}]}],
            "from": {"email": "shop@example.com"},
            "subject": f"News from the shop ({message['kind']})",
            "content": [{"type": "text/plain", "value": message["text"]}],
            "custom_args": {"order": f"shop-{next(orders)}"},
        }
    ).encode()


orders = itertools.count(1)


def send_forever() -> None:
    """One sender: a message from the queue, then attempt after attempt, one a turn."""
    turn_s = time.monotonic()
    place = urlsplit(SENDGRID_URL)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=TIMEOUT_S)
    while True:
        message = waiting.get()
        body = mail(message)
        for attempt in range(1, ATTEMPTS_MAX + 1):
            turn_s = max(turn_s + TURN_S, time.monotonic() - TURN_S)
            time.sleep(max(0.0, turn_s - time.monotonic()))
            status = post(connection, body)
            if log:
                log.write(f"{message['id']},{attempt},{status}\n")
            if 200 <= status < 300:
                break


def post(connection: http.client.HTTPConnection, body: bytes) -> int:
    """One attempt: its status, 0 = no answer in time."""
    headers = {"Authorization": "Bearer SG.key", "Content-Type": "application/json"}
    try:
        connection.request("POST", "/v3/mail/send", body, headers)
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        connection.close()
        return 0
    return response.status


async def app(scope: dict, receive, send) -> None:
    """The door (ASGI)."""
    body, more = b"", scope["type"] == "http"
    while more:
        part = await receive()
        body, more = body + part.get("body", b""), part.get("more_body", False)
    if scope["type"] == "http":
        status = 404
        if (scope["method"], scope["path"]) == ("POST", "/messages"):
            waiting.put(json.loads(body))
            status = 202
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})


if __name__ == "__main__":
    for _ in range(SENDERS):
        threading.Thread(target=send_forever, daemon=True).start()
    sys.stderr.write(f"retailer on http://127.0.0.1:{PORT}, sending to {SENDGRID_URL}\n")
    uvicorn.run(app, host="127.0.0.1", port=PORT, log_level="warning", lifespan="off")
