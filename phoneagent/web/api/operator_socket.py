"""An operator's end of a call's audio: they hear both sides and, once they have taken the call over, talk."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import orjson
from fastapi import WebSocket, WebSocketDisconnect

from phoneagent.calls.operators import OperatorError, Operators
from phoneagent.core.listening import FRAME, FRAME_S
from phoneagent.web.access.tickets import Holder

log = logging.getLogger(__name__)

MOST_UNSENT = 100  # messages, 2 s
MESSAGE_S = FRAME_S * 5 / 6  # a microphone sends 50 a second; the rest is for clocks that differ, and for wishes
BURST_S = 1.0  # of messages that may come at once, after the network has stalled
MUTE_S = 3.0  # a microphone sends frames all the time: without any, nobody is there any more
CLOSE_WITHIN_S = 1.0
CLOSED, NOT_UNDERSTOOD, NOT_ALLOWED, FULL = 1000, 1007, 1008, 1013  # RFC 6455 §7.4.1, and 1013: try again later


class OperatorSocket:
    """A `Listener` on a WebSocket. Whoever takes the call over here has it until they hand it back, or are gone."""

    def __init__(
        self, websocket: WebSocket, operators: Operators, holder: Holder, note: Callable[[str], Awaitable[None]]
    ) -> None:
        """`holder` is who they are; `note` keeps in the audit log that they have done this."""
        self._websocket = websocket
        self._operators = operators
        self._by, self._id = holder.principal.name, holder.principal.id
        self._forbidden = holder.forbidden
        self._note = note
        self._clock = asyncio.get_running_loop().time
        self._unsent: asyncio.Queue[bytes | str | int] = asyncio.Queue()  # and the close code at last
        self._overflowed = asyncio.Event()
        self._deeds: asyncio.Queue[str | None] = asyncio.Queue()  # and at last None
        self._taken_over_by: str | None = None
        self._mine = False  # the call
        self._spoke = 0.0
        self._messages_due = 0.0  # when somebody who takes their time would be done with those that have come

    async def serve(self) -> None:
        """Pass on what is heard and said, until either side is gone, or the call is over. Raises what went wrong."""
        self._did("call.listen")
        self._tell("ready")
        self.taken_over(self._operators.taken_over_by)
        keeping = asyncio.ensure_future(self._keep_deeds())
        ways = (self._read(), self._write(), self._forbidden(), self._overflowed.wait())
        ways_to_end = [asyncio.ensure_future(way) for way in ways]
        try:
            await asyncio.wait(ways_to_end, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if self._mine:
                self._hand_back()
            self._deeds.put_nowait(None)
            for way in ways_to_end:
                way.cancel()
            results = await asyncio.gather(*ways_to_end, return_exceptions=True)
        with suppress(WebSocketDisconnect, RuntimeError, TimeoutError):  # if they are not gone, they are shown out
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await self._websocket.close(NOT_ALLOWED)
        await keeping
        for error in results:
            if isinstance(error, Exception) and not isinstance(error, WebSocketDisconnect | RuntimeError):
                raise error

    async def refuse(self, reason: str) -> None:
        """Say that they can't listen, and close."""
        self._tell("refused", reason=reason, by=None)
        self._unsent.put_nowait(FULL)
        await self._write()

    # What the call does

    def hear(self, frame: bytes) -> None:
        self._send(frame)
        if self._mine and self._clock() - self._spoke > MUTE_S:
            log.warning("a call is handed back: whoever has taken it over is silent", extra={"by": self._id})
            self._hand_back()

    def taken_over(self, by: str | None) -> None:
        before, self._taken_over_by = self._taken_over_by, by
        self._mine = self._mine and by == self._by
        if by is not None:
            self._tell("taken_over", by=by, mine=self._mine)
        elif before is not None:
            self._tell("handed_back", by=before)

    def over(self) -> None:
        self._mine = False
        self._tell("over")
        self._unsent.put_nowait(CLOSED)

    # What the operator does

    async def _read(self) -> None:
        while (message := await self._websocket.receive())["type"] != "websocket.disconnect":
            frame = message.get("bytes")
            if self._hurries():
                code: int | None = NOT_ALLOWED
            else:
                code = self._asked(message["text"]) if frame is None else self._said(frame)
            if code is not None:
                self._unsent.put_nowait(code)  # behind what is still to be sent
                await self._overflowed.wait()

    def _hurries(self) -> bool:
        """Whether more messages come than anybody can mean."""
        now = self._clock()
        self._messages_due = max(self._messages_due, now) + MESSAGE_S
        return self._messages_due - now > BURST_S

    def _asked(self, text: str) -> int | None:
        """Do what they ask for. Returns why the socket is closed, if it is."""
        try:
            match orjson.loads(text):
                case {"do": "take_over"}:
                    self._take_over()
                case {"do": "hand_back"}:
                    self._hand_back()
                case _:
                    return NOT_UNDERSTOOD
        except orjson.JSONDecodeError:
            return NOT_UNDERSTOOD
        return None

    def _said(self, frame: bytes) -> int | None:
        """Let the caller hear a frame. Returns why the socket is closed, if it is."""
        if len(frame) != FRAME:
            return NOT_UNDERSTOOD
        self._spoke = self._clock()
        if self._mine:  # else it was handed back while this was on its way
            self._operators.audio(b64encode(frame).decode())
        return None

    def _take_over(self) -> None:
        try:
            self._operators.take_over(self._by)
        except OperatorError as error:
            self._tell("refused", reason=error.reason, by=error.by)
        else:
            self._mine, self._spoke = True, self._clock()
            self._did("call.take_over")

    def _hand_back(self) -> None:
        try:
            if not self._mine:  # perhaps it is theirs on another page
                raise OperatorError("not_taken", "", self._operators.taken_over_by)
            self._mine = False
            self._operators.hand_back(self._by)
        except OperatorError as error:
            self._tell("refused", reason=error.reason, by=error.by)
        else:
            self._did("call.hand_back")

    # Between

    def _tell(self, event: str, **data: Any) -> None:
        self._send(orjson.dumps({"event": event} | data).decode())

    def _send(self, message: bytes | str) -> None:
        if self._unsent.qsize() < MOST_UNSENT:
            self._unsent.put_nowait(message)
        elif not self._overflowed.is_set():
            log.warning("a listener is dropped: they do not read", extra={"by": self._id})
            self._overflowed.set()

    def _did(self, action: str) -> None:
        self._deeds.put_nowait(action)

    async def _keep_deeds(self) -> None:
        while (deed := await self._deeds.get()) is not None:
            await self._note(deed)

    async def _write(self) -> None:
        """Send what there is to be sent, until the socket is closed."""
        while not isinstance(message := await self._unsent.get(), int):
            if isinstance(message, bytes):
                await self._websocket.send_bytes(message)
            else:
                await self._websocket.send_text(message)
        await self._websocket.close(message)
