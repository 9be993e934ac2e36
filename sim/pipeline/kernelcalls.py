"""How compiled functions call each other cheaply, in time to run and in time to compile.

numba hands a named tuple of arrays over as all their pointers, lengths and strides, hundreds of them, at
every call; `refer` hands over its address. And numba compiles all that a function calls into it, again at
every level; what `call_at` calls by its address is compiled once, apart, and only if somebody asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed, lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import intrinsic, models, register_model

from sim.pipeline.kernelcache import LEAN

Unit = Callable[..., float]


class Reference(types.Type):  # type: ignore[misc]  # numba is untyped
    """The type of an address of a named tuple of type `dtype`."""

    def __init__(self, dtype: types.NamedTuple) -> None:
        self.dtype = dtype
        super().__init__(name=f"Reference({dtype.name})")


register_model(Reference)(models.PointerModel)


@infer_getattr
class _FieldTypes(AttributeTemplate):  # type: ignore[misc]  # numba is untyped
    key = Reference

    def generic_resolve(self, reference: Reference, name: str) -> Any:
        """The type of a field, None = there is none of that name."""
        return dict(zip(reference.dtype.fields, reference.dtype.types, strict=True)).get(name)


@lower_getattr_generic(Reference)  # type: ignore[untyped-decorator]  # numba is untyped
def _field(context: Any, builder: Any, reference: Reference, address: Any, name: str) -> Any:
    at = reference.dtype.fields.index(name)
    loaded = builder.load(cgutils.gep_inbounds(builder, address, 0, at))
    # a tuple never changes: whatever is written elsewhere, its fields need not be read again
    loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
    return impl_ret_borrowed(context, builder, reference.dtype.types[at], loaded)


@intrinsic  # type: ignore[untyped-decorator]  # numba is untyped
def refer(_typing: Any, fields: Any) -> Any:
    """The address of a copy of `fields` that lives as long as the function that asks for it."""

    def kept(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return cgutils.alloca_once_value(builder, arguments[0])

    return Reference(fields)(fields), kept


def _signature(plan: Any, state: Any, window: Any) -> Any:
    """float64 of three references, `step`, `t`, `at`, `row` and `mass`."""
    return types.float64(plan, state, window, *(types.int64,) * 4, types.float64)


@intrinsic  # type: ignore[untyped-decorator]  # numba is untyped
def call_at(
    _typing: Any,
    _address: int,
    plan: Any,
    state: Any,
    window: Any,
    _step: int,
    _t: int,
    _at: int,
    _row: int,
    _mass: float,
) -> Any:
    """What the function at an address (see addresses_of) says to the rest."""
    called = _signature(plan, state, window)

    def calling(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        taken = [context.get_value_type(each) for each in called.args]
        kind = ir.FunctionType(context.get_value_type(called.return_type), taken)
        return builder.call(builder.inttoptr(values[0], kind.as_pointer()), values[1:])

    return types.float64(types.int64, *called.args), calling


def addresses_of(functions: Sequence[Unit], *fields: NamedTuple) -> dict[Unit, int]:
    """Where functions of references to three tuples like `fields`, four integers and a float lie, compiled
    now or taken from the cache. numba takes a millisecond to tell the types of so many arrays."""
    kinds = [numba.typeof(each) for each in fields]
    return {function: int(_compiled_at(function, *kinds).address) for function in functions}


@cache  # what it returns must live as long as its address is in use
def _compiled_at(function: Unit, *kinds: types.Type) -> Any:
    signature = _signature(*map(Reference, kinds))
    return numba.cfunc(signature, cache=bool(numba.config.CACHE_DIR), **LEAN)(function)
