"""Media Streams messages, in the shapes in which Twilio sends them (reference captures), and worse ones."""

import random

import orjson
import pytest

from phoneagent.core.commands import CancelResponse, ClearPlayout, PlayAudio, SendMark
from phoneagent.core.events import CallerAudio, DigitPressed, MarkReached, StreamEnded
from phoneagent.twilio.wire import (
    MAX_MESSAGE,
    MAX_PAYLOAD,
    Encoder,
    ForeignStreamError,
    StreamOpening,
    WireError,
    parse,
)

CALL = "CA" + "0" * 32
ACCOUNT = "AC" + "1" * 32
STREAM = "MZ" + "2" * 32
SILENCE = "/" * 216


def recorded(message: str) -> str:
    for name, sid in {"<call>": CALL, "<account>": ACCOUNT, "<stream>": STREAM, "<audio>": SILENCE}.items():
        message = message.replace(name, sid)
    return message


CONNECTED = '{"event":"connected","protocol":"Call","version":"1.0.0"}'
START = recorded(
    '{"event":"start","sequenceNumber":"1","start":{"accountSid":"<account>","streamSid":"<stream>",'
    '"callSid":"<call>","tracks":["inbound"],'
    '"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1},'
    '"customParameters":{"token":"abc"}},"streamSid":"<stream>"}'
)
MEDIA = recorded(
    '{"event":"media","sequenceNumber":"2","media":{"track":"inbound","chunk":"1","timestamp":"155",'
    '"payload":"<audio>"},"streamSid":"<stream>"}'
)
DTMF = recorded(
    '{"event":"dtmf","streamSid":"<stream>","sequenceNumber":"5","dtmf":{"track":"inbound_track","digit":"1"}}'
)
MARK = recorded('{"event":"mark","sequenceNumber":"4","streamSid":"<stream>","mark":{"name":"my label"}}')
STOP = recorded(
    '{"event":"stop","sequenceNumber":"5","streamSid":"<stream>","stop":{"accountSid":"<account>","callSid":"<call>"}}'
)
ALL = [CONNECTED, START, MEDIA, DTMF, MARK, STOP]


@pytest.mark.parametrize("form", [str, str.encode, lambda text: memoryview(text.encode())])
@pytest.mark.parametrize(
    ("message", "event"),
    [
        (CONNECTED, None),
        (
            START,
            StreamOpening(CALL, ACCOUNT, STREAM, {"token": "abc"}, "audio/x-mulaw", 8000, 1),
        ),
        (MEDIA, CallerAudio(SILENCE)),
        (DTMF, DigitPressed("1")),
        (MARK, MarkReached("my label")),
        (STOP, StreamEnded()),
        (MEDIA.replace('"inbound"', '"outbound"'), None),
        ('{"event":"weather"}', None),
        (START.replace(',"customParameters":{"token":"abc"}', ""), StreamOpening(
            CALL, ACCOUNT, STREAM, {}, "audio/x-mulaw", 8000, 1
        )),
    ],
)  # fmt: skip
def test_what_twilio_sends(message, event, form):
    assert parse(form(message)) == event


@pytest.mark.parametrize("message", ALL)
def test_fields_that_we_do_not_know_are_tolerated(message):
    more = orjson.loads(message) | {"new": {"field": [1, None]}}
    assert parse(orjson.dumps(more)) == parse(message)


@pytest.mark.parametrize("digit", "0123456789*#ABCD")
def test_every_key(digit):
    assert parse(DTMF.replace('"1"', f'"{digit}"')) == DigitPressed(digit)


@pytest.mark.parametrize("message", [START, MEDIA, DTMF, MARK, STOP])
def test_a_message_of_another_stream_is_told_apart(message):
    assert parse(message, STREAM) == parse(message)
    with pytest.raises(ForeignStreamError):
        parse(message, "MZ" + "3" * 32)


def test_connected_and_unknown_events_belong_to_a_stream_or_to_none():
    assert parse(CONNECTED, STREAM) is None
    assert parse('{"event":"weather"}', STREAM) is None
    with pytest.raises(ForeignStreamError):
        parse('{"event":"weather","streamSid":"MZ0"}', STREAM)


@pytest.mark.parametrize(
    ("field", "value", "is_telephone_audio"),
    [
        ("sampleRate", 8000, True),
        ("sampleRate", 16000, False),
        ("channels", 2, False),
        ("encoding", "audio/l16", False),
    ],
)
def test_the_audio_format_is_read_not_assumed(field, value, is_telephone_audio):
    message = orjson.loads(START)
    message["start"]["mediaFormat"][field] = value
    assert parse(orjson.dumps(message)).is_telephone_audio is is_telephone_audio


@pytest.mark.parametrize(
    "message",
    [
        "",
        "{",
        "null",
        "[]",
        '"media"',
        "17",
        "{}",
        '{"event":1}',
        '{"event":null}',
        '{"event":["media"]}',
        "NaN",
        "\ud800",
        "[" * 60_000,
        " " * (MAX_MESSAGE + 1),
        MEDIA.replace(SILENCE, ""),
        MEDIA.replace(SILENCE, "abc"),
        MEDIA.replace(SILENCE, "ab=="+"abcd"),
        MEDIA.replace(SILENCE, "abc\\u00e9"),
        MEDIA.replace(SILENCE, 'ab\\"}'),
        MEDIA.replace(SILENCE, "abcd\\n"),
        MEDIA.replace(SILENCE, "A" * (MAX_PAYLOAD + 4)),
        MEDIA.replace(f'"{SILENCE}"', "null"),
        MEDIA.replace(f'"{SILENCE}"', "[]"),
        MEDIA.replace('"payload"', '"load"'),
        MEDIA.replace('"media":{', '"media":[{').replace("},", "}],"),
        DTMF.replace('"1"', '"12"'),
        DTMF.replace('"1"', '"E"'),
        DTMF.replace('"1"', "1"),
        DTMF.replace('"1"', "[]"),
        MARK.replace('"my label"', "7"),
        MARK.replace('{"name":"my label"}', "null"),
        START.replace(CALL, "CA0"),
        START.replace(CALL, CALL + "\\n"),
        START.replace(STREAM, "MZ" + "g" * 32),
        START.replace(f'"streamSid":"{STREAM}"}}', f'"streamSid":"MZ{"0" * 32}"}}'),
        START.replace("8000", '"8000"'),
        START.replace('"token":"abc"', '"token":7'),
        START.replace('{"token":"abc"}', '["token"]'),
        START.replace('"mediaFormat"', '"format"'),
    ],
    ids=lambda message: ascii(message)[-40:],
)  # fmt: skip
def test_what_twilio_never_sends(message):
    with pytest.raises(WireError) as refused:
        parse(message)
    assert str(refused.value)


def test_an_error_says_nothing_of_what_was_said():
    with pytest.raises(WireError) as refused:
        parse(MEDIA.replace(SILENCE, "my secret"))
    assert "secret" not in str(refused.value)
    assert "abc" not in repr(parse(START))
    assert SILENCE not in repr(parse(MEDIA))


def test_100_000_mutated_messages_raise_nothing_else():
    chance = random.Random(2026)
    originals = [message.encode() for message in ALL]
    scraps = [b'"', b"{", b"}", b"null", b"[[", b"\\ud800", b"\xff", b"1e999", b"-", b"media", b"start", b"=", b":"]
    parsed = 0
    for _ in range(100_000):
        message = bytearray(chance.choice(originals))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(message) + 1)
            to = min(len(message), at + chance.choice((0, 1, 1, 5, 40)))
            message[at:to] = chance.choice(scraps) if chance.random() < 0.5 else chance.randbytes(to - at)
        try:
            parse(bytes(message), chance.choice((None, STREAM)))
        except WireError:
            continue
        parsed += 1
    assert 0 < parsed < 60_000  # some mutations are harmless, most are not


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (PlayAudio(SILENCE), {"event": "media", "streamSid": STREAM, "media": {"payload": SILENCE}}),
        (SendMark('a "mark"\n'), {"event": "mark", "streamSid": STREAM, "mark": {"name": 'a "mark"\n'}}),
        (ClearPlayout(), {"event": "clear", "streamSid": STREAM}),
    ],
)
def test_what_twilio_is_sent(command, message):
    assert orjson.loads(Encoder(STREAM).encode(command)) == message


def test_a_command_to_another_peer_is_a_mistake_of_ours():
    with pytest.raises(TypeError, match="CancelResponse"):
        Encoder(STREAM).encode(CancelResponse("r1"))
