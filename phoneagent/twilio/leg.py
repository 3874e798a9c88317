"""The caller's leg: a Media Stream from its upgrade to its end, whichever WebSocket library carries it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from phoneagent.core.commands import Command
from phoneagent.core.events import CallerAudio, Event, StreamEnded, StreamStarted
from phoneagent.twilio.wire import (
    MAX_MESSAGE,
    Encoder,
    ForeignStreamError,
    StreamOpening,
    WireError,
    parse,
)

log = logging.getLogger(__name__)

START_WITHIN_S = 5.0
EARLY_LIMIT = 10  # messages before `start`
MALFORMED_LIMIT, MALFORMED_WINDOW_S = 50, 10.0
FRAME_S = 1 / 60  # a caller speaks 50 frames a second; the rest is for clocks that differ
BURST_S = 200 * FRAME_S  # what may arrive at once, after the network or we have stalled
FLOOD_LIMIT = 1500  # frames dropped, half a minute of audio
WRITE_LIMIT = 256 * 1024  # bytes that a peer may leave unread: 24 s of audio, besides the kernel's buffer
CLOSE_WITHIN_S = 2.0


class MediaSocket(Protocol):
    """The WebSocket under a stream. Neither method waits, and both do nothing once it is closed."""

    def send(self, message: str) -> None:
        """Put a text message on the wire."""

    def close(self, code: int) -> None:
        """Begin to close with this code (RFC 6455 §7.4.1)."""


Receive = Callable[[Event], None]
Admit = Callable[[StreamOpening, "MediaStream"], Receive | None]


class MediaStream:
    """What a media stream does, and the `Leg` that its call sends to.

    `admit` is asked once, at `start`, for the call to tell of events, or None to refuse the stream. The call is
    told StreamStarted first and StreamEnded last, each once. Must be made and used on the event loop.
    """

    _encoder: Encoder  # set by `start`, before anybody is given this leg

    def __init__(self, socket: MediaSocket, admit: Admit) -> None:
        self.dropped: Counter[str] = Counter()  # messages, by reason
        self._socket = socket
        self._admit = admit
        self._receive: Receive | None = None
        self._stream_sid: str | None = None
        self._closing = False
        loop = asyncio.get_running_loop()
        self._clock = loop.time
        self._start_timer = loop.call_later(START_WITHIN_S, self._refuse, "no start within 5 s")
        self._frames_due = 0.0  # when a caller who speaks in time would be done with the frames received
        self._malformed_since = 0.0
        self._malformed = 0

    # What the call does

    def send(self, command: Command) -> None:
        """Put PlayAudio, SendMark or ClearPlayout on the wire before returning."""
        if not self._closing:
            self._socket.send(self._encoder.encode(command))

    def close(self) -> None:
        """End the stream. The call goes on with the TwiML behind it; StreamEnded is told when the peer agrees."""
        self._close(WSCloseCode.OK.value)

    # What the socket does

    def received(self, message: bytes | str) -> None:
        """Take a whole text message."""
        if self._closing:
            return
        try:
            event = parse(message, self._stream_sid)
        except ForeignStreamError:
            self._drop_malformed("foreign")
            return
        except WireError:
            self._drop_malformed("malformed")
            return
        if self._receive is None:
            self._received_early(event)
        elif type(event) is CallerAudio:
            if self._in_time():
                self._receive(event)
        elif isinstance(event, StreamOpening):
            self._drop_malformed("second start")
        elif isinstance(event, StreamEnded):
            self.close()
            self.lost()
        elif event is not None:
            self._receive(event)

    def received_binary(self) -> None:
        """Take note of a binary message, which Media Streams has none of."""
        self._drop_malformed("binary")

    def lost(self) -> None:
        """The socket is gone, or soon will be."""
        self._closing = True
        self._start_timer.cancel()
        receive, self._receive = self._receive, None
        if self.dropped:
            log.warning("media stream messages dropped", extra={"dropped": dict(self.dropped)})
            self.dropped.clear()
        if receive is not None:
            receive(StreamEnded())

    # Between

    def _received_early(self, event: Event | StreamOpening | None) -> None:
        if isinstance(event, StreamOpening):
            self._start(event)
        elif event is not None:
            self.dropped["early"] += 1
            if self.dropped["early"] >= EARLY_LIMIT:
                self._refuse("messages before start")

    def _start(self, opening: StreamOpening) -> None:
        self._start_timer.cancel()
        if not opening.is_telephone_audio:
            self._refuse("audio is not mu-law, 8 kHz, mono")
            return
        self._stream_sid = opening.stream_sid
        self._encoder = Encoder(opening.stream_sid)
        receive = self._admit(opening, self)
        if receive is None:
            self._refuse("no such call, or its token is not valid")
        else:
            self._receive = receive
            receive(StreamStarted())

    def _in_time(self) -> bool:
        """Whether a frame is one that a caller could have spoken by now (a leaky bucket)."""
        now = self._clock()
        due = max(self._frames_due, now) + FRAME_S
        if due - now <= BURST_S:
            self._frames_due = due
            return True
        self.dropped["flood"] += 1
        if self.dropped["flood"] >= FLOOD_LIMIT:
            self._refuse("more audio than a caller can speak")
        return False

    def _drop_malformed(self, reason: str) -> None:
        self.dropped[reason] += 1
        now = self._clock()
        if now - self._malformed_since > MALFORMED_WINDOW_S:
            self._malformed_since, self._malformed = now, 0
        self._malformed += 1
        if self._malformed > MALFORMED_LIMIT:
            self._refuse("malformed messages")

    def _refuse(self, reason: str) -> None:
        log.warning("media stream refused", extra={"reason": reason})
        self._close(WSCloseCode.POLICY_VIOLATION.value)

    def _close(self, code: int) -> None:
        if not self._closing:
            self._closing = True
            self._socket.close(code)


class PicowsLeg(WSListener):
    """A media stream on a picows server's WebSocket: everything happens in its callbacks."""

    _transport: WSTransport
    _stream: MediaStream

    def __init__(self, admit: Admit) -> None:
        self._admit = admit
        self._fragments = bytearray()

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.underlying_transport.set_write_buffer_limits(high=WRITE_LIMIT)
        self._transport = transport
        self._stream = MediaStream(self, self._admit)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type  # picows makes it anew each time
        if kind is WSMsgType.TEXT and frame.fin:
            self._stream.received(frame.get_payload_as_bytes())
        elif kind in (WSMsgType.TEXT, WSMsgType.CONTINUATION):
            self._received_fragment(frame)
        elif kind is WSMsgType.BINARY:
            self._stream.received_binary()
        elif kind is WSMsgType.CLOSE:
            transport.send_close(WSCloseCode.OK)
            transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._stream.lost()

    def pause_writing(self) -> None:
        """The peer has stopped reading: this is no call any more."""
        log.warning("media stream dropped: the peer does not read")
        self._transport.disconnect(graceful=False)

    def resume_writing(self) -> None:
        """Nothing was stopped."""

    def send(self, message: str) -> None:
        self._transport.send(WSMsgType.TEXT, message)

    def close(self, code: int) -> None:
        self._transport.send_close(WSCloseCode(code))
        # A close of the TCP connection while the caller's frames arrive would reset it, and take what
        # was sent last along; so the peer has some time to answer.
        asyncio.get_running_loop().call_later(CLOSE_WITHIN_S, self._transport.disconnect, False)

    def _received_fragment(self, frame: WSFrame) -> None:
        self._fragments += frame.get_payload_as_memoryview()
        if len(self._fragments) > MAX_MESSAGE:
            self.close(WSCloseCode.MESSAGE_TOO_BIG.value)
        elif frame.fin:
            message, self._fragments = bytes(self._fragments), bytearray()
            self._stream.received(message)
