"""Memory that loading needed is given back, and what was given back still works."""

from __future__ import annotations

import subprocess
import sys

from loadtests.replay.footprint import clean_code

SMAPS = """\
7f0000000000-7f0000400000 r-xp 00001000 08:01 11  /usr/lib/libbig.so.3
Rss:                4096 kB
Private_Clean:      4096 kB
Private_Dirty:         0 kB
7f0000400000-7f0000800000 r-xp 00001000 08:01 12  /usr/lib/libpatched.so
Private_Dirty:         4 kB
7f0000800000-7f0000c00000 rw-p 00001000 08:01 12  /usr/lib/libdata.so
Private_Dirty:         0 kB
7f0000c00000-7f0001000000 r-xp 00000000 00:00 0
Private_Dirty:         0 kB
7f0001000000-7f0001001000 r-xp 00000000 08:01 13  /usr/lib/libsmall.so
Private_Dirty:         0 kB
"""

GIVES_BACK = """
import pyarrow, pyarrow.compute as compute
from loadtests.replay.footprint import shrink

def resident():
    return int(open("/proc/self/statm").read().split()[1])

before = resident()
shrink()
assert resident() < before, (before, resident())
assert compute.sum(pyarrow.array([1, 2, 3])).as_py() == 6
"""


def test_only_large_code_of_files_that_was_never_written_is_given_back() -> None:
    assert list(clean_code(SMAPS)) == [(0x7F0000000000, 0x400000)]


def test_a_process_is_smaller_after_it_and_goes_on() -> None:
    subprocess.run([sys.executable, "-c", GIVES_BACK], check=True, timeout=60)
