"""The table of commands: options, one call, show."""

from __future__ import annotations

import gc
import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from reports.commands import typed

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


@app.command()
def scenarios(as_json: typed.Json = False) -> None:
    """List the shipped scenarios, one line each.

    Example: peakday scenarios
    """
    from reports.commands import season

    _run(season.scenarios, as_json)


@app.command()
def show(scenario: typed.ScenarioName, settings: typed.Set = None, as_json: typed.Json = False) -> None:
    """The season in words and a terminal plot: streams, peaks and their causes, limits, objectives.

    Example: peakday show singles-day
    """
    from reports.commands import season

    _run(lambda screen: season.show(screen, scenario, settings or ()), as_json)


@app.command()
def check(files: typed.Files, as_json: typed.Json = False) -> None:
    """All problems of scenario, target, history or calendar files at once.

    Example: peakday check my-season.toml my-target.toml sends-2025.csv
    """
    from reports.commands import season

    _run(lambda screen: season.check(screen, files), as_json)


@app.command()
def simulate(
    scenario: typed.ScenarioName,
    resolution: Annotated[
        Literal["cohort", "message"], typer.Option(help="bins of messages, or each one")
    ] = "cohort",
    seed: typed.Seed = None,
    replications: Annotated[int, typer.Option(min=1, help="how many seasons, for intervals")] = 1,
    settings: typed.Set = None,
    cluster: typed.Cluster = None,
    as_json: typed.Json = False,
) -> None:
    """Simulate the season: what arrives, what becomes of it, whether the objectives hold.

    Example: peakday simulate smoke --resolution message --seed 7
    """
    from reports.commands import simulating

    asked = simulating.SimulateOptions(settings or (), resolution, seed, replications, cluster)
    _run(lambda screen: simulating.simulate(screen, scenario, asked, _command()), as_json)


@app.command()
def plan(
    scenario: typed.ScenarioName,
    vary: typed.Vary = None,
    find: typed.Find = None,
    sensitivity: typed.Sensitivity = False,
    points: typed.Points = 64,
    probability: typed.Probability = 0.9,
    replications: typed.SeasonsEach = 30,
    seed: typed.Seed = None,
    settings: typed.Set = None,
    cluster: typed.Cluster = None,
    as_json: typed.Json = False,
) -> None:
    """What if, how much is enough, what it hangs on: seasons simulated under the same seeds, side by side.

    Example: peakday plan singles-day --find pipeline.workers.count
    """
    from reports.commands import plan as what

    asked = what.PlanOptions(
        vary, find, sensitivity, points, settings, seed, replications, probability, cluster
    )
    _run(lambda screen: what.plan(screen, scenario, asked), as_json, ("plan",))


@app.command()
def serve(
    port: typed.Port = 8025,
    host: typed.Host = "127.0.0.1",
    limit: typed.Limit = None,
    service_time: typed.ServiceTime = None,
    workers: typed.Servers = None,
    stall: typed.Stall = None,
    processes: typed.Processes = None,
    queue: typed.Queue = None,
    queue_size: typed.QueueSize = None,
    queue_bound: typed.QueueBound = None,
    freshness: typed.Freshness = None,
    sink: typed.Sink = None,
    webhook: typed.Webhook = None,
    attempts: typed.Attempts = None,
    access_log: typed.AccessLog = None,
    drain: typed.Drain = None,
    stand_in: typed.StandIn = None,
    profile: typed.Profile = None,
    error_share: typed.ErrorShare = None,
    outage: typed.Outage = None,
    record: typed.Record = None,
) -> None:
    """The reference send API on loopback until Ctrl-C, durable before the 202; or a provider, played.

    Example: peakday serve --port 8025 --limit 500/s --service-time 20ms --workers 8

    Example: peakday serve --as twilio --profile twilio-short-code --port 8026
    """
    from reports.commands import target

    asked = {"limit": limit, "service-time": service_time, "workers": workers, "stall": stall}
    asked |= {"processes": processes, "queue": queue, "queue-size": queue_size, "queue-bound": queue_bound}
    asked |= {"access-log": access_log, "drain": drain}
    asked |= {"freshness": freshness, "sink": sink, "webhook": webhook, "attempts": attempts}
    played = {"profile": profile, "error-share": error_share, "outage": outage, "record": record}
    _run(lambda screen: target.serve(screen, asked, stand_in, played, host, port), as_json=False)


@app.command()
def probe(
    target: typed.Target = "embedded",
    operation: Annotated[str, typer.Option(metavar="NAME", help="default: the target's first")] = "",
    channel: Annotated[str, typer.Option(help="email, sms, push or whatsapp")] = "",
    scenario: Annotated[
        str | None, typer.Option(metavar="SCENARIO", help="whose streams would be NOT TESTED")
    ] = None,
    as_json: typed.Json = False,
) -> None:
    """Send one message; say what came back, what it would count as, what would be observed.

    Example: peakday probe --target sendgrid+http://127.0.0.1:8025
    """
    from reports.commands import probing

    _run(lambda screen: probing.probe(screen, target, operation, channel, scenario), as_json)


@app.command()
def replay(
    source: Annotated[str | None, typer.Argument(metavar="[SCENARIO|RUN]", help="or --rate")] = None,
    target: typed.Target = "embedded",
    start: Annotated[
        str | None,
        typer.Option("--from", metavar="T", help="since the season's start; default: its worst part"),
    ] = None,
    duration: Annotated[str, typer.Option("--for", metavar="D", help="how much of it")] = "30s",
    compress: Annotated[float, typer.Option(min=1e-3, help="60 s of season in 60/X s")] = 1.0,
    rate: Annotated[str | None, typer.Option(metavar="R", help="500/s, in steps 100/s,200/s, or max")] = None,
    arrivals: Annotated[Literal["even", "poisson"], typer.Option(help="of a plain rate")] = "even",
    scale: typed.Scale = None,
    share: typed.Share = None,
    batch: typed.Batch = None,
    retries: Annotated[
        int,
        typer.Option(min=0, max=99, help="of a limited, failed or lost send, as a client would"),
    ] = 0,
    seed: typed.Seed = None,
    workers: typed.Workers = 1,
    as_json: typed.Json = False,
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
    target: typed.Target = "embedded",
    objectives: Annotated[
        list[str] | None, typer.Option("--objective", metavar="TEXT", help='"p99<=250ms over 10s, 95%"')
    ] = None,
    budget: typed.Budget = "60s",
    max_rate: Annotated[str | None, typer.Option(metavar="RATE", help="never offer more")] = None,
    batch: typed.Batch = None,
    as_json: typed.Json = False,
) -> None:
    """The highest offered rate that meets every objective, as an interval, and what limits it.

    Example: peakday ceiling --target "embedded?limit=500/s" --objective "p99<=250ms" --budget 30s
    """
    from reports.commands import target as targets

    asked = targets.CeilingOptions(target, tuple(objectives or ()), budget, batch or 1, max_rate)
    _run(lambda screen: targets.ceiling(screen, asked, _command()), as_json)


@app.command()
def calibrate(run: typed.RunName, as_json: typed.Json = False) -> None:
    """Fit the scenario's pipeline to what a run measured; predict a part it was not fitted on.

    Example: peakday calibrate latest
    """
    from reports.commands import target

    _run(lambda screen: target.calibrate(screen, run), as_json)


@app.command()
def rehearse(
    scenario: typed.ScenarioName,
    target: typed.Target = "embedded",
    seed: typed.Seed = None,
    settings: typed.Set = None,
    budget: typed.Budget = "60s",
    scale: typed.Scale = None,
    share: typed.Share = None,
    batch: typed.Batch = None,
    strict: Annotated[bool, typer.Option("--strict", help="exit with 1 when at risk")] = False,
    as_json: typed.Json = False,
) -> None:
    """Simulate, replay the peak, find the ceiling, calibrate, simulate again, report.

    Example: peakday rehearse smoke --budget 8s
    """
    from reports.commands import whole

    asked = whole.RehearseOptions(settings or (), target, seed, budget, scale, share, batch, strict)
    rehearsal = partial(whole.rehearse_and_report, source=scenario, options=asked, command=_command())
    _run(rehearsal, as_json, whole.STAGES)


@app.command()
def report(run: typed.RunName, as_json: typed.Json = False) -> None:
    """Write the report of a run again, complete or not.

    Example: peakday report latest
    """
    from reports.commands import whole

    _run(lambda screen: whole.report(screen, run), as_json)


def _run(command: Callable[[Screen], int], as_json: bool, stages: Sequence[str] = ()) -> None:
    from reports import console

    gc.enable()  # see main
    console.run(command, json=as_json, stages=stages)


def _command() -> str:
    return shlex.join(["peakday", *sys.argv[1:]])


def main() -> None:
    """Run the command line. Until a command listens to signals there is nothing to keep: leave at once."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(EXIT_INTERRUPTED))
    gc.disable()  # loading makes many objects and no garbage: a tenth of its time went into looking for some
    app()
