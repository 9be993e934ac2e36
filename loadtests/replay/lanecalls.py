"""What compiled code calls: the C library by name, OpenSSL's functions at the addresses that Python found."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_int, _long = types.int32, types.int64
_WORD = ir.IntType(64)

clock_gettime = types.ExternalFunction("clock_gettime", _int(_int, _long))
recv = types.ExternalFunction("recv", _long(_int, _long, _long, _int))
send = types.ExternalFunction("send", _long(_int, _long, _long, _int))
syscall = types.ExternalFunction("syscall", _long(_long, _long, _long, _long, _long, _long, _long))
errno_at = types.ExternalFunction("__errno_location", types.CPointer(_int)())


def _at_an_address(result_bits: int, *argument_bits: int) -> Any:
    """`call(address, (argument, ...))`: a C function of integers and pointers so wide (a result of 0
    bits: none); its result, an int64."""

    def call(_typing: Any, _address: Any, _arguments: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, values: Any) -> Any:
            integers = [ir.IntType(bits) for bits in argument_bits]
            shape = ir.FunctionType(ir.IntType(result_bits) if result_bits else ir.VoidType(), integers)
            given = [
                _as(builder, kind, builder.extract_value(values[1], at)) for at, kind in enumerate(integers)
            ]
            result = builder.call(builder.inttoptr(values[0], shape.as_pointer()), given)
            return _as(builder, _WORD, result) if result_bits else _WORD(0)

        return _long(_long, types.BaseTuple.from_types([_long] * len(argument_bits))), generate

    return intrinsic(call)


def _as(builder: Any, kind: Any, value: Any) -> Any:
    """The same integer, cut off or with its sign carried on."""
    if value.type.width == kind.width:
        return value
    return builder.trunc(value, kind) if value.type.width > kind.width else builder.sext(value, kind)


of_nothing = _at_an_address(0)
"""void f(void): ERR_clear_error."""
of_buffer = _at_an_address(32, 64, 64, 32)
"""int f(void *, void *, int): SSL_read, SSL_write, BIO_read, BIO_write."""
of_number = _at_an_address(32, 64, 32)
"""int f(void *, int): SSL_get_error."""
of_control = _at_an_address(64, 64, 32, 64, 64)
"""long f(void *, int, long, void *): BIO_ctrl."""
of_one = _at_an_address(64, 64)
"""size_t f(void *): BIO_ctrl_pending."""
