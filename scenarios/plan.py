"""This year's calendar: planned sends from a team's own file to campaigns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from scenarios import cells
from scenarios.columns import Faults, Parsed, Table, parsed, problems_of
from scenarios.complaints import Complaint
from scenarios.problems import BadValueError, Problem, UserError, listed, nearest
from scenarios.quantities import parse_count, parse_rate, parse_share
from scenarios.salvage import held
from scenarios.scenario import Scenario, zone_of
from scenarios.season import Campaign
from scenarios.streams import EVERYONE, campaign_complaints, segment_names, stream_name
from scenarios.tables import read_table
from scenarios.words import Channel

WANTED = ("name", "start", "audience", "channels", "release")
_COLUMN_OF = {"start": "start", "segment": "audience", "share": "audience", "channel": "channels"}


def read_calendar(scenario: Scenario, path: Path, file: str) -> tuple[Campaign, ...]:
    """The campaigns of the calendar at `path`, one for each row and channel; `file` is how messages call it.

    start: ISO, without an offset local to the scenario's time zone. audience: `everyone`, a segment's name, a
    share (`40 %`, 0.4) or a number of customers above 1 (`2M`), taken as a share of the audience's size.
    channels: one or several with `;` or `+` between. release: messages with unit, each channel on its own.
    A name that is used on several channels becomes `name-channel`; `replaces` keeps the name itself. Raises
    UserError with every bad value and every campaign that does not fit into the season.
    """
    zone = zone_of(scenario.timezone) or ZoneInfo("UTC")
    wanted = {name: getattr(scenario.demand.calendar_columns, name) for name in WANTED}
    table = read_table(path, file, wanted, "demand.calendar_columns")
    plan = _Plan(
        table,
        parsed(table, "name", cells.name),
        parsed(table, "start", partial(cells.moment_in, zone)),
        parsed(table, "audience", partial(_audience, scenario)),
        parsed(table, "channels", cells.channels),
        parsed(table, "release", _release),
    )
    campaigns = plan.campaigns()
    faults = [problem for row, campaign in campaigns for problem in _misfits(scenario, table, row, campaign)]
    problems = problems_of(table, plan.columns, Faults((*plan.repeats(campaigns), *faults)))
    if problems:
        raise UserError(problems)
    return tuple(campaign for _, campaign in campaigns)


class _Plan:
    """The columns of a calendar, and the campaigns of its good rows."""

    def __init__(
        self,
        table: Table,
        names: Parsed[str],
        starts: Parsed[datetime],
        audiences: Parsed[tuple[str, float]],
        channels: Parsed[tuple[Channel, ...]],
        releases: Parsed[float],
    ) -> None:
        self.table = table
        self.names, self.starts, self.audiences = names, starts, audiences
        self.channels, self.releases = channels, releases
        self.columns = (names, starts, audiences, channels, releases)

    def campaigns(self) -> list[tuple[int, Campaign]]:
        """Each good row's campaigns, with the row's index."""
        uses: Counter[str] = Counter()
        for row in range(self.table.rows):
            uses[str(self.names.at(row))] += len(self.channels.at(row) or ())
        return [pair for row in range(self.table.rows) for pair in self._of_row(row, uses)]

    def repeats(self, campaigns: list[tuple[int, Campaign]]) -> Iterator[Problem]:
        """One problem for each row whose name and channel an earlier row has."""
        first: dict[str, int] = {}
        for row, campaign in campaigns:
            if first.setdefault(campaign.name, row) != row:
                yield Problem(
                    self.table.where(row, "name"),
                    self.table.headers["name"],
                    campaign.replaces,
                    f"is on {campaign.channel} already at {self.table.where(first[campaign.name], 'name')}",
                    "a name of its own for each send",
                )

    def _of_row(self, row: int, uses: Counter[str]) -> Iterator[tuple[int, Campaign]]:
        name, start, audience = self.names.at(row), self.starts.at(row), self.audiences.at(row)
        channels, release = self.channels.at(row), self.releases.at(row)
        if name is None or start is None or audience is None or channels is None or release is None:
            return
        for channel in channels:
            yield (
                row,
                Campaign.model_construct(
                    name=stream_name(name if uses[name] == 1 else f"{name}-{channel}"),
                    channel=channel,
                    start=start.astimezone(timezone(start.utcoffset() or timedelta(0))),
                    release=release,
                    segment=audience[0],
                    share=audience[1],
                    replaces=name,
                    source=f"calendar {self.table.file}",
                ),
            )


def _audience(scenario: Scenario, value: object) -> tuple[str, float]:
    """The segment and the share of it. Raises BadValueError."""
    text = "" if value is None else str(value).strip()
    known = held(segment_names, scenario)
    if text in known or (text and not known and not text[0].isdigit()):
        return text, 1.0
    allowed = f"{listed(known)}, a share such as 40 % or a number of customers such as 2M"
    if not text[:1].isdigit():
        raise BadValueError("is empty" if not text else "unknown segment", allowed, nearest(text, known))
    try:
        return EVERYONE, _share_of_all(text, held(lambda: [scenario.audience.size]))
    except BadValueError as error:
        raise BadValueError(error.message, allowed) from None


def _share_of_all(text: str, size: Sequence[int]) -> float:
    """The share of the audience from a share or from a number of customers; `size` may be unknown."""
    try:
        return parse_share(text)
    except BadValueError:
        count = parse_count(text)
    if size and count > size[0]:
        raise BadValueError(f"is more than the {size[0]:,} customers of the audience")
    return count / size[0] if size else 1.0


def _release(value: object) -> float:
    rate = parse_rate(value)
    if rate <= 0.0:
        raise BadValueError("is too small", "a rate above 0")
    return rate


def _misfits(scenario: Scenario, table: Table, row: int, campaign: Campaign) -> list[Problem]:
    """What is wrong with a row's campaign against the season and its audience."""
    return [_problem(table, row, complaint) for complaint in campaign_complaints(scenario, (), campaign)]


def _problem(table: Table, row: int, complaint: Complaint) -> Problem:
    name = _COLUMN_OF[str(complaint.path[-1])]
    column = table.columns[name]
    found = str(column.values[int(column.codes[row])])
    where = table.where(row, name)
    return Problem(where, table.headers[name], found, complaint.message, complaint.allowed, complaint.nearest)
