"""What a vocabulary allows at a place of its file, in plain words: fields, keys, kinds, bounds."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from scenarios.positions import KeyPath
from scenarios.quantities import Allowed

_PLAIN = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text in quotes",
    datetime: "a date and time such as 2026-11-11T00:00:00+08:00",
    date: "a date such as 2026-11-11",
}


@dataclass(frozen=True)
class Shape:
    """An annotation with the metadata that narrows it."""

    annotation: Any
    metadata: tuple[Any, ...] = ()


def fields_by_key(vocabulary: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a vocabulary by the key that a file uses."""
    return {field.alias or name: field for name, field in vocabulary.model_fields.items()}


def shape_of(field: FieldInfo) -> Shape:
    """The shape of a field's value."""
    return Shape(field.annotation, tuple(field.metadata))


def shape_at(shape: Shape, path: KeyPath) -> Shape | None:
    """The shape of the value at `path` below `shape`; None where the vocabulary knows no such place."""
    if not path:
        return shape
    for inner in _inside(shape, path[0]):
        found = shape_at(inner, path[1:])
        if found is not None:
            return found
    return None


def keys_at(shape: Shape | None) -> tuple[str, ...]:
    """The keys that a table of this shape may have; empty where any name will do."""
    keys: list[str] = []
    for member in _members(shape) if shape else ():
        if _is_model(member.annotation):
            keys += fields_by_key(member.annotation)
        elif get_origin(member.annotation) is dict:
            keys += choices(Shape(get_args(member.annotation)[0]))
    return tuple(dict.fromkeys(keys))


def choices(shape: Shape | None) -> tuple[str, ...]:
    """The texts that an enumeration allows; empty where the shape is none."""
    found: list[str] = []
    for member in _members(shape) if shape else ():
        if get_origin(member.annotation) is Literal:
            found += [str(value) for value in get_args(member.annotation)]
    return tuple(found)


def describe(shape: Shape | None) -> str:
    """What may be written at a place, in words: `a whole number from 1 to 100`."""
    if shape is None:
        return ""
    texts = [_describe_one(member) for member in _members(shape)]
    return " or ".join(dict.fromkeys(text for text in texts if text))


def _describe_one(shape: Shape) -> str:
    given = next((item.text for item in shape.metadata if isinstance(item, Allowed)), "")
    origin = get_origin(shape.annotation)
    if given:
        return given + _bounds(shape.metadata, ", ")
    if origin is Literal:
        return ", ".join(f'"{value}"' for value in get_args(shape.annotation))
    if origin in (tuple, list):
        item = describe(Shape(get_args(shape.annotation)[0]))
        if item.startswith("a table"):
            return item.replace("a table", "tables", 1)
        return "a list of " + item.replace("a text in", "texts in", 1).replace("a number", "numbers", 1)
    if _is_model(shape.annotation):
        return "a table with " + ", ".join(fields_by_key(shape.annotation))
    if origin is dict:
        return "a table"
    return _PLAIN.get(shape.annotation, "") + _bounds(shape.metadata, " ")


def _bounds(metadata: tuple[Any, ...], separator: str) -> str:
    words = {
        "gt": "above",
        "ge": "from",
        "lt": "below",
        "le": "to",
        "min_length": "at least",
        "max_length": "at most",
    }
    parts = [
        f"{word} {getattr(item, name):g}"
        for name, word in words.items()
        for item in metadata
        if getattr(item, name, None) is not None
    ]
    text = " ".join(parts)
    if text.startswith("to "):
        text = "at most " + text[3:]
    elif text.startswith("from ") and " to " not in text:
        text = "at least " + text[5:]
    return separator + text if text else ""


def _members(shape: Shape) -> Iterator[Shape]:
    """The alternatives of a union, flattened; what is no union is its own only member; None is left out."""
    origin = get_origin(shape.annotation)
    if origin is Annotated:
        inner, *metadata = get_args(shape.annotation)
        yield from _members(Shape(inner, (*shape.metadata, *metadata)))
    elif origin in (Union, types.UnionType):
        for member in get_args(shape.annotation):
            if member is not type(None):
                yield from _members(Shape(member, shape.metadata))
    else:
        yield shape


def _inside(shape: Shape, part: str | int) -> Iterator[Shape]:
    for member in _members(shape):
        origin, arguments = get_origin(member.annotation), get_args(member.annotation)
        if _is_model(member.annotation) and part in fields_by_key(member.annotation):
            yield shape_of(fields_by_key(member.annotation)[str(part)])
        elif origin is dict and isinstance(part, str):
            yield Shape(arguments[1])
        elif origin in (tuple, list) and isinstance(part, int):
            yield Shape(arguments[0] if len(arguments) == 1 or arguments[-1] is Ellipsis else arguments[part])


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
