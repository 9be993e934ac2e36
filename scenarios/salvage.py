"""What can be read of a table that has mistakes: the rest of it is still to be checked in the same go."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, TypeVar, cast, get_args, get_origin

from pydantic import TypeAdapter, ValidationError

from scenarios.shapes import Shape, fields_by_key, shape_of
from scenarios.words import UnreadError, Word

AnyWord = TypeVar("AnyWord", bound=Word)
Found = TypeVar("Found")
_UNREAD = object()


def salvage(vocabulary: type[AnyWord], table: Mapping[str, Any]) -> AnyWord:
    """A word with every field that can be read. To ask it for one that could not raises `UnreadError`.

    Lists keep their length: an item that cannot be read at all is a word without any field.
    """
    prepared = vocabulary.prepared(dict(table))
    word = cast(AnyWord, vocabulary.model_construct())
    for key, field in fields_by_key(vocabulary).items():
        name = next(n for n, f in vocabulary.model_fields.items() if f is field)
        if key in prepared:
            value = _salvage_value(shape_of(field), prepared[key])
        else:
            value = _UNREAD if field.is_required() else field.get_default(call_default_factory=True)
        if value is _UNREAD:
            word.__dict__.pop(name, None)
        else:
            word.__dict__[name] = value
    return word


def held(look: Callable[..., Iterable[Found]], *arguments: Any) -> list[Found]:
    """What a look at a salvaged word yields; nothing where it needs a field that could not be read."""
    try:
        return list(look(*arguments))
    except UnreadError:
        return []


def _salvage_value(shape: Shape, value: Any) -> Any:
    annotation, origin = shape.annotation, get_origin(shape.annotation)
    if _is_word(annotation):
        return salvage(annotation, value if isinstance(value, dict) else {})
    if origin is tuple and isinstance(value, list) and _is_word(get_args(annotation)[0]):
        return tuple(_salvage_value(Shape(get_args(annotation)[0]), item) for item in value)
    if origin is dict and isinstance(value, dict):
        key_annotation, inner = get_args(annotation)
        return _salvage_dict(key_annotation, inner, value)
    return _read_whole(shape, value)


def _salvage_dict(key_annotation: Any, inner: Any, table: dict[str, Any]) -> dict[Any, Any]:
    read = {key: _salvage_value(Shape(inner), value) for key, value in table.items()}
    known = {key for key in table if _read_whole(Shape(key_annotation), key) is not _UNREAD}
    return {key: value for key, value in read.items() if key in known and value is not _UNREAD}


def _read_whole(shape: Shape, value: Any) -> Any:
    try:
        return _adapter(shape).validate_python(value)
    except ValidationError:
        return _UNREAD


@functools.cache
def _adapter(shape: Shape) -> TypeAdapter[Any]:
    kind: Any = Annotated[shape.annotation, *shape.metadata] if shape.metadata else shape.annotation
    return TypeAdapter(kind)


def _is_word(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Word)
