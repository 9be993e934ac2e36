"""Files that a user names, read whole, with the reason in plain words when that fails."""

from __future__ import annotations

from pathlib import Path

from scenarios.problems import user_error


def read_bytes(path: Path, file: str) -> bytes:
    """The file's bytes. Raises UserError when there are none to be had."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise user_error("there is no such file", where=file) from None
    except IsADirectoryError:
        raise user_error("is a directory", where=file, allowed="a file") from None
    except OSError as error:
        raise user_error(f"cannot be read: {error.strerror or error}", where=file) from None


def read_text(path: Path, file: str) -> str:
    """The file's text. Raises UserError when it is not UTF-8."""
    data = read_bytes(path, file)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        reason = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise user_error(reason, where=f"{file}:{line}:{column}", allowed="UTF-8") from None
