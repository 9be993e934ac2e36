"""Independent random streams by name from one seed.

A stream depends on the seed and on its own names alone: adding a campaign, a worker or a process
changes no other stream's numbers. Names are hashed with BLAKE2b, so that the same seed gives the same
numbers in every process and on every platform.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from itertools import chain, repeat

import numpy as np
import numpy.typing as npt

BLOCK = 4096
"""Random numbers drawn at once: 50 ns each instead of 500."""

_WORDS = 4
"""32-bit words of a name's hash that go into the seed: 128 bits, so that two names never meet."""


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """The random stream of `names` under `seed` (>= 0). ("a", "b") and ("ab",) are different streams."""
    return np.random.Generator(np.random.PCG64(_sequence(seed, names)))


def derive(seed: int, *names: str | int) -> int:
    """A seed below 2^32 for something that takes a seed itself, such as one replication."""
    return int(_sequence(seed, names).generate_state(1, np.uint32)[0])


def one_by_one(draw: Callable[[int], npt.NDArray[np.float64]], block: int = BLOCK) -> Iterator[float]:
    """Endless single draws at the price of a block's. draw: so many numbers at once."""
    return chain.from_iterable(draw(block).tolist() for _ in repeat(None))


def _sequence(seed: int, names: tuple[str | int, ...]) -> np.random.SeedSequence:
    key = tuple(word for name in names for word in _hashed(str(name)))
    return np.random.SeedSequence(entropy=seed, spawn_key=key)


def _hashed(name: str) -> tuple[int, ...]:
    digest = hashlib.blake2b(name.encode(), digest_size=4 * _WORDS).digest()
    return tuple(int.from_bytes(digest[4 * i : 4 * i + 4], "little") for i in range(_WORDS))
