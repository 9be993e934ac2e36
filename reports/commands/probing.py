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
from loadtests.receiver.server import Running as Receiving
from loadtests.rig import api_key, hearing_from
from loadtests.sendapi.knobs import Knobs
from loadtests.sendapi.server import start
from loadtests.standin.server import Running
from loadtests.targets.embedded import Embedded
from loadtests.targets.probing import Probe, run_name
from loadtests.targets.probing import probe as send_one
from loadtests.targets.target import Target, embedded_at, resolve
from loadtests.told import Told, asked, heard
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
    with _standing(text) as (target, running, hears):
        run, began_s = run_name(), time.monotonic()
        found = send_one(target, streams, operation=operation, channel=channel, run=run)
        behind = told = None
        if target.behind and running:
            behind = follow(running, began_s, target.behind.settle)
        if hears is not None and found.accepted:
            told = heard(hears, began_s, found.message_id)
        elif target.seen_by == "poll" and found.accepted:
            told = asked(target, run, began_s)
    document = asdict(found)
    document |= {"behind": asdict(behind) if behind else None, "delivery": asdict(told) if told else None}
    screen.result(document, telling(found, behind, told))
    arrived = all(seen is None or seen.after_s is not None for seen in (behind, told))
    return EXIT_DONE if found.reply == "accepted" and arrived else EXIT_INCONCLUSIVE


def _streams(scenario: str | None) -> list[tuple[str, str, str]]:
    """(channel, name, priority) of a scenario's streams; without one the channels stand for them."""
    if scenario is None:
        return [(channel, f"every {channel} stream", "marketing") for channel in CHANNELS]
    loaded = load(scenario)
    streams = base_traffic(loaded, loaded.scenario.seed).streams
    return [(s.channel, s.campaign or s.name, s.priority) for s in streams]


@contextmanager
def _standing(text: str) -> Iterator[tuple[Target, Running | None, Receiving | None]]:
    """The target, started where it is ours, the stand-in behind it and the receiver of its events, where its
    file asks for them."""
    target = resolve(text)
    with tempfile.TemporaryDirectory(prefix="peakday-probe-") as folder, ExitStack() as stack:
        hears = hearing_from(target, Path(folder), SILENT, stack)
        if isinstance(target, Embedded):
            knobs = target.over(Knobs(key=api_key(), webhook=hears.delivery.webhook_url if hears else ""))
            target = embedded_at(stack.enter_context(start(knobs, Path(folder))).base_url)
        if hears is not None:
            target = target.model_copy(update={"delivery": hears.delivery})
        behind = target.behind
        running = stack.enter_context(standing_behind(behind, Path(folder), SILENT)) if behind else None
        yield target, running, hears


def telling(of: Probe, behind: Followed | None = None, told: Told | None = None) -> str:
    """What a terminal says of it."""
    verdict = "ACCEPTED" if of.reply == "accepted" else f"NOT ACCEPTED: read as {of.reply}"
    if behind is not None and behind.after_s is None:
        verdict += ", and never seen behind it"
    if told is not None and told.after_s is None:
        verdict += ", and not told to be delivered"
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
        *(_observed(of) if of.observed or not (behind or told) else []),
        *(_behind(behind) if behind else []),
        *(_delivery(told) if told else []),
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


def _delivery(of: Told) -> list[tuple[str, str]]:
    strange = f"; {of.others} events of other messages, or that name none" if of.others else ""
    said = f"what was said of it: {', '.join(of.said) or 'nothing'}{strange}"
    if of.after_s is None:
        when = f"NOT TOLD within {units.duration(of.waited_s)}"
    else:
        when = f"told after {units.duration(of.after_s)}"
    return [("delivery", f"{when} ({of.by})"), ("", said)]


def _observed(of: Probe) -> list[tuple[str, str]]:
    if not of.observed:
        return [("observed", "nothing; a queue that grows behind quick answers takes an [[observe]] to see")]
    return [
        ("observed", f"{s.name} ({s.meaning}): {_value(s.before)} -> {_value(s.after)} {s.unit}".rstrip())
        for s in of.observed
    ]


def _value(number: float | None) -> str:
    return "could not be read" if number is None else f"{number:g}"
