"""Media streams over a real socket, through both doors."""

import asyncio

import orjson
import pytest

from phoneagent.core.events import CallerAudio, DigitPressed, MarkReached, StreamEnded, StreamStarted
from tests.web.service import (
    CONNECTED,
    FRAME,
    STREAM_SID,
    WITHIN_S,
    dtmf,
    mark,
    media,
    serving,
    start,
    stop,
)

both_doors = pytest.mark.parametrize("picows", [True, False], ids=["picows", "asgi"])


async def scripted_call(picows: bool) -> tuple[list, list, int | None]:
    async with serving(picows=picows) as service:
        async with service.upgrade() as phone:
            for message in (CONNECTED, start(service.token()), media(), media("AAAA"), dtmf("7"), mark("7"), dtmf("*")):
                await phone.send(message)
            heard = [orjson.loads(await asyncio.wait_for(phone.recv(), WITHIN_S)) for _ in range(4)]
            await phone.send(stop())
            await asyncio.wait_for(service.switchboard.ended.wait(), WITHIN_S)
            await asyncio.wait_for(phone.wait_closed(), WITHIN_S)
        return service.switchboard.events, heard, phone.close_code


async def test_both_doors_lead_to_the_same_call():
    by_picows, by_asgi = await scripted_call(picows=True), await scripted_call(picows=False)
    assert by_picows == by_asgi
    events, heard, close_code = by_picows
    assert events == [
        StreamStarted(),
        CallerAudio(FRAME),
        CallerAudio("AAAA"),
        DigitPressed("7"),
        MarkReached("7"),
        DigitPressed("*"),
        StreamEnded(),
    ]
    assert heard == [
        {"event": "media", "streamSid": STREAM_SID, "media": {"payload": FRAME}},
        {"event": "media", "streamSid": STREAM_SID, "media": {"payload": "AAAA"}},
        {"event": "mark", "streamSid": STREAM_SID, "mark": {"name": "7"}},
        {"event": "clear", "streamSid": STREAM_SID},
    ]
    assert close_code == 1000
