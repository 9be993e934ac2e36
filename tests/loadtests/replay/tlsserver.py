"""A server's side of TLS that does what Python's ssl cannot: change keys, hand out tickets when asked to."""

from __future__ import annotations

import ctypes
import socket
from ctypes import c_char_p, c_int, c_void_p
from pathlib import Path
from typing import Any

_PEM, _REQUESTED, _MOST_VERSION = 1, 1, 124
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "TLS_server_method": (c_void_p,),
    "SSL_CTX_new": (c_void_p, c_void_p),
    "SSL_CTX_ctrl": (ctypes.c_long, c_void_p, c_int, ctypes.c_long, c_void_p),
    "SSL_CTX_use_certificate_file": (c_int, c_void_p, c_char_p, c_int),
    "SSL_CTX_use_PrivateKey_file": (c_int, c_void_p, c_char_p, c_int),
    "SSL_new": (c_void_p, c_void_p),
    "SSL_free": (None, c_void_p),
    "SSL_set_fd": (c_int, c_void_p, c_int),
    "SSL_accept": (c_int, c_void_p),
    "SSL_read": (c_int, c_void_p, c_char_p, c_int),
    "SSL_write": (c_int, c_void_p, c_char_p, c_int),
    "SSL_key_update": (c_int, c_void_p, c_int),
    "SSL_new_session_ticket": (c_int, c_void_p),
    "SSL_renegotiate": (c_int, c_void_p),
    "SSL_do_handshake": (c_int, c_void_p),
    "SSL_shutdown": (c_int, c_void_p),
}


def _library() -> Any:
    lib = ctypes.CDLL("libssl.so.3")
    for name, (result, *arguments) in _FUNCTIONS.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


class Speaking:
    """One connection, blocking; what a test's server needs of a socket, and more."""

    def __init__(self, lib: Any, context: int, sock: socket.socket) -> None:
        self._lib, self._sock = lib, sock
        self._pointer = lib.SSL_new(context)
        lib.SSL_set_fd(self._pointer, sock.fileno())
        if lib.SSL_accept(self._pointer) != 1:
            raise OSError("no handshake")

    def __enter__(self) -> Speaking:
        return self

    def __exit__(self, *_: object) -> None:
        self._lib.SSL_free(self._pointer)
        self._sock.close()

    def recv(self, most: int) -> bytes:
        buffer = ctypes.create_string_buffer(most)
        got = self._lib.SSL_read(self._pointer, buffer, most)
        return buffer.raw[: max(0, got)]

    def sendall(self, data: bytes) -> None:
        if data and self._lib.SSL_write(self._pointer, data, len(data)) != len(data):
            raise OSError("not written")

    def change_keys(self) -> None:
        """And ask the client to change its own (TLS 1.3)."""
        assert self._lib.SSL_key_update(self._pointer, _REQUESTED) == 1
        self._lib.SSL_do_handshake(self._pointer)

    def hand_out_a_ticket(self) -> None:
        """For a later session (TLS 1.3)."""
        assert self._lib.SSL_new_session_ticket(self._pointer) == 1
        self._lib.SSL_do_handshake(self._pointer)

    def ask_for_a_new_handshake(self) -> None:
        """TLS 1.2."""
        assert self._lib.SSL_renegotiate(self._pointer) == 1
        self._lib.SSL_do_handshake(self._pointer)

    def farewell(self) -> None:
        self._lib.SSL_shutdown(self._pointer)


class OwnTls:
    """Stands where a server's ssl.SSLContext would; `most`: its highest version, such as 0x303 for 1.2."""

    def __init__(self, certificate: Path, key: Path, most: int = 0) -> None:
        self._lib = lib = _library()
        self._context = lib.SSL_CTX_new(lib.TLS_server_method())
        assert lib.SSL_CTX_use_certificate_file(self._context, bytes(certificate), _PEM) == 1
        assert lib.SSL_CTX_use_PrivateKey_file(self._context, bytes(key), _PEM) == 1
        assert lib.SSL_CTX_ctrl(self._context, _MOST_VERSION, most, None) == 1

    def wrap_socket(self, sock: socket.socket, server_side: bool) -> Speaking:
        assert server_side
        return Speaking(self._lib, self._context, sock)
