"""A scenario's TOML text as resolved: with settings applied and the calendar's campaigns written out."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from scenarios.season import Campaign
from scenarios.settings import Setting, put


def resolved_table(table: Mapping[str, Any], campaigns: Sequence[Campaign]) -> dict[str, Any]:
    """The raw tables with a calendar's campaigns in place of the calendar."""
    if not campaigns:
        return dict(table)
    demand = {key: value for key, value in table["demand"].items() if key != "calendar"}
    written = [*table.get("campaign", []), *(campaign_table(campaign) for campaign in campaigns)]
    return {**table, "demand": demand, "campaign": written}


def resolved_text(
    text: str, settings: Sequence[Setting], campaigns: Sequence[Campaign], wanted: Mapping[str, Any]
) -> str:
    """The text of the `wanted` raw tables, with the comments and the order of `text` as far as that goes."""
    if not settings and not campaigns and "samples" not in text:
        return text
    import tomlkit  # here: a run as the file has it need not pay its 50 ms

    edited = _edited(text, settings, campaigns)
    return edited if _reads_as(edited, wanted) else tomlkit.dumps(wanted)


def plain_text(table: Mapping[str, Any]) -> str:
    """Raw tables as TOML, without the comments of the text that they are from."""
    import tomlkit

    return tomlkit.dumps(table)


def campaign_table(campaign: Campaign) -> dict[str, Any]:
    """A campaign as a raw table that reads back to an equal one."""
    return {
        "name": campaign.name,
        "channel": campaign.channel,
        "start": campaign.start,
        "release": f"{campaign.release!r}/s",
        "segment": campaign.segment,
        "share": campaign.share,
        "priority": campaign.priority,
        "freshness": f"{campaign.freshness!r}s",
        "replaces": campaign.replaces,
        "source": campaign.source,
    }


def _edited(text: str, settings: Sequence[Setting], campaigns: Sequence[Campaign]) -> str:
    import tomlkit

    document = tomlkit.parse(text)
    for setting in settings:
        put(document, setting)
    if not campaigns:
        return tomlkit.dumps(document)
    document["demand"].pop("calendar")
    written = tomlkit.dumps({"campaign": [campaign_table(campaign) for campaign in campaigns]})
    return f"{tomlkit.dumps(document).rstrip()}\n\n{written}"


def _reads_as(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False
