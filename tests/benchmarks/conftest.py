"""nginx to measure against; every benchmark that ends is written into the book."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.benchmarks import book
from tests.benchmarks.engine_rig import Nginx, nginx_in


@pytest.fixture(autouse=True)
def _in_the_book(request: pytest.FixtureRequest) -> Iterator[None]:
    book.begin()
    yield
    book.keep(f"{request.path.stem.removeprefix('bench_')}: {request.node.name.removeprefix('test_')}")


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    """On a core of its own."""
    for program in ("nginx", "openssl", "taskset"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: nothing to measure against")
    with nginx_in(tmp_path_factory.mktemp("nginx")) as running:
        yield running
