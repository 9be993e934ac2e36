"""Runs a queue server that cannot outlive us: `python -m loadtests.sendapi.guard FOLDER COMMAND...`.

`{socket}` in COMMAND becomes a unix socket in a short temporary folder (a socket's path ends at 107 bytes).
The parent holds this process's lifeline. When it closes - the parent left or was killed - the server gets
SIGTERM, then SIGKILL. Should this guard itself be killed, Linux kills the server for us (PR_SET_PDEATHSIG).
A lock on FOLDER, held until the server is gone, keeps two servers from writing the same files.
"""

from __future__ import annotations

import ctypes
import fcntl
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from loadtests.children import Link, link

TERM_GRACE_S = 0.5
LOCK_WAIT_S = 4.0
"""Whoever worked here before and was killed may be so long in going, on a busy machine."""
PR_SET_PDEATHSIG = 1
SHORT_FOLDER = "/tmp"
"""Where TMPDIR is too long for a socket's path; the folder made in it is private."""
SOCKET_PATH_MAX = 107


def main(folder: Path, command: list[str]) -> int:
    """Start the server, tell {pid, socket}, stay until one of the two is gone. The server's exit code."""
    parent = link()
    if parent is None:
        sys.stderr.write("the guard is started by its parent, not by hand\n")
        return 2
    with (folder / "lock").open("w") as lock:
        if not _locked(lock.fileno()):
            parent.tell("taken")
            return 1
        with tempfile.TemporaryDirectory(prefix="peakday-", dir=_short_folder()) as private:
            return _run(
                parent, [part.replace("{socket}", f"{private}/s") for part in command], private, lock.fileno()
            )


def _run(parent: Link, command: list[str], private: str, lock: int) -> int:
    server = subprocess.Popen(command, preexec_fn=_die_with_parent, pass_fds=(lock,))
    parent.watch(lambda _: None, lambda: _end(server))
    parent.tell("started", pid=server.pid, socket=f"{private}/s")
    return server.wait()


def _short_folder() -> str:
    folder = tempfile.gettempdir()
    return folder if len(folder) + len("/peakday-12345678/s") <= SOCKET_PATH_MAX else SHORT_FOLDER


def _locked(file: int) -> bool:
    deadline = time.monotonic() + LOCK_WAIT_S
    while time.monotonic() < deadline:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return True
    return False


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(TERM_GRACE_S)
    except subprocess.TimeoutExpired:
        server.kill()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
