"""Whether turns are compiled: at once where they were before, else as soon as a process aside has done it.

A replay never waits for it: compiling takes some seconds, once on a machine, and Python carries the same
sends meanwhile.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import subprocess
import sys
import threading
from errno import EBADF
from functools import cache
from pathlib import Path

from loadtests.children import KEPT_VARIABLES
from loadtests.replay import footprint

_PR_SET_PDEATHSIG = 1
LAST = 19
"""The niceness of what compiles aside."""
_one_at_a_time = threading.Lock()


def compiled() -> bool:
    """Whether turns can be taken in compiled code now; True takes half a second the first time."""
    try:
        mark = _mark()
        if mark is None or not mark.exists():
            _compile_aside()
            return False
        return works()
    except Exception:  # noqa: BLE001 - whatever it is that a strange machine lacks, Python does the same
        return False


def loaded() -> bool:
    """The same without ever waiting: for whoever must not fall silent now."""
    return works.cache_info().currsize > 0 and works()


@cache
def works() -> bool:
    """Compile the turn, or load it, and try it: numba, the C library or the kernel may lack what it needs
    (epoll_pwait2: Linux 5.11)."""
    from loadtests.replay import lanecode  # numba takes half a second: only where it is of use

    works = bool(lanecode.try_on_nothing() == EBADF)
    footprint.give_back()
    return works


def keep() -> None:
    """Compile what every process after this one then has at once, if it can be kept anywhere."""
    mark = _mark()
    if mark is not None and works():
        mark.touch(mode=0o600)


@cache
def _mark() -> Path | None:
    """The file that says that compiled code is kept; None where nothing can be kept."""
    from loadtests.replay import lanecode

    return lanecode.mark()


def _compile_aside() -> subprocess.Popen[bytes]:
    with _one_at_a_time:  # or a process would start one for each of its threads, and lose all but the last
        return _compiler()


@cache
def _compiler() -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "loadtests.replay.compiling", str(os.getpid())]
    environment = {
        name: os.environ[name] for name in (*KEPT_VARIABLES, "XDG_CACHE_HOME") if name in os.environ
    }
    compiler = subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    atexit.register(_no_longer_ours, compiler)
    return compiler


def _no_longer_ours(compiler: subprocess.Popen[bytes]) -> None:
    """It ends with this process by itself (see main): nothing is left to be warned of. Touches no process,
    for a fork of this one comes by here as well."""
    if compiler.returncode is None:
        compiler.returncode = -signal.SIGKILL


def main() -> None:
    """Compile for the process that asks, behind everything else that runs, and no longer than it lives."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(sys.argv[1]):
        return
    os.setpriority(os.PRIO_PROCESS, 0, LAST)
    keep()


if __name__ == "__main__":
    main()
