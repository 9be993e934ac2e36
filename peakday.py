"""The table of commands: options, one call, show."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from reports.terminal import Screen

EXIT_INTERRUPTED = 130

app = typer.Typer(
    help="Will the send path hold on the season's peak, by how much, and what gives first?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ScenarioName = Annotated[str, typer.Argument(metavar="SCENARIO", help="a shipped name or a file's path")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="a run's folder, its id, or latest")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="change a key of the scenario; repeatable"),
]
Seed = Annotated[int | None, typer.Option(min=0, help="of every random stream; default: the scenario's")]
Target = Annotated[
    str,
    typer.Option(
        metavar="TARGET",
        help="a target file, sendgrid+http://127.0.0.1:PORT, or embedded?limit=500/s&service-time=20ms",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="one JSON document on stdout, all else on stderr")]
Budget = Annotated[str, typer.Option(metavar="DURATION", help="how long to load the target, e.g. 1min 30s")]
Scale = Annotated[
    float | None,
    typer.Option(min=1e-9, max=1.0, help="of audience, limits and workers; default: the scenario's"),
]
Share = Annotated[
    float | None,
    typer.Option(min=1e-9, max=1.0, help="of the season, on this target; default: the scenario's"),
]
Batch = Annotated[
    int | None, typer.Option(min=1, max=1000, help="messages a request; default: the scenario's")
]
Workers = Annotated[
    int, typer.Option(min=1, max=64, help="Locust processes on this machine that share the load")
]


@app.command()
def scenarios(as_json: Json = False) -> None:
    """List the shipped scenarios, one line each.

    Example: peakday scenarios
    """
    from reports.commands import season

    _run(season.scenarios, as_json)


@app.command()
def show(scenario: ScenarioName, settings: Set = None, as_json: Json = False) -> None:
    """The season in words and a terminal plot: streams, peaks and their causes, limits, objectives.

    Example: peakday show singles-day
    """
    from reports.commands import season

    _run(lambda screen: season.show(screen, scenario, settings or ()), as_json)


@app.command()
def check(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="scenario, target, history, calendar")
    ],
    as_json: Json = False,
) -> None:
    """All problems of scenario, target, history or calendar files at once.

    Example: peakday check my-season.toml my-target.toml sends-2025.csv
    """
    from reports.commands import season

    _run(lambda screen: season.check(screen, files), as_json)


@app.command()
def simulate(
    scenario: ScenarioName,
    resolution: Annotated[
        Literal["cohort", "message"], typer.Option(help="bins of messages, or each one")
    ] = "cohort",
    seed: Seed = None,
    replications: Annotated[int, typer.Option(min=1, help="how many seasons, for intervals")] = 1,
    settings: Set = None,
    as_json: Json = False,
) -> None:
    """Simulate the season: what arrives, what becomes of it, whether the objectives hold.

    Example: peakday simulate smoke --resolution message --seed 7
    """
    from reports.commands import season

    asked = season.SimulateOptions(settings or (), resolution, seed, replications)
    _run(lambda screen: season.simulate(screen, scenario, asked, _command()), as_json)


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one")] = 8025,
    host: Annotated[str, typer.Option(help="loopback only")] = "127.0.0.1",
    limit: Annotated[str | None, typer.Option(metavar="RATE", help="of the provider behind it")] = None,
    service_time: Annotated[
        str | None, typer.Option(metavar="DURATION", help="of a worker per request")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="requests in service at once")] = None,
    stall: Annotated[str | None, typer.Option(metavar="D/every D", help="400ms/every 60s")] = None,
    queue: Annotated[
        str | None, typer.Option(metavar="URL", help="auto, valkey, sqlite, sqlite:///path, redis://…")
    ] = None,
    queue_size: Annotated[str | None, typer.Option(metavar="BYTES", help="50MB; above: 429")] = None,
    queue_bound: Annotated[str | None, typer.Option(metavar="COUNT", help="messages; above: 429")] = None,
    freshness: Annotated[str | None, typer.Option(metavar="DURATION", help="older: not delivered")] = None,
    sink: Annotated[
        str | None,
        typer.Option(metavar="URL", help="count, smtp://127.0.0.1:port, sendgrid+http://127.0.0.1:port, …"),
    ] = None,
    attempts: Annotated[int | None, typer.Option(min=1, help="at the sink, with a backoff between")] = None,
    access_log: Annotated[
        str | None, typer.Option(metavar="FILE", help="a JSON line for each answer; -: stderr")
    ] = None,
    drain: Annotated[
        str | None, typer.Option(metavar="DURATION", help="for requests under way at SIGTERM")
    ] = None,
    stand_in: Annotated[str | None, typer.Option("--as", metavar="WIRE", help="play this provider")] = None,
    profile: Annotated[str | None, typer.Option(metavar="FILE", help="--as: limits; or a name")] = None,
    error_share: Annotated[str | None, typer.Option(metavar="SHARE", help="--as: answered 500")] = None,
    outage: Annotated[str | None, typer.Option(metavar="D/after D", help="--as: 503 meanwhile")] = None,
    record: Annotated[str | None, typer.Option(metavar="FILE", help="--as: every arrival")] = None,
) -> None:
    """The reference send API on loopback until Ctrl-C, durable before the 202; or a provider, played.

    Example: peakday serve --port 8025 --limit 500/s --service-time 20ms --workers 8

    Example: peakday serve --as twilio --profile twilio-short-code --port 8026
    """
    from reports.commands import target

    asked = {"limit": limit, "service-time": service_time, "workers": workers, "stall": stall}
    asked |= {"queue": queue, "queue-size": queue_size, "queue-bound": queue_bound}
    asked |= {"access-log": access_log, "drain": drain}
    asked |= {"freshness": freshness, "sink": sink, "attempts": attempts}
    played = {"profile": profile, "error-share": error_share, "outage": outage, "record": record}
    _run(lambda screen: target.serve(screen, asked, stand_in, played, host, port), as_json=False)


@app.command()
def probe(
    target: Target = "embedded",
    operation: Annotated[str, typer.Option(metavar="NAME", help="default: the target's first")] = "",
    channel: Annotated[str, typer.Option(help="email, sms, push or whatsapp")] = "",
    scenario: Annotated[
        str | None, typer.Option(metavar="SCENARIO", help="whose streams would be NOT TESTED")
    ] = None,
    as_json: Json = False,
) -> None:
    """Send one message; say what came back, what it would count as, what would be observed.

    Example: peakday probe --target sendgrid+http://127.0.0.1:8025
    """
    from reports.commands import probing

    _run(lambda screen: probing.probe(screen, target, operation, channel, scenario), as_json)


@app.command()
def replay(
    source: Annotated[str | None, typer.Argument(metavar="[SCENARIO|RUN]", help="or --rate")] = None,
    target: Target = "embedded",
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="T", help="since the season's start; default: its worst part"),
    ] = None,
    duration: Annotated[str, typer.Option("--for", metavar="D", help="how much of it")] = "30s",
    compress: Annotated[float, typer.Option(min=1e-3, help="60 s of season in 60/X s")] = 1.0,
    rate: Annotated[str | None, typer.Option(metavar="R", help="a plain rate, e.g. 500/s")] = None,
    arrivals: Annotated[Literal["even", "poisson"], typer.Option(help="of a plain rate")] = "even",
    scale: Scale = None,
    share: Share = None,
    batch: Batch = None,
    retries: Annotated[
        int,
        typer.Option(min=0, max=99, help="of a limited, failed or lost send, as a client would"),
    ] = 0,
    seed: Seed = None,
    workers: Workers = 1,
    as_json: Json = False,
) -> None:
    """Replay a season's worst part, or a plain rate, open loop; latency counts from the due time.

    Example: peakday replay smoke --target sendgrid+http://127.0.0.1:8025 --for 20s
    """
    from reports.commands import target as targets

    asked = targets.ReplayOptions(
        target, start, duration, rate, arrivals, scale, share, batch, compress, retries, seed, workers
    )
    _run(lambda screen: targets.replay(screen, source, asked, _command()), as_json)


@app.command()
def ceiling(
    target: Target = "embedded",
    objectives: Annotated[
        list[str] | None, typer.Option("--objective", metavar="TEXT", help='"p99<=250ms over 10s, 95%"')
    ] = None,
    budget: Budget = "60s",
    max_rate: Annotated[str | None, typer.Option(metavar="RATE", help="never offer more")] = None,
    batch: Batch = None,
    as_json: Json = False,
) -> None:
    """The highest offered rate that meets every objective, as an interval, and what limits it.

    Example: peakday ceiling --target "embedded?limit=500/s" --objective "p99<=250ms" --budget 30s
    """
    from reports.commands import target as targets

    asked = targets.CeilingOptions(target, tuple(objectives or ()), budget, batch or 1, max_rate)
    _run(lambda screen: targets.ceiling(screen, asked, _command()), as_json)


@app.command()
def calibrate(run: RunName, as_json: Json = False) -> None:
    """Fit the scenario's pipeline to what a run measured; predict a part it was not fitted on.

    Example: peakday calibrate latest
    """
    from reports.commands import target

    _run(lambda screen: target.calibrate(screen, run), as_json)


@app.command()
def rehearse(
    scenario: ScenarioName,
    target: Target = "embedded",
    seed: Seed = None,
    settings: Set = None,
    budget: Budget = "60s",
    scale: Scale = None,
    share: Share = None,
    batch: Batch = None,
    strict: Annotated[bool, typer.Option("--strict", help="exit with 1 when at risk")] = False,
    as_json: Json = False,
) -> None:
    """Simulate, replay the peak, find the ceiling, calibrate, simulate again, report.

    Example: peakday rehearse smoke --budget 8s
    """
    from reports.commands import whole

    asked = whole.RehearseOptions(settings or (), target, seed, budget, scale, share, batch, strict)
    rehearsal = partial(whole.rehearse_and_report, source=scenario, options=asked, command=_command())
    _run(rehearsal, as_json, whole.STAGES)


@app.command()
def report(run: RunName, as_json: Json = False) -> None:
    """Write the report of a run again, complete or not.

    Example: peakday report latest
    """
    from reports.commands import whole

    _run(lambda screen: whole.report(screen, run), as_json)


def _run(command: Callable[[Screen], int], as_json: bool, stages: Sequence[str] = ()) -> None:
    from reports import console

    console.run(command, json=as_json, stages=stages)


def _command() -> str:
    return shlex.join(["peakday", *sys.argv[1:]])


def main() -> None:
    """Run the command line. Until a command listens to signals there is nothing to keep: leave at once."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(EXIT_INTERRUPTED))
    app()
