"""Another small send service, written differently from examples/retailer.py: a clinic's appointments.

http.server with a thread a request, form bodies at its door, a pool of eight threads behind it, Twilio at its
exit. Its caller's id and text are not kept: a text of its own goes out under a reference of its own, to the
number alone. One modem takes a message every 10 ms, so it does 100 a second at most. What is not answered
within 0.4 s or refused is sent again, at once, four times in all.
"""

from __future__ import annotations

import base64
import http.server
import os
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import parse_qs, urlencode

ACCOUNT = "AC" + "0" * 32
URL = f"{os.environ['TWILIO_URL']}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
KEY = base64.b64encode(f"{ACCOUNT}:token".encode()).decode()
TURN_S = 0.010
TIMEOUT_S = 0.4
ATTEMPTS_MAX = 4

pool = ThreadPoolExecutor(8)
modem = threading.Lock()
free_at_s = 0.0
log = Path(os.environ["LOG"]).open("a", buffering=1)  # noqa: SIM115 - open for as long as it lives


def wait_for_the_modem() -> None:
    global free_at_s
    with modem:
        now_s = time.monotonic()
        free_at_s = max(free_at_s + TURN_S, now_s - TURN_S)
        time.sleep(max(0.0, free_at_s - now_s))


def text(number: str) -> None:
    fields = {"To": number, "From": "+15005550006", "Body": f"Your appointment, ref {uuid.uuid4()}"}
    for attempt in range(1, ATTEMPTS_MAX + 1):
        wait_for_the_modem()
        status = post(urlencode(fields).encode())
        log.write(f"{number},{attempt},{status}\n")
        if status == 201:
            return


def post(body: bytes) -> int:
    request = urllib.request.Request(URL, body, {"Authorization": f"Basic {KEY}"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return 0


class Door(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        pool.submit(text, parse_qs(body.decode())["phone"][0])
        self.send_response(200)
        answer = b'{"queued": true}'
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    server = Server(("127.0.0.1", int(sys.argv[1])), Door)
    server.serve_forever()
