"""Every benchmark that ends is written into the book."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.benchmarks import book


@pytest.fixture(autouse=True)
def _in_the_book(request: pytest.FixtureRequest) -> Iterator[None]:
    book.begin()
    yield
    book.keep(f"{request.path.stem.removeprefix('bench_')}: {request.node.name.removeprefix('test_')}")
