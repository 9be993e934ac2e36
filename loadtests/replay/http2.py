"""HTTP/2 on one connection, by h2: requests in, answers and faults out, stream by stream (RFC 9113)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import DenialOfServiceError, ProtocolError
from h2.settings import SettingCodes, Settings

from loadtests.replay.fates import Fault
from loadtests.replay.fields import FieldsOf
from loadtests.replay.limits import BODY_BYTES_MAX, HEAD_BYTES_MAX, BadResponse

STREAMS_MAX = 256
"""At once on one connection, however many more a target allows: h2 looks through them for every request."""
WINDOW_BYTES = 1 << 20
FRAME_BYTES_MAX = 1 << 14
FRAME_HEAD_BYTES = 9
_GOAWAY = 7
_STREAM_MAX = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete response; `head` as header lines without their last line end."""

    stream: int
    status: int
    head: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """A stream that gets no response. untouched: the target says that it did nothing with the request."""

    stream: int
    fault: Fault
    untouched: bool = False


News = Answer | Failure


class _Stream:
    """What is still to be sent of one request, and what came of its response."""

    __slots__ = ("body", "head", "size", "status", "unsent")

    def __init__(self, body: bytes) -> None:
        self.unsent = memoryview(body)
        self.status = 0
        self.head = b""
        self.body: list[bytes] = []
        self.size = 0


class Session:
    """`feed` takes what was received, `output` gives what is to be written after each call of the others.

    No request may begin before `room` says so: the target's settings come first. `over`: the connection is of
    no more use, and every stream has failed, for `fault`.
    """

    def __init__(self, scheme: str) -> None:
        self.over = False
        self.fault = Fault.CLOSED_EARLY
        self._ready = False
        self._going_away = False
        self._rest = b""
        self._news: list[News] = []
        self._streams: dict[int, _Stream] = {}
        self._fields = FieldsOf(scheme.encode())
        self._h2 = _connection()
        self._heard: dict[type[Event], Callable[[Any], None]] = {
            RemoteSettingsChanged: self._settings,
            ResponseReceived: self._head,
            DataReceived: self._data,
            StreamEnded: self._end_of,
            StreamReset: self._reset,
            WindowUpdated: self._window,
        }

    @property
    def room(self) -> int:
        """Streams that may begin now."""
        if self.over or self._going_away or not self._ready:
            return 0
        return min(int(self._h2.remote_settings.max_concurrent_streams), STREAMS_MAX) - len(self._streams)

    @property
    def useless(self) -> bool:
        """Whether nothing more can come of it."""
        return self.over or (self._going_away and not self._streams)

    @property
    def ready(self) -> bool:
        """Whether the target's settings came."""
        return self._ready

    def begin(self, request: bytes) -> int:
        """Send a complete HTTP/1.1 request on a stream of its own, whose number is returned."""
        head, _, body = request.partition(b"\r\n\r\n")
        number = int(self._h2.get_next_available_stream_id())
        self._going_away = self._going_away or number + 2 > _STREAM_MAX
        self._h2.send_headers(number, self._fields[head], end_stream=not body)
        self._streams[number] = stream = _Stream(body)
        self._send_body(number, stream)
        return number

    def cancel(self, number: int) -> None:
        """Give a stream up; nothing more is heard of it."""
        if self._streams.pop(number, None) is not None and not self.over:
            self._h2.reset_stream(number, ErrorCodes.CANCEL)

    def retire(self) -> None:
        """Begin nothing more on it."""
        self._going_away = True

    def output(self) -> bytes:
        """What is to be written now."""
        return bytes(self._h2.data_to_send())

    def feed(self, data: bytes) -> list[News]:
        """Take the next bytes. Frames are taken one by one: what came before a bad one counts."""
        self._rest += data
        try:
            while not self.over and (frame := self._next_frame()):
                self._take(frame)
        except BadResponse as error:
            self._fail_all(error.fault)
        news, self._news = self._news, []
        return news

    def end(self, fault: Fault) -> list[News]:
        """The connection is lost: every open stream fails so."""
        self._fail_all(fault)
        news, self._news = self._news, []
        return news

    def _next_frame(self) -> bytes:
        """A whole frame, or b"" until one is there."""
        if len(self._rest) < FRAME_HEAD_BYTES:
            return b""
        size = int.from_bytes(self._rest[:3], "big")
        if size > FRAME_BYTES_MAX:
            raise BadResponse(Fault.MALFORMED)
        frame, whole = self._rest[: FRAME_HEAD_BYTES + size], FRAME_HEAD_BYTES + size
        if len(frame) < whole:
            return b""
        self._rest = self._rest[whole:]
        return frame

    def _take(self, frame: bytes) -> None:
        if frame[3] == _GOAWAY:
            # h2 would end the whole connection; what the target has taken up is still answered.
            self._go_away(frame[FRAME_HEAD_BYTES:])
            return
        try:
            for event in self._h2.receive_data(frame):
                if heard := self._heard.get(type(event)):
                    heard(event)
        except DenialOfServiceError as error:
            raise BadResponse(Fault.TOO_LARGE) from error
        except ProtocolError as error:
            raise BadResponse(Fault.MALFORMED) from error

    def _go_away(self, said: bytes) -> None:
        if len(said) < 8:
            raise BadResponse(Fault.MALFORMED)
        last = int.from_bytes(said[:4], "big") & _STREAM_MAX
        self._going_away = True
        for number in [number for number in self._streams if number > last]:
            self._fail(number, Fault.RESET, untouched=True)

    def _settings(self, _: RemoteSettingsChanged) -> None:
        self._ready = True
        self._send_bodies()

    def _head(self, event: ResponseReceived) -> None:
        stream = self._streams.get(event.stream_id)
        if stream is None:
            return
        fields = [field for field in event.headers if field[0] != b":status"]
        status = dict(event.headers).get(b":status", b"")
        stream.head = b"\r\n".join(name + b": " + value for name, value in fields)
        if len(status) != 3 or not status.isdigit():
            raise BadResponse(Fault.MALFORMED)
        stream.status = int(status)

    def _data(self, event: DataReceived) -> None:
        self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        stream = self._streams.get(event.stream_id)
        if stream is None:
            return
        stream.body.append(event.data)
        stream.size += len(event.data)
        if stream.size > BODY_BYTES_MAX:
            self._h2.reset_stream(event.stream_id, ErrorCodes.CANCEL)
            self._fail(event.stream_id, Fault.TOO_LARGE)

    def _end_of(self, event: StreamEnded) -> None:
        number = event.stream_id
        if stream := self._streams.pop(number, None):
            if stream.unsent:
                # Answered before the body was fully written: nobody wants the rest.
                self._h2.reset_stream(number, ErrorCodes.NO_ERROR)
            self._news.append(Answer(number, stream.status, stream.head, b"".join(stream.body)))

    def _reset(self, event: StreamReset) -> None:
        if event.stream_id in self._streams:
            refused = event.error_code == ErrorCodes.REFUSED_STREAM
            self._fail(event.stream_id, Fault.RESET, untouched=refused)

    def _window(self, event: WindowUpdated) -> None:
        if not event.stream_id:
            self._send_bodies()
        elif stream := self._streams.get(event.stream_id):
            self._send_body(event.stream_id, stream)

    def _send_bodies(self) -> None:
        for number, stream in self._streams.items():
            if stream.unsent:
                self._send_body(number, stream)

    def _send_body(self, number: int, stream: _Stream) -> None:
        """As much as flow control lets through now."""
        while left := len(stream.unsent):
            window = self._h2.local_flow_control_window(number)
            most = min(window, self._h2.max_outbound_frame_size, left)
            if most <= 0:
                return
            self._h2.send_data(number, stream.unsent[:most], end_stream=most == left)
            stream.unsent = stream.unsent[most:]

    def _fail(self, number: int, fault: Fault, *, untouched: bool = False) -> None:
        del self._streams[number]
        self._news.append(Failure(number, fault, untouched))

    def _fail_all(self, fault: Fault) -> None:
        self.over, self.fault = True, fault
        for number in list(self._streams):
            self._fail(number, fault)


def _connection() -> H2Connection:
    """Begun: its first bytes are ready to be written."""
    made = H2Connection(
        H2Configuration(
            client_side=True,
            header_encoding=None,
            # What we write is ours, and every request would pay for looking at it again.
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
    )
    wanted = {
        SettingCodes.ENABLE_PUSH: 0,
        SettingCodes.INITIAL_WINDOW_SIZE: WINDOW_BYTES,
        SettingCodes.MAX_HEADER_LIST_SIZE: HEAD_BYTES_MAX,
    }
    made.local_settings = Settings(client=True, initial_values=wanted)
    made.initiate_connection()
    made.increment_flow_control_window(WINDOW_BYTES)
    return made
