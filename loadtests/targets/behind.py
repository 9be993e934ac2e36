"""The words for what stands behind a service: which provider peakday plays there, its limits, its faults."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, field_serializer

from scenarios.files import read_text
from scenarios.problems import Problem, UserError, nearest, user_error
from scenarios.profiles import FOLDER, profile_names
from scenarios.providers import Limit, Provider, limit_table
from scenarios.quantities import PerSecond, Seconds, Share
from scenarios.reading import read
from scenarios.words import Word

StandInName = Literal["sendgrid", "twilio", "braze", "ses", "postmark"]
STAND_INS: tuple[StandInName, ...] = get_args(StandInName)
Counted = Literal["messages", "requests"]
PROFILE_ENDING = ".toml"


class Stalling(Word):
    """Answers given in the last `lasts` of every `every` come at its end; what they answer counts at once."""

    lasts: Seconds = Field(gt=0)
    every: Seconds = Field(gt=0)

    @field_serializer("lasts", "every")
    def _as_it_is_read(self, value: float) -> str:
        return f"{value!r}s"


class Outage(Word):
    """Every request is answered 503 for `lasts`, from `after` on. Both from the first request on."""

    after: Seconds
    lasts: Seconds = Field(gt=0)

    @field_serializer("after", "lasts")
    def _as_it_is_read(self, value: float) -> str:
        return f"{value!r}s"


class Behind(Word):
    """Which provider peakday plays behind the target, on loopback: the service must send there.

    Limits come from `profile`: a shipped one's name or the path of such a file, seen from the target file;
    without it the shipped one of the stand-in's own name. `limit` (a plain rate) or `limits` (of any kind)
    replace it; `limit_share` is the part of them that is left. `counts`: whether a request counts once or for
    its messages; Braze counts requests, the others messages. `answers_after`: how long an answer takes; at
    least the `call_duration` of a concurrency cap. `error_share`: of the requests, answered 500.
    `webhook`: where on this machine it posts what became of each message that it took, as the provider
    would. `partial_failure`: of the messages, refused inside a 200 by who can say so (ses, postmark).
    `settle`: how long is waited at most, after a replay, until nothing has arrived for `quiet`.
    """

    stand_in: StandInName
    port: int = Field(ge=1, le=65535)
    profile: str = ""
    limit: PerSecond | None = Field(default=None, gt=0)
    limits: tuple[Limit, ...] = ()
    limit_share: Share = Field(default=1.0, gt=0)
    counts: Counted | None = None
    answers_after: Seconds = 0.0
    error_share: Share = 0.0
    partial_failure: Share | None = None
    stall: Stalling | None = None
    outage: Outage | None = None
    webhook: str = ""
    settle: Seconds = 10.0
    quiet: Seconds = Field(default=2.0, gt=0)

    @field_serializer("answers_after", "settle", "quiet")
    def _duration(self, value: float) -> str:
        return f"{value!r}s"

    @field_serializer("limit")
    def _rate(self, value: float | None) -> str | None:
        return None if value is None else f"{value!r}/s"

    @field_serializer("limits")
    def _tables(self, limits: tuple[Any, ...]) -> list[dict[str, Any]]:
        return [limit_table(limit) for limit in limits]

    @property
    def profile_name(self) -> str:
        """The profile that its limits come from; "" where they do not, or none has its name."""
        if self.limit is not None or self.limits:
            return self.profile
        return self.profile or (self.stand_in if self.stand_in in profile_names() else "")

    def below(self, folder: Path) -> Behind:
        """With the profile's path as seen from `folder`."""
        if not self.profile.endswith(PROFILE_ENDING):
            return self
        return self.model_copy(update={"profile": str((folder / self.profile).resolve())})


def profile_of(name: str) -> Provider:
    """A shipped profile by its name, or the file at a path. Raises UserError with every problem."""
    path = Path(name)
    if not name.endswith(PROFILE_ENDING):
        known = profile_names()
        if name not in known:
            hint = f"; did you mean {near!r}?" if (near := nearest(name, known)) else ""
            allowed = f"{', '.join(known)}, or the path of a .toml file"
            message = f"there is no profile of that name{hint}"
            raise user_error(message, key="profile", found=name, allowed=allowed)
        path = FOLDER / f"{name}{PROFILE_ENDING}"
    return read(read_text(path, str(path)), Provider, str(path), base={"name": path.stem})


def problems_of_profile(file: Path) -> tuple[Problem, ...]:
    """What is wrong with the profile that a target file names by its path; nothing where it names none.

    `reading` knows a file's text alone; only here it is known where a path begins.
    """
    try:
        behind = tomllib.loads(file.read_text("utf-8-sig")).get("behind", {})
        name = behind.get("profile", "") if isinstance(behind, dict) else ""
        if isinstance(name, str) and name.endswith(PROFILE_ENDING):
            profile_of(str(file.parent / name))
    except UserError as error:
        return error.problems
    except (OSError, ValueError):
        return ()  # the file itself is told by whoever reads it
    return ()
