"""The base of every vocabulary: frozen, nothing unknown, enumerations named once."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Channel = Literal["email", "sms", "push", "whatsapp"]
CHANNELS: tuple[Channel, ...] = ("email", "sms", "push", "whatsapp")

Priority = Literal["transactional", "marketing"]
PRIORITIES: tuple[Priority, ...] = ("transactional", "marketing")
"""Highest first: the order in which the queue is served."""


class Word(BaseModel):
    """A table of a TOML file. Unknown keys are refused; values never change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
