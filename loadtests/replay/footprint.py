"""Gives memory back before a replay: what loading needed and carrying does not."""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_MADV_DONTNEED = 4
_LARGE_BYTES = 1 << 20
_MAPPING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+\s*(.*)$")


@cache
def shrink() -> None:
    """Give back, once in a process, what was loaded to get ready."""
    give_back()


def give_back() -> None:
    """Let go of the pages of libraries' code: LLVM's, Arrow's and others' were read to get ready. What
    is needed again comes back from the page cache by itself. Where this is not Linux nothing happens."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.malloc_trim(0)
        for start, size in clean_code(Path("/proc/self/smaps").read_text("utf-8")):
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), _MADV_DONTNEED)


def clean_code(smaps: str) -> Iterator[tuple[int, int]]:
    """(start, bytes) of each large mapping of a file's code of which no page was ever written."""
    start = size = 0
    for line in smaps.splitlines():
        if mapping := _MAPPING.match(line):
            start, end = int(mapping[1], 16), int(mapping[2], 16)
            of_a_library = mapping[3] == "r-xp" and ".so" in mapping[4]
            size = end - start if of_a_library and end - start >= _LARGE_BYTES else 0
        elif size and line.startswith("Private_Dirty:") and line.split()[1] == "0":
            yield start, size
