"""The command `probe`: one message to a target, explained."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

from loadtests.behind import standing_behind
from loadtests.following import Followed, follow
from loadtests.rig import api_key
from loadtests.sendapi.knobs import Knobs
from loadtests.sendapi.server import start
from loadtests.standin.server import Running
from loadtests.targets.embedded import Embedded
from loadtests.targets.probing import Probe
from loadtests.targets.probing import probe as send_one
from loadtests.targets.target import Target, embedded_at, resolve
from reports import units
from reports.judgement import EXIT_DONE, EXIT_INCONCLUSIVE
from reports.sketch import columns
from reports.terminal import Screen
from scenarios.catalogue import load
from scenarios.problems import listed, nearest, user_error
from scenarios.words import CHANNELS
from sim.progress import SILENT
from sim.season.demand import base_traffic


def probe(screen: Screen, text: str, operation: str, channel: str, scenario: str | None) -> int:
    """Send one message and explain it. 0 accepted, 3 read as anything else; 4 by UserError."""
    if channel and channel not in CHANNELS:
        near = nearest(channel, CHANNELS)
        hint = f"; did you mean {near!r}?" if near else ""
        allowed = ", ".join(CHANNELS)
        raise user_error(f"unknown channel{hint}", key="--channel", found=channel, allowed=allowed)
    streams = _streams(scenario)
    with _standing(text) as (target, running):
        began_s = time.monotonic()
        found = send_one(target, streams, operation=operation, channel=channel)
        behind = None
        if target.behind and running:
            behind = follow(running, began_s, target.behind.settle)
    document = asdict(found) | {"behind": asdict(behind) if behind else None}
    screen.result(document, telling(found, behind))
    arrived = behind is None or behind.after_s is not None
    return EXIT_DONE if found.reply == "accepted" and arrived else EXIT_INCONCLUSIVE


def _streams(scenario: str | None) -> list[tuple[str, str, str]]:
    """(channel, name, priority) of a scenario's streams; without one the channels stand for them."""
    if scenario is None:
        return [(channel, f"every {channel} stream", "marketing") for channel in CHANNELS]
    loaded = load(scenario)
    streams = base_traffic(loaded, loaded.scenario.seed).streams
    return [(s.channel, s.campaign or s.name, s.priority) for s in streams]


@contextmanager
def _standing(text: str) -> Iterator[tuple[Target, Running | None]]:
    """The target, started where it is ours, and the stand-in behind it, where its file asks for one."""
    asked = resolve(text)
    with tempfile.TemporaryDirectory(prefix="peakday-probe-") as folder, ExitStack() as stack:
        if isinstance(asked, Embedded):
            api = stack.enter_context(start(asked.over(Knobs(key=api_key())), Path(folder)))
            yield embedded_at(api.base_url), None
        elif asked.behind is None:
            yield asked, None
        else:
            yield asked, stack.enter_context(standing_behind(asked.behind, Path(folder), SILENT))


def telling(of: Probe, behind: Followed | None = None) -> str:
    """What a terminal says of it."""
    verdict = "ACCEPTED" if of.reply == "accepted" else f"NOT ACCEPTED: read as {of.reply}"
    if behind is not None and behind.after_s is None:
        verdict += ", and never seen behind it"
    rows = [
        ("sent", f"1 message ({of.channel}) by {of.operation!r}, {of.request_bytes:,} bytes"),
        ("  to", f"{of.method} {of.url}"),
        ("answered", f"status {of.status} in {units.duration(of.took_s)}"),
        *((f"  {name}", text) for name, text in of.headers),
        *([("  body", of.body)] if of.body else []),
        ("read as", f"{of.reply}, because {of.because}"),
        ("would count", f"{of.accepted} of 1 message accepted"),
        *([("the target says", of.error)] if of.error else []),
        *([("come again", f"in {units.duration(of.retry_after_s)}")] if of.retry_after_s is not None else []),
        *([("message id", of.message_id)] if of.message_id else []),
        *(_observed(of) if of.observed or behind is None else []),
        *(_behind(behind) if behind else []),
        ("NOT TESTED", listed(of.not_tested) if of.not_tested else "nothing: every stream has an operation"),
    ]
    return "\n".join([*columns(rows), verdict])


def _behind(of: Followed) -> list[tuple[str, str]]:
    strange = f"; {of.others} attempts at other messages, or without an id of ours" if of.others else ""
    if of.after_s is None:
        waited = units.duration(of.waited_s)
        return [("behind it", f"NOT SEEN: it did not come to {of.stand_in} within {waited}{strange}")]
    times = "" if of.attempts == 1 else f" in {of.attempts} attempts"
    came = f"came to {of.stand_in} after {units.duration(of.after_s)}{times}, told by {of.by}"
    return [("behind it", came), ("", f"it was {of.outcome} there (status {of.status}){strange}")]


def _observed(of: Probe) -> list[tuple[str, str]]:
    if not of.observed:
        return [("observed", "nothing; a queue that grows behind quick answers takes an [[observe]] to see")]
    return [
        ("observed", f"{s.name} ({s.meaning}): {_value(s.before)} -> {_value(s.after)} {s.unit}".rstrip())
        for s in of.observed
    ]


def _value(number: float | None) -> str:
    return "could not be read" if number is None else f"{number:g}"
