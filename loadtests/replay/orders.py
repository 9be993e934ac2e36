"""What the parent says to the replaying process: settings in a file, commands down the lifeline."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import msgspec

from loadtests.replay.bounds import Bounds
from loadtests.targets.safety import Address

SETTINGS = "settings.json"
TARGET = "target.json"


class Settings(msgspec.Struct, frozen=True):
    """For the whole life of the process. `addresses`: checked, one for each of the target's destinations.
    `run` makes message ids unique across runs.
    """

    addresses: tuple[Address, ...]
    run: str
    bounds: Bounds


class StandIn(msgspec.Struct, frozen=True):
    """A server on this machine in the target's place, over at most `connections`: at `port` for what goes to
    the target in the clear, at `tls_port` for the rest. `ca_file`: the certificate there, for 127.0.0.1."""

    connections: int
    port: int
    tls_port: int
    ca_file: str


class Play(msgspec.Struct, frozen=True, tag_field="kind", tag="play"):
    """Replay the schedule at `schedule`, write records to `records`; message ids count from `first_id`."""

    name: str
    schedule: str
    records: str
    first_id: int
    stand_in: StandIn | None = None


class StopPlay(msgspec.Struct, frozen=True, tag_field="kind", tag="stop_play"):
    """End the replay that runs, if one does."""


Order = Play | StopPlay


def write_settings(settings: Settings, folder: Path) -> None:
    """Leave the settings in the folder that the process will work in."""
    (folder / SETTINGS).write_bytes(msgspec.json.encode(settings))


def read_settings(folder: Path) -> Settings:
    """What `write_settings` left."""
    return msgspec.json.decode((folder / SETTINGS).read_bytes(), type=Settings)


def order(message: object) -> Order:
    """A command as it came down the lifeline."""
    return cast(Order, msgspec.convert(message, Order))
