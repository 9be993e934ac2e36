"""How late the shipped engine's sends are, beside the wake-up of a bare sleep and others that hold a rate.

Ours is judged by its own records, and shown as it was seen where it arrived, like the others'.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from loadtests.replay.kernel import wake_on_time
from loadtests.replay.schedule import constant
from loadtests.targets.target import Target, read_target
from tests.benchmarks import paced, peers
from tests.benchmarks.book import say, verdict
from tests.benchmarks.engine_rig import Driver, Nginx, driver
from tests.benchmarks.paced import PACED, SECONDS, Seen, Watched, lateness_s

NOISY_S = 0.5e-3
NS = 1e-9
OWN_SHARE = 0.3
_TARGET = """
base_url = "{url}"
[[operation]]
name = "send"
path = "/send"
[operation.body]
encoding = "text"
template = "at=peakday/{{{{customer_id}}}};{rest}"
"""


def target_of(server: Watched, folder: Path) -> Target:
    path = folder / "watched.toml"
    path.write_text(_TARGET.format(url=server.url, rest="x" * 1000))
    return read_target(path)


def test_at_5000_a_second(nginx: Nginx, tmp_path: Path) -> None:
    beside_others("5,000/s", 5000.0, 0.0, 0.25e-3, tmp_path)


def test_at_2000_a_second_with_50_ms_responses(nginx: Nginx, tmp_path: Path) -> None:
    beside_others("2,000/s, 50 ms responses", 2000.0, 0.05, 0.3e-3, tmp_path)


def test_at_a_share_of_ones_own_maximum(nginx: Nginx, tmp_path: Path) -> None:
    """Against nginx, which keeps up; others at that share of theirs, which the watching server can take."""
    with driver(nginx.target(nginx.plain_url), tmp_path / "records") as engine:
        driven = Driver(engine)
        own_per_s = float(np.median([driven.speed().requests_per_s for _ in range(3)]))
        judged(f"{OWN_SHARE:.0%} of its own {own_per_s:,.0f}/s", driven, OWN_SHARE * own_per_s, 1e-3)
    with paced.watched() as server:
        for name, pace in present():
            most_per_s = peers.PEERS[name][1](nginx.plain_url, tmp_path, 3).requests_per_s
            seen = PACED[name][1](server, OWN_SHARE * most_per_s, tmp_path)
            say(f"  {pace} at {OWN_SHARE:.0%} of its own {most_per_s:,.0f}/s: {seen.words()}")


def beside_others(name: str, rate_per_s: float, delay_s: float, stated_s: float, folder: Path) -> None:
    """Ours and others' at one rate, against a server that answers after `delay_s`."""
    with paced.watched(delay_s) as server:
        with driver(target_of(server, folder), folder / "records", 1000) as engine:
            due_s = judged(name, Driver(engine), rate_per_s, stated_s)
        seen = Seen(lateness_s(server.arrivals()["peakday"], due_s), due_s.size)
        say(f"  peakday, seen at the server: {seen.words()}")
        for peer, pace in present():
            say(f"  {pace}: {PACED[peer][1](server, rate_per_s, folder).words()}")


def present() -> list[tuple[str, str]]:
    """Peers that are installed, with what paces them."""
    found = []
    for name, (pace, _) in PACED.items():
        if peers.present(name):
            found.append((name, pace))
        else:
            say(f"  SKIPPED: {name} is not installed")
    return found


def judged(name: str, driven: Driver, rate_per_s: float, stated_s: float) -> np.ndarray:
    """Says how late it was by its records; when each send was due, seconds."""
    schedule = constant(rate_per_s, SECONDS, arrivals="poisson", seed=1)
    wake_on_time()
    floor_s = peers.wake_up_s_p99(2.0)
    records, _ = driven.play(schedule)
    floor_s = max(floor_s, peers.wake_up_s_p99(2.0))
    late_s = records.picked_s - records.due_s
    p50_s, p99_s = np.quantile(late_s, (0.5, 0.99))
    say(f"\nlateness at {name}, load average {os.getloadavg()[0]:.1f}")
    say(f"  peakday, by its records: p50 {p50_s * 1e3:.3f} ms; a bare sleep's p99 {floor_s * 1e3:.3f} ms")
    if floor_s > NOISY_S:
        within = "within" if p99_s <= stated_s else "above"
        say(f"  p99 {p99_s * 1e3:.3f} ms, {within} the stated {stated_s * 1e3:g} ms: noisy, not judged")
    else:
        verdict("p99 in ms", p99_s * 1e3, max(stated_s, floor_s + 0.15e-3) * 1e3, False)
    assert (late_s >= -NS).all(), "a due time is rounded to a nanosecond"
    return schedule.due_s
