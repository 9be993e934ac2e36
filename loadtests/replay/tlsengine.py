"""One connection's TLS in OpenSSL, called by itself, so that compiled code can go on with it where it is.

An `Engine` between two `Memory` does what an ssl.SSLObject does between two ssl.MemoryBIO.
"""

from __future__ import annotations

import ctypes
import ipaddress
import os
import ssl
from ctypes import c_uint, c_void_p
from typing import Any

from loadtests.replay.libssl import library

_CTRL_MODE, _CTRL_HOST_NAME, _CTRL_LEAST_VERSION = 33, 55, 123
_MODE = 0x2 | 0x4 | 0x10
"""SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER, SSL_MODE_AUTO_RETRY, SSL_MODE_RELEASE_BUFFERS."""
_NO_PARTIAL_WILDCARDS = 4
_WANT_READ, _ZERO_RETURN = 2, 6


class Context:
    """What all connections to one host share: it checks, allows and chooses as `like` does.

    Raises ssl.SSLError where OpenSSL does not take that."""

    def __init__(self, like: ssl.SSLContext, ca_file: str, protocol: str) -> None:
        self.lib = library()
        self.pointer = self.lib.SSL_CTX_new(self.lib.TLS_client_method())
        self._allow(like)
        self._check(like, ca_file)
        name = protocol.encode()
        # the one function here that returns 0 where all is well
        self._must(
            not self.lib.SSL_CTX_set_alpn_protos(self.pointer, bytes([len(name)]) + name, len(name) + 1)
        )

    def _allow(self, like: ssl.SSLContext) -> None:
        lib, pointer = self.lib, self.pointer
        lib.SSL_CTX_set_options(pointer, like.options)
        lib.SSL_CTX_ctrl(pointer, _CTRL_MODE, _MODE, None)
        lib.SSL_CTX_set_security_level(pointer, like.security_level)
        self._must(lib.SSL_CTX_ctrl(pointer, _CTRL_LEAST_VERSION, like.minimum_version, None))
        names = ":".join(cipher["name"] for cipher in like.get_ciphers())
        self._must(lib.SSL_CTX_set_cipher_list(pointer, names.encode()))

    def _check(self, like: ssl.SSLContext, ca_file: str) -> None:
        lib, pointer = self.lib, self.pointer
        usual = ssl.get_default_verify_paths()
        files = (ca_file, None) if ca_file else (usual.cafile, usual.capath)
        self._must(
            lib.SSL_CTX_load_verify_locations(pointer, *(path and os.fsencode(path) for path in files))
        )
        self._must(lib.X509_VERIFY_PARAM_set_flags(lib.SSL_CTX_get0_param(pointer), like.verify_flags))
        lib.SSL_CTX_set_verify(pointer, like.verify_mode, None)

    def _must(self, succeeded: int) -> None:
        if not succeeded:
            raise _error(self.lib)

    def __del__(self) -> None:
        self.lib.SSL_CTX_free(self.pointer)


class Session:
    """What a later connection resumes. A copy: OpenSSL spoils that of a connection which ends in silence."""

    def __init__(self, lib: Any, connection: int) -> None:
        self._lib = lib
        original = lib.SSL_get1_session(connection)
        self.pointer = lib.SSL_SESSION_dup(original) if original else None
        lib.SSL_SESSION_free(original)

    def __del__(self) -> None:
        self._lib.SSL_SESSION_free(self.pointer)


class Memory:
    """Bytes on their way into or out of OpenSSL, as ssl.MemoryBIO has them; the engine frees them."""

    def __init__(self, lib: Any) -> None:
        self._lib = lib
        self.pointer = lib.BIO_new(lib.BIO_s_mem())

    @property
    def pending(self) -> int:
        """How many there are."""
        return int(self._lib.BIO_ctrl_pending(self.pointer))

    def read(self) -> bytes:
        """All of them."""
        if not (size := self.pending):
            return b""
        buffer = ctypes.create_string_buffer(size)
        got = self._lib.BIO_read(self.pointer, buffer, size)
        return buffer.raw[: max(0, got)]

    def write(self, data: bytes) -> int:
        """More of them."""
        return int(self._lib.BIO_write(self.pointer, data, len(data)))


class Engine:
    """The client's side. Raises ssl.SSLWantReadError and ssl.SSLError as ssl.SSLObject does.

    host: the name, or the IP address, that the certificate must be for; a name goes into SNI."""

    def __init__(self, context: Context, host: str, session: Session | None) -> None:
        self._lib = lib = context.lib
        self._pointer = pointer = lib.SSL_new(context.pointer)
        self.incoming, self.outgoing = Memory(lib), Memory(lib)
        lib.SSL_set_bio(pointer, self.incoming.pointer, self.outgoing.pointer)
        lib.SSL_set_connect_state(pointer)
        if not self._expect(host):
            raise _error(lib)
        if session is not None and session.pointer:
            lib.SSL_set_session(pointer, session.pointer)

    @property
    def pointers(self) -> tuple[int, int, int]:
        """Where OpenSSL has it: the SSL, the BIO that it reads, the BIO that it writes."""
        return self._pointer, self.incoming.pointer, self.outgoing.pointer

    @property
    def session(self) -> Session:
        """As it is now."""
        return Session(self._lib, self._pointer)

    def do_handshake(self) -> None:
        """As far as it goes with what came."""
        self._lib.ERR_clear_error()
        if (done := self._lib.SSL_do_handshake(self._pointer)) != 1:
            self._fail(done)

    def read(self, most: int) -> bytes:
        """The next record's bytes; b"" after the other side's farewell."""
        buffer = ctypes.create_string_buffer(most)
        self._lib.ERR_clear_error()
        got = self._lib.SSL_read(self._pointer, buffer, most)
        if got > 0:
            return buffer.raw[:got]
        return b"" if self._is(_ZERO_RETURN, got) else self._fail(got)

    def write(self, data: bytes) -> int:
        """Encrypt all of it."""
        self._lib.ERR_clear_error()
        written = int(self._lib.SSL_write(self._pointer, data, len(data)))
        if written <= 0:
            self._fail(written)
        return written

    def selected_alpn_protocol(self) -> str | None:
        """What the other side chose."""
        name, length = c_void_p(), c_uint()
        self._lib.SSL_get0_alpn_selected(self._pointer, ctypes.byref(name), ctypes.byref(length))
        return ctypes.string_at(name.value, length.value).decode() if name.value else None

    def _expect(self, host: str) -> bool:
        lib, pointer = self._lib, self._pointer
        rules = lib.SSL_get0_param(pointer)
        lib.X509_VERIFY_PARAM_set_hostflags(rules, _NO_PARTIAL_WILDCARDS)
        try:
            ipaddress.ip_address(host)
        except ValueError:
            name = host.encode("idna")
            named = lib.SSL_ctrl(pointer, _CTRL_HOST_NAME, 0, name)
            return bool(named and lib.X509_VERIFY_PARAM_set1_host(rules, name, len(name)))
        return bool(lib.X509_VERIFY_PARAM_set1_ip_asc(rules, host.encode()))

    def _is(self, error: int, result: int) -> bool:
        return bool(self._lib.SSL_get_error(self._pointer, result) == error)

    def _fail(self, result: int) -> Any:
        if self._is(_WANT_READ, result):
            raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "more must come")
        raise _error(self._lib)

    def __del__(self) -> None:
        self._lib.SSL_free(self._pointer)


def _error(lib: Any) -> ssl.SSLError:
    reason = lib.ERR_reason_error_string(lib.ERR_peek_last_error())
    return ssl.SSLError(ssl.SSL_ERROR_SSL, reason.decode() if reason else "unknown")
