"""Figures of a real Prometheus, and of other addresses than the target's."""

from __future__ import annotations

import http.client
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loadtests.farside import far_side
from loadtests.targets import safety
from loadtests.targets.far_reader import number_of
from loadtests.targets.figure import Observe
from loadtests.targets.observing import Observer
from loadtests.targets.target import Target
from scenarios.problems import EXIT_REFUSED, UserError

PROMETHEUS = shutil.which("prometheus")


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[str]:
    if PROMETHEUS is None:
        pytest.skip("no prometheus on this machine: apt-get install prometheus")
    port = free_port()
    config = tmp_path / "prometheus.yml"
    config.write_text(
        "global:\n  scrape_interval: 200ms\n  scrape_timeout: 200ms\nscrape_configs:\n  - job_name: itself\n"
        f"    static_configs:\n      - targets: ['127.0.0.1:{port}']\n"
    )
    command = [PROMETHEUS, f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline and not is_up(port):
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(10)


def is_up(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/api/v1/query?query=up")
        return b'"1"' in connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()


def test_queries_to_a_real_prometheus_are_sampled_and_what_is_no_single_series_is_left_out(
    prometheus: str, answering: Any
) -> None:
    api = answering(lambda request: (200, {}, b'{"waiting": 4}'))
    figures = [
        {"name": "waiting", "url": "/stats", "pointer": "/waiting", "meaning": "backlog"},
        {"name": "up", "url": prometheus, "promql": "up", "unit": "processes", "meaning": "replicas"},
        {"name": "two", "url": prometheus, "promql": "scalar(vector(2))", "meaning": "cpu"},
        {"name": "many", "url": prometheus, "promql": "prometheus_http_requests_total", "meaning": "other"},
        {"name": "none", "url": prometheus, "promql": "no_such_series", "meaning": "other"},
        {"name": "wrong", "url": prometheus, "promql": "up(", "meaning": "other"},
    ]
    figures = [figure | ({"every": "100ms"} if "promql" in figure else {}) for figure in figures]
    target = Target.model_validate({"base_url": api.url, "observe": figures})
    with Observer(target, safety.check(target)) as observer:
        began = time.time()
        time.sleep(1.0)
        observed = observer.since(began)
    seen = far_side(observed, 1.0)
    assert {figure.name: figure.max for figure in seen.figures} == {"up": 1.0, "two": 2.0}
    assert seen.figures[0].unit == "processes"
    assert observer.latest("backlog") == 4.0


@pytest.mark.parametrize(
    ("document", "number"),
    [
        ({"data": {"resultType": "vector", "result": [{"metric": {}, "value": [1.0, "0.25"]}]}}, 0.25),
        ({"data": {"resultType": "scalar", "result": [1.0, "3"]}}, 3.0),
        ({"data": {"resultType": "vector", "result": [{"metric": {}, "value": [1.0, "NaN"]}]}}, None),
        ({"data": {"resultType": "vector", "result": []}}, None),
        ({"data": {"resultType": "vector", "result": [{"value": [1, "1"]}, {"value": [1, "2"]}]}}, None),
        ({"status": "error"}, None),
        (None, None),
    ],
)
def test_an_instant_querys_one_value_is_the_figure(document: Any, number: float | None) -> None:
    figure = Observe(name="a", url="http://127.0.0.1:1", promql="up", meaning="cpu")
    assert number_of(figure, document) == number


def test_a_figure_of_another_address_is_read_there_and_only_where_it_is_allowed(answering: Any) -> None:
    api = answering(lambda request: (200, {}, b"{}"))
    metrics = answering(lambda request: (200, {}, b'{"cpu": 0.5}'))
    figure = {
        "name": "cpu",
        "url": f"{metrics.url}/m?x=1",
        "pointer": "/cpu",
        "meaning": "cpu",
        "every": "50ms",
    }
    target = Target.model_validate({"base_url": api.url, "observe": [figure]})
    with Observer(target, safety.check(target)) as observer:
        deadline = time.monotonic() + 5
        while not observer.newest() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert observer.newest() == {"cpu": 0.5}
    assert metrics.requests[0].path == "/m?x=1"
    outside = target.model_copy(
        update={"observe": (target.observe[0].model_copy(update={"url": "http://192.0.2.1"}),)}
    )
    with pytest.raises(UserError) as refused:
        Observer(outside, safety.check(outside))
    assert refused.value.exit_code == EXIT_REFUSED
