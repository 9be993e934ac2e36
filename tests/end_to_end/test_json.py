"""`--json`: the keys that every command keeps, with their types; one document on stdout, none on stderr."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.cli import Done, Peakday

Keys = dict[str, Any]
"""A type, or a table of keys, or a list with the table of its items, by key."""

NUMBER = (int, float)
UNKNOWN = (int, float, type(None))
COUNT = int
SEEN = (int, type(None))


def numbers(*names: str) -> Keys:
    return dict.fromkeys(names, NUMBER)


def unknown(*names: str) -> Keys:
    return dict.fromkeys(names, UNKNOWN)


FATES = ("planned", "suppressed", "offered", "accepted", "delivered", "expired", "rejected", "failed")
MESSAGES = numbers(*FATES, "in_backlog")
DELAY_S = unknown("mean", "p50", "p95", "p99")
LATENCY_S = unknown("p50", "p90", "p99", "p999")
LATENESS_S = unknown("p50", "p99", "max")
CUSTOMERS = (
    "opens", "clicks", "purchases", "buyers", "unsubscribes", "complaints", "complaint_share",
    "repeat_purchase_share", "revenue",
)  # fmt: skip

SIMULATE: Keys = {
    "scenario": str,
    "resolution": str,
    "seed": COUNT,
    "replications": COUNT,
    **numbers("duration_s", "wall_s", "cpu_s", "compile_s", "backlog_max", "drain_s"),
    "messages": MESSAGES,
    "peak_per_min": numbers("offered", "delivered"),
    "delay_s": DELAY_S,
    "streams": [
        dict.fromkeys(("name", "channel", "campaign", "priority"), str)
        | {"messages": MESSAGES, "delay_s": DELAY_S, "fresh_share": UNKNOWN}
    ],
    "customers": numbers(*CUSTOMERS),
    "objectives": [{"name": str, "value": UNKNOWN, "limit": NUMBER, "holds": (bool, type(None))}],
    "verdict": str,
}
REQUESTS = ("due", "started", "dropped", "accepted", "rejected", "limited", "errors")
REPLAY: Keys = {
    "run": str,
    **dict.fromkeys((*REQUESTS, "messages_accepted"), COUNT),
    **dict.fromkeys(("messages_received", "lost", "duplicated"), SEEN),
    **numbers("offered_per_s", "goodput_per_s", "requests_per_s"),
    "latency_s": LATENCY_S,
    "service_s": LATENCY_S,
    "lateness_s": LATENESS_S,
    "valid": bool,
    "invalid_because": str,
}
RATE_PER_S = unknown("point", "low", "high")
CEILING: Keys = {
    "ceiling_per_s": RATE_PER_S,
    "requests_per_s": UNKNOWN,
    "is_lower_bound": bool,
    "limited_by": str,
    "objectives": [str],
    "valid": bool,
    "invalid_because": str,
    "trials": [
        numbers("offered_per_s", "duration_s", "goodput_per_s")
        | {"latency_s": LATENCY_S, "bad_share": UNKNOWN, "lateness_s": LATENESS_S}
        | {"verdict": str, "because": str}
    ],
    "wall_s": NUMBER,
}
CALIBRATE: Keys = {
    "fitted": [{"name": str, "unit": str, "before": UNKNOWN} | numbers("after", "low", "high")],
    "refused": [{"name": str, "missing": str}],
    "error": unknown("latency_p50", "latency_p99", "throughput"),
    "held_out": bool,
}
REHEARSE: Keys = {
    "run": str,
    "verdict": str,
    "basis": str,
    "headroom_share": UNKNOWN,
    "peak_offered_per_s": unknown("p50", "p90"),
    "ceiling_per_s": RATE_PER_S,
    "binds_first": str,
    "actions": [{"text": str, "effect": str}],
    "not_tested": [str],
    "report": str,
}
WORDS: dict[str, tuple[str, ...]] = {
    "verdict": ("ready", "at risk", "not ready", "inconclusive"),
    "basis": ("measured", "projected"),
    "resolution": ("cohort", "message"),
}

COMMANDS: dict[str, tuple[tuple[str, ...], Keys]] = {
    "scenarios": (("scenarios",), {"scenarios": [{"name": str, "title": str, "description": str}]}),
    "show": (("show", "smoke"), {"scenario": str, "sha256": str, "text": str}),
    "check": (("check", "scenarios/smoke.toml"), {"files": [str], "problems": []}),
    "simulate": (("simulate", "smoke"), SIMULATE),
    "simulate at message resolution": (("simulate", "smoke", "--resolution", "message"), SIMULATE),
    "replay": (("replay", "--rate", "200/s", "--for", "1s"), REPLAY),
    "replay at most": (("replay", "--rate", "max", "--for", "200ms"), REPLAY),
    "ceiling": (("ceiling", "--budget", "4s"), CEILING),
    "calibrate": (("calibrate", "RUN"), CALIBRATE),
    "report": (("report", "RUN"), REHEARSE),
}


@pytest.mark.parametrize("command", list(COMMANDS))
def test_a_command_keeps_its_keys_and_their_types(
    peakday: Peakday, rehearsed_too: Path, command: str
) -> None:
    arguments, keys = COMMANDS[command]
    run = str(rehearsed_too)
    done = peakday(*(run if argument == "RUN" else argument for argument in arguments), "--json")
    assert done.code in (0, 3), done.err  # 3: this machine may be too busy to measure, the keys stay
    assert_kept(done, keys)


def test_a_rehearsal_keeps_its_keys_and_their_types(rehearsed: Done) -> None:
    assert_kept(rehearsed, REHEARSE)


def test_a_wrong_file_is_told_as_one_document_and_in_words_with_every_problem_at_its_line(
    peakday: Peakday, tmp_path: Path
) -> None:
    text = Path("scenarios/smoke.toml").read_text()
    bad = tmp_path / "bad.toml"
    bad.write_text(text.replace('release = "80/s"', "release = 80").replace("count = 4", "cuont = 4"))
    done = peakday("check", str(bad), "--json")
    assert done.code == 2
    words = ("where", "key", "found", "message", "allowed", "nearest")
    assert_kept(done, {"files": [str], "problems": [dict.fromkeys(words, str)]})
    assert any(problem["nearest"] == "count" for problem in done.document["problems"])
    assert "did you mean 'count'" in done.err
    lines = {line: n for n, line in enumerate(bad.read_text().splitlines(), 1)}
    for wrong in ("release = 80", "cuont = 4"):
        number = next(n for line, n in lines.items() if line.startswith(wrong))
        assert f"bad.toml:{number}:" in done.err


def assert_kept(done: Done, keys: Keys) -> None:
    """One JSON document on stdout, with these keys and types; words on stderr."""
    document = json.loads(done.out, parse_constant=refuse)
    assert list(faults(document, keys)) == []
    assert not re.search(r"^\s*[{\[]\s*(\"|$)", done.err, re.MULTILINE), done.err
    assert "Traceback" not in done.out + done.err


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def faults(value: Any, asked: Any, path: str = "") -> Iterator[str]:
    """What is missing or of another type, by path."""
    if isinstance(asked, dict):
        if not isinstance(value, dict):
            yield f"{path} is no object: {value!r}"
            return
        for key, type_ in asked.items():
            if key not in value:
                yield f"{path}.{key} is missing"
            else:
                yield from faults(value[key], type_, f"{path}.{key}")
                if value[key] not in WORDS.get(key, (value[key],)) and not path:
                    yield f"{path}.{key} = {value[key]!r} is not allowed"
    elif isinstance(asked, list):
        if not isinstance(value, list):
            yield f"{path} is no list: {value!r}"
            return
        for at, item in enumerate(value):
            yield from faults(item, asked[0] if asked else type(None), f"{path}[{at}]")
    elif not is_one_of(value, asked if isinstance(asked, tuple) else (asked,)):
        yield f"{path} = {value!r} is no {asked}"


def is_one_of(value: Any, types: tuple[type, ...]) -> bool:
    """As isinstance, but true and false are no numbers."""
    return isinstance(value, types) and (not isinstance(value, bool) or bool in types)
