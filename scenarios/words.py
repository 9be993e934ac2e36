"""The base of every vocabulary: frozen, nothing unknown, nothing converted; enumerations named once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

Channel = Literal["email", "sms", "push", "whatsapp"]
CHANNELS: tuple[Channel, ...] = ("email", "sms", "push", "whatsapp")

Priority = Literal["transactional", "marketing"]
PRIORITIES: tuple[Priority, ...] = ("transactional", "marketing")
"""Highest first: the order in which the queue is served."""


def kind(word: Any, default: str = "") -> str:
    """The kind of a raw table or of a word that was read; `default` of a table that names none."""
    told = word.get("kind", default) if isinstance(word, Mapping) else getattr(word, "kind", "")
    return str(told)


class UnreadError(AttributeError):
    """A field was asked for whose value in the file could not be read; the reader has reported it."""


class Word(BaseModel):
    """A table of a TOML file. Unknown keys are refused; values never change once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    @classmethod
    def prepared(cls, table: dict[str, Any]) -> dict[str, Any]:
        """The table as it is to be read; a vocabulary may complete values from each other here."""
        return table

    @model_validator(mode="before")
    @classmethod
    def _prepare(cls, value: Any) -> Any:
        return cls.prepared(value) if isinstance(value, dict) else value

    @field_validator("*", mode="before")
    @classmethod
    def _no_silent_conversion(cls, value: Any, info: ValidationInfo) -> Any:
        field = cls.model_fields[info.field_name or ""]
        parses = any(isinstance(item, BeforeValidator) for item in field.metadata)
        if _converts(value, field.annotation, parses):
            raise PydanticCustomError("kind", "another kind of value is wanted here")
        return value

    if not TYPE_CHECKING:  # a declared __getattr__ would hide misspelt names from mypy

        def __getattr__(self, name: str) -> Any:
            if name in type(self).model_fields:
                raise UnreadError(name)
            return super().__getattr__(name)


def _converts(value: Any, annotation: Any, parses: bool) -> bool:
    """Whether pydantic would turn `value` into another kind: true into 1, "3" into 3, 3 into a date."""
    kinds = {annotation, *get_args(annotation)}
    numbers = kinds & {int, float}
    if isinstance(value, bool):
        return bool(numbers) and bool not in kinds and not parses
    if isinstance(value, str):
        return bool(numbers) and str not in kinds and not parses
    if isinstance(value, int | float):
        return bool(kinds & {date, datetime}) and not numbers
    return False
