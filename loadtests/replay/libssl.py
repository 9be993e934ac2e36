"""The OpenSSL that Python's ssl module is linked with: its functions, for Python and for compiled code.

All of them are documented ones of OpenSSL 3 (docs.openssl.org, sections 3 and 7 of its manual).
"""

from __future__ import annotations

import ctypes
import os
import ssl
from ctypes import c_char_p, c_int, c_long, c_size_t, c_uint, c_uint64, c_ulong, c_void_p
from functools import cache
from typing import Any

CALLED = (
    "ERR_clear_error",
    "SSL_write",
    "SSL_read",
    "SSL_get_error",
    "BIO_write",
    "BIO_read",
    "BIO_ctrl",
    "BIO_ctrl_pending",
)
"""What compiled code calls, in the order of `addresses`."""

_NAME = "libssl.so.3"
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "OpenSSL_version_num": (c_ulong,),
    "TLS_client_method": (c_void_p,),
    "SSL_CTX_new": (c_void_p, c_void_p),
    "SSL_CTX_free": (None, c_void_p),
    "SSL_CTX_ctrl": (c_long, c_void_p, c_int, c_long, c_void_p),
    "SSL_CTX_set_options": (c_uint64, c_void_p, c_uint64),
    "SSL_CTX_set_security_level": (None, c_void_p, c_int),
    "SSL_CTX_set_cipher_list": (c_int, c_void_p, c_char_p),
    "SSL_CTX_set_verify": (None, c_void_p, c_int, c_void_p),
    "SSL_CTX_get0_param": (c_void_p, c_void_p),
    "SSL_CTX_load_verify_locations": (c_int, c_void_p, c_char_p, c_char_p),
    "SSL_CTX_set_alpn_protos": (c_int, c_void_p, c_char_p, c_uint),
    "X509_VERIFY_PARAM_set_flags": (c_int, c_void_p, c_ulong),
    "X509_VERIFY_PARAM_set_hostflags": (None, c_void_p, c_uint),
    "X509_VERIFY_PARAM_set1_host": (c_int, c_void_p, c_char_p, c_size_t),
    "X509_VERIFY_PARAM_set1_ip_asc": (c_int, c_void_p, c_char_p),
    "SSL_new": (c_void_p, c_void_p),
    "SSL_free": (None, c_void_p),
    "SSL_ctrl": (c_long, c_void_p, c_int, c_long, c_char_p),
    "SSL_get0_param": (c_void_p, c_void_p),
    "SSL_set_bio": (None, c_void_p, c_void_p, c_void_p),
    "SSL_set_connect_state": (None, c_void_p),
    "SSL_do_handshake": (c_int, c_void_p),
    "SSL_read": (c_int, c_void_p, c_char_p, c_int),
    "SSL_write": (c_int, c_void_p, c_char_p, c_int),
    "SSL_get_error": (c_int, c_void_p, c_int),
    "SSL_get0_alpn_selected": (None, c_void_p, c_void_p, c_void_p),
    "SSL_get1_session": (c_void_p, c_void_p),
    "SSL_set_session": (c_int, c_void_p, c_void_p),
    "SSL_SESSION_dup": (c_void_p, c_void_p),
    "SSL_SESSION_free": (None, c_void_p),
    "BIO_new": (c_void_p, c_void_p),
    "BIO_s_mem": (c_void_p,),
    "BIO_read": (c_int, c_void_p, c_char_p, c_int),
    "BIO_write": (c_int, c_void_p, c_char_p, c_int),
    "BIO_ctrl": (c_long, c_void_p, c_int, c_long, c_void_p),
    "BIO_ctrl_pending": (c_size_t, c_void_p),
    "ERR_clear_error": (None,),
    "ERR_peek_last_error": (c_ulong,),
    "ERR_reason_error_string": (c_char_p, c_ulong),
}
"""Name to (result, arguments)."""


@cache
def library() -> Any:
    """The library with its functions; None where Python's ssl uses none of that name, as where it has its own
    inside itself. None is loaded for this: a second OpenSSL would trust and choose by rules of its own."""
    try:
        # Nothing here waits, so the interpreter is not let go of: PyDLL. os.RTLD_NOLOAD: Linux.
        found = ctypes.PyDLL(_NAME, mode=os.RTLD_NOLOAD | os.RTLD_NOW)
        for name, (result, *arguments) in _FUNCTIONS.items():
            function = getattr(found, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError):
        return None
    return found if found.OpenSSL_version_num() == ssl.OPENSSL_VERSION_NUMBER else None


def addresses() -> list[int]:
    """Of the functions CALLED; zeros where there is no library."""
    found = library()
    return [_address(getattr(found, name)) if found else 0 for name in CALLED]


def _address(function: Any) -> int:
    return ctypes.cast(function, c_void_p).value or 0
