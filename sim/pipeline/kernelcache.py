"""Where compiled kernels are kept: a folder of the user's, by a hash of the sources, or nowhere.

numba looks only at the file of the function that it compiles; a changed callee in another file would be
missed. Hence the hash. Compiled code is loaded as it lies there, so the folder must belong to this user
alone.
"""

from __future__ import annotations

import gc
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core.compiler import Compiler

F = TypeVar("F", bound=Callable[..., object])

_SOURCES = (
    "breakerlaws.py",
    "calllaws.py",
    "columns.py",
    "deferrallaws.py",
    "feedback.py",
    "kernel.py",
    "kernelagain.py",
    "kernelalive.py",
    "kernelasking.py",
    "kernelbackoff.py",
    "kernelbehind.py",
    "kernelbeyond.py",
    "kernelcalls.py",
    "kernelcalm.py",
    "kernelcalmagain.py",
    "kernelchances.py",
    "kerneldelivery.py",
    "kerneldoor.py",
    "kerneldraws.py",
    "kernelexpiry.py",
    "kernelfair.py",
    "kernelfeedback.py",
    "kernelfull.py",
    "kernelhidden.py",
    "kernellimits.py",
    "kernellines.py",
    "kernellots.py",
    "kernelnoting.py",
    "kernelparts.py",
    "kernelpieces.py",
    "kernelproviders.py",
    "kernelrhythm.py",
    "kernelrings.py",
    "kernelrounds.py",
    "kernelrows.py",
    "kernelrun.py",
    "kernelrunagain.py",
    "kernelsettle.py",
    "kernelshares.py",
    "kernelspare.py",
    "kernelstalls.py",
    "kernelstanding.py",
    "kernelsums.py",
    "kernelsure.py",
    "kernelsurebins.py",
    "kernelthinning.py",
    "limitlaws.py",
    "limits.py",
    "lines.py",
    "provisions.py",
    "recalls.py",
    "retries.py",
    "rhythmlaws.py",
    "sparelaws.py",
    "state.py",
    "steps.py",
)


LEAN: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
"""Compiled functions allocate nothing (numba refuses it then), so nothing counts references to their arrays:
that took about half of a season in which messages wait."""


def compiled(function: F, *, waits: bool = False) -> F:
    """A function to be called from Python, compiled on its first call or taken from the cache.

    waits: other threads run meanwhile.
    """
    made: F = numba.njit(cache=bool(numba.config.CACHE_DIR), nogil=waits, **LEAN, no_cfunc_wrapper=True)(
        function
    )
    return made


def part(function: F) -> F:
    """A function to be called from compiled ones only:

    without the way in from Python, which is slow to compile.
    """
    made: F = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **LEAN)(function)
    return made


def inlined(function: F) -> F:
    """As `part`: a small function, called for every piece or lane, that becomes part of its callers."""
    made: F = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True, **LEAN)(function)
    return made


class _Vectorising(Compiler):  # type: ignore[misc]  # numba is untyped
    """Compiles one function with its loops vectorised."""

    def _compile_core(self) -> Any:
        usual = numba.config.LOOP_VECTORIZE
        numba.config.LOOP_VECTORIZE = 1
        try:
            return super()._compile_core()
        finally:
            numba.config.LOOP_VECTORIZE = usual


def vectorised(function: F) -> F:
    """As `part`: a small function that goes along contiguous rows."""
    made: F = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, pipeline_class=_Vectorising, **LEAN)(
        function
    )
    return made


@contextmanager
def compiling() -> Iterator[None]:
    """What is compiled inside takes a tenth less time: nothing that numba builds up can be thrown away yet,
    so nobody looks for it."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@contextmanager
def kept_by(*sources: Path) -> Iterator[None]:
    """What is compiled inside is kept by the hash of these files: all that it calls, in whatever file."""
    usual = numba.config.CACHE_DIR
    digest = hashlib.sha256(b"/".join(source.read_bytes() for source in sources)).hexdigest()
    numba.config.CACHE_DIR = usual and str(Path(usual) / digest[:16])
    try:
        yield
    finally:
        numba.config.CACHE_DIR = usual


def cache_folder() -> Path | None:
    """The first of the user's cache folder and the system's temporary folder that can be used, or None."""
    digest = hashlib.sha256(numba.__version__.encode())
    for name in _SOURCES:
        digest.update((Path(__file__).parent / name).read_bytes())
    for base in _bases():
        folder = base / digest.hexdigest()[:16]
        if _ours(base) and _ours(folder):
            return folder
    return None


def _bases() -> Iterator[Path]:
    home = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("HOME", "") and f"{os.environ['HOME']}/.cache")
    if home:
        yield Path(home) / "peakday"
    yield Path(tempfile.gettempdir()) / f"peakday-{os.getuid()}"


def _ours(folder: Path) -> bool:
    """Made if missing; True when only this user can write there, and can."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    private = found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return private and stat.S_ISDIR(found.st_mode) and os.access(folder, os.W_OK)


# most loops go bin by bin: vectorised they gain nothing and take time to compile
numba.config.LOOP_VECTORIZE = numba.config.SLP_VECTORIZE = 0
if not numba.config.CACHE_DIR:  # NUMBA_CACHE_DIR, the user's own wish, comes first
    numba.config.CACHE_DIR = str(cache_folder() or "")
