"""The options and arguments of the command line: how each is typed, bounded and helped with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
Cluster = Annotated[
    str | None,
    typer.Option("--cluster", metavar="URL", help="a Dask scheduler, e.g. tcp://127.0.0.1:8786"),
]
Workers = Annotated[
    int, typer.Option(min=1, max=64, help="Locust processes on this machine that share the load")
]
Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="scenario, target, history, calendar")]
Vary = Annotated[
    list[str] | None, typer.Option("--vary", metavar="KEY=A,B,C", help="what if; repeatable: a grid")
]
Find = Annotated[
    str | None,
    typer.Option("--find", metavar="KEY", help="least value that meets every season objective"),
]
Sensitivity = Annotated[
    bool, typer.Option("--sensitivity", help="Sobol indices of the headline over --vary KEY=LOW,HIGH, ...")
]
Points = Annotated[int, typer.Option(min=8, max=4096, help="of --sensitivity: seasons / (inputs + 3)")]
Probability = Annotated[float, typer.Option(min=0.01, max=1.0, help="chance that a season meets them all")]
SeasonsEach = Annotated[int, typer.Option(min=1, max=1000, help="seasons per value, equal seeds")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0: a free one")]
Host = Annotated[str, typer.Option(help="loopback only")]
Limit = Annotated[str | None, typer.Option(metavar="RATE", help="of the provider behind it")]
ServiceTime = Annotated[str | None, typer.Option(metavar="DURATION", help="of a worker per request")]
Servers = Annotated[int | None, typer.Option(min=1, help="requests in service at once")]
Stall = Annotated[str | None, typer.Option(metavar="D/every D", help="400ms/every 60s")]
Processes = Annotated[int | None, typer.Option(min=1, max=64, help="that share the port")]
Queue = Annotated[
    str | None, typer.Option(metavar="URL", help="auto, valkey, sqlite, sqlite:///path, redis://…")
]
QueueSize = Annotated[str | None, typer.Option(metavar="BYTES", help="50MB; above: 429")]
QueueBound = Annotated[str | None, typer.Option(metavar="COUNT", help="messages; above: 429")]
Freshness = Annotated[str | None, typer.Option(metavar="DURATION", help="older: not delivered")]
Sink = Annotated[
    str | None,
    typer.Option(metavar="URL", help="count, smtp://127.0.0.1:port, sendgrid+http://127.0.0.1:port, …"),
]
Webhook = Annotated[
    str | None, typer.Option(metavar="URL", help="on this machine; told what becomes of messages")
]
Attempts = Annotated[int | None, typer.Option(min=1, help="at the sink, with a backoff between")]
AccessLog = Annotated[str | None, typer.Option(metavar="FILE", help="a JSON line for each answer; -: stderr")]
Drain = Annotated[str | None, typer.Option(metavar="DURATION", help="for requests under way at SIGTERM")]
StandIn = Annotated[str | None, typer.Option("--as", metavar="WIRE", help="play this provider")]
Profile = Annotated[str | None, typer.Option(metavar="FILE", help="--as: limits; or a name")]
ErrorShare = Annotated[str | None, typer.Option(metavar="SHARE", help="--as: answered 500")]
Outage = Annotated[str | None, typer.Option(metavar="D/after D", help="--as: 503 meanwhile")]
Record = Annotated[str | None, typer.Option(metavar="FILE", help="--as: every arrival")]
