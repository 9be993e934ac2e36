"""From a scenario's raw text, its settings and the files it names to the scenario that is run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from scenarios.checks import cross_checks
from scenarios.complaints import Complaint
from scenarios.history import History, read_history
from scenarios.plan import read_calendar
from scenarios.positions import KeyPath
from scenarios.problems import Problem, UserError, listed, nearest
from scenarios.profiles import with_profiles
from scenarios.reading import Document, read_document
from scenarios.rewriting import plain_text, resolved_table, resolved_text
from scenarios.salvage import held, salvage
from scenarios.scenario import Scenario
from scenarios.season import Campaign
from scenarios.service_times import with_quantiles
from scenarios.settings import changed, settings_of
from scenarios.words import Channel, UnreadError


@dataclass(frozen=True)
class Resolved:
    """The scenario, or None and every problem. `toml` is its text as resolved."""

    scenario: Scenario | None
    history: History | None
    toml: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class _Named:
    """What the files that a scenario names hold; `known` is False where one of them could not be read."""

    history: History | None = None
    campaigns: tuple[Campaign, ...] = ()
    problems: tuple[Problem, ...] = ()
    known: bool = True

    def streams(self) -> Mapping[str, Channel] | None:
        """The channels of all their streams by name."""
        if not self.known:
            return None
        past = {stream.name: stream.channel for stream in self.history.streams} if self.history else {}
        return past | {campaign.name: campaign.channel for campaign in self.campaigns}


def resolve(document: Document, text: str, folder: Path, settings: Sequence[str]) -> Resolved:
    """The scenario of a document with settings applied; history and calendar are read from `folder`."""
    written_out = with_profiles(document.table) if settings else document.table
    if written_out is not document.table:
        text = plain_text(written_out)
    given, mistaken = settings_of(settings, written_out)
    table, unread = with_quantiles(changed(written_out, given), folder)
    document = replace(document, table=table, settings={setting.path: setting.text for setting in given})
    half = salvage(Scenario, table)
    named = _named_files(half, folder)
    whole = named.history
    if whole is None:
        named = replace(
            named, campaigns=tuple(c.model_copy(update={"replaces": ""}) for c in named.campaigns)
        )
    else:
        named = replace(named, campaigns=tuple(_replacing(c, whole) for c in named.campaigns))
        planned = (*held(lambda: half.campaigns), *named.campaigns)
        replaced = {name for campaign in planned for name in held(_replaced, campaign)}
        named = replace(named, history=whole.without(replaced))
    scenario, problems = read_document(document, Scenario, partial(_checks, named, whole, folder))
    problems = [*mistaken, *unread, *problems, *named.problems]
    if scenario is None or problems:
        return Resolved(None, None, "", tuple(problems))
    wanted = resolved_table(table, named.campaigns)
    toml = resolved_text(text, given, named.campaigns, wanted)
    return Resolved(Scenario.model_validate(wanted), named.history, toml, ())


def _replacing(campaign: Campaign, history: History) -> Campaign:
    """A calendar's campaign; `replaces` is kept only where it says more than the campaign's own name."""
    says_more = campaign.replaces != campaign.name
    known = any(stream.campaign == campaign.replaces for stream in history.streams)
    return campaign if known and says_more else campaign.model_copy(update={"replaces": ""})


def _replaced(campaign: Campaign) -> list[str]:
    return [campaign.replaces or campaign.name]


def _checks(named: _Named, whole: History | None, folder: Path, scenario: Scenario) -> list[Complaint]:
    found = cross_checks(scenario, named.streams()) + held(_files_exist, scenario, folder)
    if whole is not None:
        found += held(_history_names, scenario, sorted({stream.campaign for stream in whole.streams}))
    return found


def _files_exist(scenario: Scenario, folder: Path) -> Iterator[Complaint]:
    for key in ("history", "calendar"):
        file = getattr(scenario.demand, key)
        if file is not None and not (folder / file).is_file():
            reason = "is a directory" if (folder / file).is_dir() else "there is no such file"
            yield Complaint(
                ("demand", key), reason, "a CSV or Parquet file, its path beside the scenario's file"
            )


def _history_names(scenario: Scenario, campaigns: Sequence[str]) -> Iterator[Complaint]:
    """Campaigns of the history that the scenario speaks of and the history does not have."""
    spoken: list[tuple[KeyPath, str]] = []
    spoken += [(("demand", "transactional", i), name) for i, name in enumerate(scenario.demand.transactional)]
    for index, campaign in enumerate(scenario.campaigns):
        spoken += [
            (("campaign", index, "replaces"), name) for name in held(lambda c: [c.replaces], campaign) if name
        ]
    for path, name in spoken:
        if name not in campaigns:
            yield Complaint(
                path, "the history has no such campaign", listed(campaigns), nearest(name, campaigns)
            )


def _named_files(half: Scenario, folder: Path) -> _Named:
    named = _Named()
    for read in (_with_history, _with_calendar):
        try:
            named = read(named, half, folder)
        except UnreadError:
            named = replace(named, known=False)
        except UserError as error:
            named = replace(named, known=False, problems=(*named.problems, *error.problems))
    return named


def _with_history(named: _Named, half: Scenario, folder: Path) -> _Named:
    file = half.demand.history
    if file is None:
        return named
    if not (folder / file).is_file():
        return replace(named, known=False)
    return replace(named, history=read_history(half, folder / file, file))


def _with_calendar(named: _Named, half: Scenario, folder: Path) -> _Named:
    file = half.demand.calendar
    if file is None:
        return named
    if not (folder / file).is_file():
        return replace(named, known=False)
    return replace(named, campaigns=read_calendar(half, folder / file, file))
