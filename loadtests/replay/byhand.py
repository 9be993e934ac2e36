"""What `locust -f … --run RUN --target TARGET` asks for: which schedule, which target, which records."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.attempts import requests
from loadtests.replay.bounds import Bounds
from loadtests.replay.fates import Fault
from loadtests.replay.fleet import Work
from loadtests.replay.orders import Settings
from loadtests.replay.records import read_records
from loadtests.replay.schedule import Schedule, read_schedule, staircase
from loadtests.targets import safety
from loadtests.targets.embedded import Embedded
from loadtests.targets.target import Target, resolve
from scenarios.problems import user_error
from scenarios.quantities import parse_duration, parse_rates
from sim.runs import RECORDS, open_run

PEAK = "peak.schedule.parquet"
RATE_FOR = "30s"
ORPHAN_POLL_S = 0.2


@dataclass(frozen=True)
class Asked:
    """One replay by hand, ready to be played: `records` is a file that does not exist yet."""

    schedule: Schedule
    target: Target
    settings: Settings
    records: Path

    def work(self) -> Work:
        """For a fleet."""
        target = self.target.model_dump_json(by_alias=True)
        return Work(self.schedule, target, self.settings.run, self.settings.bounds, 0, self.records)

    def told(self) -> str:
        """What came of it, in one line."""
        sent = requests(self.schedule, read_records([self.records]))
        lost = int((sent.fault == Fault.LOST_WORKER).sum())
        started = int(sent.started.sum())
        dropped = sent.due_s.size - started - lost
        counted = f"due {sent.due_s.size} = started {started} + dropped {dropped} + lost {lost}"
        return f"{counted}; records in {self.records}"


def asked(schedule: Schedule, target: str, options: Any) -> Asked:
    """What is to be played; the target's addresses are checked. Raises UserError."""
    found = target_of(target)
    return Asked(schedule, found, settings_of(found, options), records_of(options))


def add_arguments(parser: Any) -> None:
    """Our options beside Locust's; they are in its web form too. Masters and pages stay on this machine
    unless --master-bind-host or --web-host say otherwise."""
    parser.set_defaults(master_bind_host="127.0.0.1", web_host="127.0.0.1")
    group = parser.add_argument_group("peakday", "A schedule, replayed open loop.")
    group.add_argument("--run", default="", help="a run's folder, its id, or latest: its peak is replayed")
    group.add_argument("--target", default="", help="a target file or sendgrid+http://127.0.0.1:8025")
    group.add_argument("--rate", default="", help="in the place of --run: 500/s, or steps: 100/s,200/s")
    group.add_argument("--for", dest="duration", default=RATE_FOR, help="how long --rate is held")
    group.add_argument("--batch", type=int, default=1, help="messages a request at --rate")
    group.add_argument("--retries", type=int, default=0, help="of a limited, failed or lost send")
    group.add_argument("--records", default="", help="the file for the records; default: by-hand-TIME.arrows")


def schedule_of(options: Any) -> Schedule:
    """The peak of --run, or --rate held. Raises UserError."""
    if bool(options.run) == bool(options.rate):
        raise user_error("give --run RUN or --rate 500/s: one of the two", key="--run")
    if options.rate:
        try:
            rates_per_s, duration_s = parse_rates(options.rate), parse_duration(options.duration)
        except ValueError as error:
            raise user_error(str(error), key="--rate, --for") from error
        return staircase(rates_per_s, duration_s, batch=options.batch)
    run = open_run(options.run)
    path = run.path / RECORDS / PEAK
    if not path.is_file():
        raise user_error("the run replayed no peak; rehearse or replay it first", where=str(run.path))
    return read_schedule(path)


def target_of(text: str) -> Target:
    """A target that runs already. Raises UserError."""
    if not text:
        raise user_error("say what is to be loaded", key="--target", allowed="sendgrid+http://127.0.0.1:8025")
    target = resolve(text)
    if isinstance(target, Embedded):
        raise user_error(
            "nothing of ours runs here; start `peakday serve` and give its address",
            key="--target",
            found=text,
            allowed="embedded+http://127.0.0.1:8025",
        )
    return target


def records_of(options: Any) -> Path:
    """A file that does not exist yet: --records, else in the run, else here."""
    if options.records:
        return Path(options.records)
    folder = open_run(options.run).path / RECORDS if options.run else Path.cwd()
    return folder / f"by-hand-{time.strftime('%Y%m%dT%H%M%S')}-{secrets.token_hex(2)}.arrows"


def leave_with_master(master_pid: int, pause: Callable[[float], object]) -> None:
    """Stay until the master that forked this process is gone, then end at once."""
    while os.getppid() == master_pid:
        pause(ORPHAN_POLL_S)
    os._exit(0)


def end_test(environment: Any, pause: Callable[[float], object]) -> None:
    """The replay is over: Locust leaves, or shows its page on, as --headless and --autoquit say; a shape ends
    its test itself."""
    options, runner = environment.parsed_options, environment.runner
    if environment.shape_class is not None:
        return
    if not options.headless:
        runner.stop()
        if options.autoquit < 0:
            return
        pause(options.autoquit)
        environment.web_ui.stop()
    runner.quit()


def settings_of(target: Target, options: Any) -> Settings:
    """The target's addresses, checked (UserError, exit 4), and message ids of their own."""
    return Settings(safety.check_each(target), secrets.token_hex(4), Bounds(retries=options.retries))
