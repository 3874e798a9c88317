"""Media streams over a real socket, through both doors."""

import asyncio
import random
import time
from contextlib import suppress
from itertools import product

import orjson
import pytest
import websockets

from phoneagent.core.commands import PlayAudio
from phoneagent.core.events import CallerAudio, DigitPressed, MarkReached, StreamEnded, StreamStarted
from phoneagent.twilio.signature import sign
from tests.web.service import (
    CALL_SID,
    CONNECTED,
    FRAME,
    STREAM_SID,
    TOKEN,
    WITHIN_S,
    Service,
    dtmf,
    mark,
    media,
    serving,
    start,
    stop,
)


@pytest.fixture(params=[True, False], ids=["picows", "asgi"])
async def service(request):
    async with serving(picows=request.param) as service:
        yield service


async def calling(service: Service, phone: websockets.ClientConnection, *messages: str | bytes) -> None:
    for message in (CONNECTED, start(service.token()), *messages):
        await phone.send(message)


async def ended(service: Service) -> None:
    await asyncio.wait_for(service.switchboard.ended.wait(), WITHIN_S)


async def closed(phone: websockets.ClientConnection) -> int | None:
    await asyncio.wait_for(phone.wait_closed(), WITHIN_S)
    return phone.close_code


async def heard(phone: websockets.ClientConnection) -> dict:
    return orjson.loads(await asyncio.wait_for(phone.recv(), WITHIN_S))


# The same call through both doors


async def scripted_call(picows: bool) -> tuple[list, list, int | None]:
    async with serving(picows=picows) as service, service.upgrade() as phone:
        assert ("server" in phone.response.headers) != picows  # picows' answer does not name uvicorn
        await calling(service, phone, media(), media("AAAA"), dtmf("7"), mark("7"), dtmf("*"))
        messages = [await heard(phone) for _ in range(4)]
        await phone.send(stop())
        await ended(service)
        return service.switchboard.events, messages, await closed(phone)


async def test_both_doors_lead_to_the_same_call():
    by_picows, by_asgi = await scripted_call(picows=True), await scripted_call(picows=False)
    assert by_picows == by_asgi
    events, messages, close_code = by_picows
    assert events == [
        StreamStarted(),
        CallerAudio(FRAME),
        CallerAudio("AAAA"),
        DigitPressed("7"),
        MarkReached("7"),
        DigitPressed("*"),
        StreamEnded(),
    ]
    assert messages == [
        {"event": "media", "streamSid": STREAM_SID, "media": {"payload": FRAME}},
        {"event": "media", "streamSid": STREAM_SID, "media": {"payload": "AAAA"}},
        {"event": "mark", "streamSid": STREAM_SID, "mark": {"name": "7"}},
        {"event": "clear", "streamSid": STREAM_SID},
    ]
    assert close_code == 1000


# From a browser


async def test_a_browser_comes_in_by_a_ticket_and_is_a_caller_like_any_other(service):
    async with service.from_browser(service.ticket()) as phone:
        await calling(service, phone, media(), stop())
        await ended(service)
    assert service.switchboard.events == [StreamStarted(), CallerAudio(FRAME), StreamEnded()]


async def test_a_ticket_lets_in_once_and_not_a_page_from_elsewhere(service):
    ticket = service.ticket()
    async with service.from_browser(ticket):
        pass
    assert await refused(service.from_browser(ticket)) == 403
    assert await refused(service.from_browser(service.ticket(), "https://evil.example")) == 403
    assert await refused(service.from_browser("made-up")) == 403
    assert await refused(service.from_browser("")) == 403


async def test_a_signature_does_not_make_up_for_a_ticket(service):
    signature = sign(TOKEN, "wss://phone.example/media-stream", {})
    upgrade = websockets.connect(
        f"ws://127.0.0.1:{service.port}/media-stream?ticket=made-up",
        additional_headers={"X-Twilio-Signature": signature},
        proxy=None,
    )
    assert await refused(upgrade) == 403


async def test_behind_a_ticket_the_stream_still_has_to_show_its_token(service):
    async with service.from_browser(service.ticket()) as phone:
        await phone.send(CONNECTED)
        await phone.send(start("made-up"))
        assert await closed(phone) == 1008
    assert service.switchboard.events == []


async def refused(upgrade) -> int:
    with pytest.raises(websockets.InvalidStatus) as caught:
        async with upgrade:
            pass
    return caught.value.response.status_code


# How a stream ends


async def test_a_lost_connection_ends_the_call(service):
    async with service.upgrade() as phone:
        await calling(service, phone, media())
        await heard(phone)
        phone.transport.abort()
        await ended(service)
    assert service.switchboard.events == [StreamStarted(), CallerAudio(FRAME), StreamEnded()]


async def test_a_close_without_stop_ends_the_call(service):
    async with service.upgrade() as phone:
        await calling(service, phone)
    await ended(service)
    assert service.switchboard.events == [StreamStarted(), StreamEnded()]


async def test_a_closed_leg_hears_nothing_more_and_says_nothing_more(service):
    async with service.upgrade() as phone:
        await calling(service, phone, dtmf("#"), media())
        assert await closed(phone) == 1000
        await ended(service)
    assert service.switchboard.events == [StreamStarted(), DigitPressed("#"), StreamEnded()]


async def test_a_phone_that_does_not_read_is_dropped(service):
    async with service.upgrade() as phone:
        await calling(service, phone, media())
        await heard(phone)
        leg = service.switchboard.legs[CALL_SID]
        for _ in range(640):  # 64 MB, more than any kernel keeps
            leg.send(PlayAudio("/" * 100_000))
            await asyncio.sleep(0)
            if service.switchboard.ended.is_set():
                break
        await ended(service)
        leg.send(PlayAudio("/"))  # to a peer that is gone: nothing happens
        phone.transport.abort()


# What a stream has to prove


async def test_an_upgrade_may_be_asked_for_and_signed_with_or_without_the_last_slash(service):
    for path, signed in product(("/media-stream", "/media-stream/"), repeat=2):
        signature = sign(TOKEN, "wss://phone.example" + signed, {})
        async with service.upgrade(path, **{"X-Twilio-Signature": signature}) as phone:
            await calling(service, phone, media())
            await heard(phone)


async def test_an_upgrade_without_our_signature_is_refused(service):
    for signature in (
        "",
        sign("another token", "wss://phone.example/media-stream", {}),
        sign(TOKEN, "https://phone.example/media-stream", {}),
        sign(TOKEN, "wss://phone.example/console", {}),
        sign(TOKEN, "wss://127.0.0.1/media-stream", {}),
    ):
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with service.upgrade(**{"X-Twilio-Signature": signature}):
                pass
        assert refused.value.response.status_code == 403


def token_of_none(service):
    return ""


def token_used(service):
    token = service.token()
    assert service.switchboard.tokens.redeem(token, CALL_SID)
    return token


def token_expired(service):
    token = service.token()
    service.switchboard.clock += 61
    return token


def token_of_another_call(service):
    service.token()
    return service.token("CA" + "1" * 32)


@pytest.mark.parametrize("token", [token_of_none, token_used, token_expired, token_of_another_call])
async def test_a_stream_without_its_token_is_refused(service, token):
    async with service.upgrade() as phone:
        await phone.send(start(token(service)))
        assert await closed(phone) == 1008
    assert service.switchboard.events == []


async def test_a_second_stream_of_a_live_call_is_refused_and_the_first_goes_on(service):
    async with service.upgrade() as first, service.upgrade() as second:
        token = service.token()
        await first.send(start(token))
        await first.send(media())
        await heard(first)
        await second.send(start(token))
        assert await closed(second) == 1008
        await first.send(media())
        await heard(first)


async def test_a_stream_of_another_format_is_refused(service):
    for other in ({"encoding": "audio/l16"}, {"sampleRate": 16000}, {"channels": 2}):
        async with service.upgrade() as phone:
            await phone.send(start(service.token(), **other))
            assert await closed(phone) == 1008
    assert service.switchboard.events == []


async def test_media_before_start_is_not_heard_and_soon_not_tolerated(service):
    async with service.upgrade() as phone:
        for _ in range(9):
            await phone.send(media())
        await calling(service, phone, media("AAAA"))
        await heard(phone)
    assert service.switchboard.events[:2] == [StreamStarted(), CallerAudio("AAAA")]
    async with service.upgrade() as phone:
        for _ in range(10):
            await phone.send(media())
        assert await closed(phone) == 1008


# What a stream must survive


@pytest.mark.parametrize(
    "message",
    ["", "{", "[]", '{"event":"media"}', media("not base64"), media(stream_sid="MZ" + "1" * 32), b"\x00\x01"],
)
async def test_a_bad_message_is_dropped_and_fifty_more_end_the_call(service, message):
    async with service.upgrade() as phone:
        await calling(service, phone, *[message] * 50, media())
        await heard(phone)
        await phone.send(message)
        assert await closed(phone) == 1008
    await ended(service)
    assert service.switchboard.events == [StreamStarted(), CallerAudio(FRAME), StreamEnded()]


async def test_a_second_start_changes_nothing(service):
    async with service.upgrade() as phone:
        await calling(service, phone, start(service.token()), media())
        await heard(phone)
    await ended(service)
    assert service.switchboard.events == [StreamStarted(), CallerAudio(FRAME), StreamEnded()]


async def test_outbound_tracks_and_unknown_events_say_nothing(service):
    async with service.upgrade() as phone:
        unknown = f'{{"event":"weather","streamSid":"{STREAM_SID}"}}'
        await calling(service, phone, media(track="outbound"), unknown, media())
        await heard(phone)
    await ended(service)
    assert service.switchboard.events == [StreamStarted(), CallerAudio(FRAME), StreamEnded()]


async def test_a_flood_of_audio_is_thinned_and_then_ends_the_call(service):
    async with service.upgrade() as phone:
        await calling(service, phone)

        async def listen():
            async for _ in phone:
                pass

        async def shout():
            for _ in range(10_000):
                await phone.send(media())

        began = time.monotonic()
        await asyncio.gather(listen(), shout(), return_exceptions=True)
        took_s = time.monotonic() - began
        assert await closed(phone) == 1008
    await ended(service)
    frames = sum(isinstance(event, CallerAudio) for event in service.switchboard.events)
    assert 200 <= frames <= 201 + took_s * 60


async def test_a_message_may_come_in_fragments(service):
    async with service.upgrade() as phone:
        await calling(service, phone)
        message = media()
        await phone.send([message[:10], message[10:50], message[50:]])
        await heard(phone)
    await ended(service)
    assert service.switchboard.events == [StreamStarted(), CallerAudio(FRAME), StreamEnded()]


async def test_a_giant_message_ends_the_call():
    async with serving() as service, service.upgrade() as phone:
        await calling(service, phone)
        await phone.send(["x" * 40_000, "x" * 40_000])
        assert await closed(phone) == 1009
        await ended(service)


# Below the WebSocket


def upgrade_request(signature: str, **changed: str) -> bytes:
    headers = {
        "Host": "phone.example",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "X-Twilio-Signature": signature,
    }
    lines = [f"{name}: {value}" for name, value in (headers | changed).items()]
    return "\r\n".join(["GET /media-stream HTTP/1.1", *lines, "", ""]).encode("latin-1")


async def status_of(port: int, request: bytes) -> int | None:
    """The status of the answer; None if the connection was closed without one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    line = await asyncio.wait_for(reader.readline(), WITHIN_S)
    writer.close()
    return int(line.split()[1]) if line else None


SIGNATURE = sign(TOKEN, "wss://phone.example/media-stream", {})


async def test_a_browsers_connection_header_is_as_good_as_any():
    async with serving() as service:
        request = upgrade_request(SIGNATURE, Connection="keep-alive, Upgrade", Origin="https://phone.example")
        assert await status_of(service.port, request) == 101
        request = upgrade_request(SIGNATURE, **{"Sec-WebSocket-Key": "short"})
        assert await status_of(service.port, request) == 400


async def test_of_500_mutated_upgrades_none_is_accepted(service):
    chance = random.Random(5)
    original = upgrade_request(SIGNATURE)
    assert await status_of(service.port, original) == 101
    first = original.index(b"/media-stream")
    path = range(first, first + len("/media-stream"))
    signature = range(original.index(SIGNATURE.encode()), original.index(SIGNATURE.encode()) + len(SIGNATURE))
    for _ in range(500):
        mutated = bytearray(original)
        for position in chance.sample([*path, *signature], chance.randint(1, 3)):
            mutated[position] = chance.choice([byte for byte in range(33, 127) if byte != original[position]])
        assert await status_of(service.port, bytes(mutated)) != 101, mutated


async def test_who_says_nothing_or_never_finishes_is_shown_out_after_five_seconds():
    async with serving() as service, service.upgrade() as silent:
        await silent.send(CONNECTED)
        heads = [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "] * 20
        connections = [await asyncio.open_connection("127.0.0.1", service.port) for _ in heads]
        for (_, writer), head in zip(connections, heads, strict=True):
            writer.write(head)
        assert (await service.http.get("/healthz")).status_code == 200
        gone = asyncio.gather(*(reader.read() for reader, _ in connections), return_exceptions=True)
        await asyncio.wait_for(gone, WITHIN_S)
        await asyncio.wait_for(silent.wait_closed(), WITHIN_S)
        assert silent.close_code == 1008
        for _, writer in connections:
            writer.close()


async def test_a_stream_waits_in_the_lobby_until_its_start():
    async with serving() as service, service.upgrade() as phone, service.upgrade() as silent:
        lobby = service.server.config.http.args[0].lobby
        assert len(lobby) == 2
        await calling(service, phone, mark("here"), dtmf("1"))
        await heard(phone)
        assert len(lobby) == 1
        await silent.close()
        assert len(lobby) == 0


@pytest.mark.parametrize(
    ("first", "more"),
    [
        (b"POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nsome", b"more"),
        (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n"),
    ],
    ids=["a body that nobody reads", "an empty line"],
)
async def test_who_has_an_answer_and_goes_on_with_no_request_is_shown_out_too(first, more):
    async with serving() as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(first)
        await asyncio.wait_for(reader.readline(), WITHIN_S)
        writer.write(more)
        with suppress(ConnectionResetError):
            await asyncio.wait_for(reader.read(), WITHIN_S)
        writer.close()


@pytest.mark.parametrize(
    ("of_a_good_one", "instead"),
    [
        (b"GET ", b"POST "),
        (b"/media-stream ", b"/" + b"elsewhere" * 1000 + b" "),
        (b"/media-stream HTTP/1.1\r\n", b"/elsewhere HTTP/1.1\r\nContent-Length: 9\r\n"),
    ],
)
async def test_what_is_no_handshake_is_refused_not_left_open(of_a_good_one, instead):
    async with serving() as service:
        request = upgrade_request(SIGNATURE)
        assert of_a_good_one in request
        assert await status_of(service.port, request.replace(of_a_good_one, instead)) == 400


async def test_an_upgrade_to_what_is_no_url_is_refused():
    async with serving() as service:
        request = upgrade_request(SIGNATURE).replace(b"/media-stream", b"/\xff")
        assert await status_of(service.port, request) == 400


async def test_an_endless_head_is_refused():
    async with serving() as service:
        request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"X-More: of the same\r\n" * 5000
        assert await status_of(service.port, request) in (431, None)
