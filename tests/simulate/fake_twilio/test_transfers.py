"""Calls that are connected with one another: <Dial> with numbers and conferences, <Gather>, and who hears whom."""

from __future__ import annotations

from typing import Any

import pytest

from phoneagent.simulate.fake_call import FakeCall
from phoneagent.simulate.fake_twilio import Busy, Keys, NoAnswer, Person, Unreachable, Voicemail, Words
from phoneagent.simulate.record import CallRecord
from tests.simulate.fake_twilio.service import CALLER, HUMAN, OURS, STREAM, ask, client_of, telephony

DIAL = (
    '<Dial action="/dialled" timeout="2" timeLimit="20" callerId="+15550100">'
    '<Number statusCallback="/leg" statusCallbackEvent="initiated ringing answered">+15550111</Number></Dial>'
)
ROOM = (
    '<Dial action="/left"><Conference statusCallback="/room" statusCallbackEvent="start end join leave">'
    "room-1</Conference></Dial>"
)
WAITING = ROOM.replace("<Conference ", '<Conference startConferenceOnEnter="false" ')
ENDING = ROOM.replace("<Conference ", '<Conference endConferenceOnExit="true" ')


def company(call: FakeCall) -> list[tuple[str, ...]]:
    """What the party heard, one after another, without the moments in which a document was asked for."""
    heard = [(one.kind, *one.numbers) for one in call.record.company]
    return [one for one in heard if one != ("silence",)]


def talks_to(number: str) -> Any:
    return lambda record: record.hearing == ("people", number)


async def test_a_caller_is_connected_and_comes_back_when_the_other_hangs_up():
    async with telephony({"/incoming": DIAL, "/dialled": STREAM}) as (twilio, service):
        twilio.answers(HUMAN, Person(ring_s=0.5, hangs_up_after_s=2))
        caller = twilio.phone.dial(OURS, [])
        await caller.until(talks_to(HUMAN))
        [human] = twilio.calls_to(HUMAN)
        assert (human.direction, human.parent_sid, human.from_) == ("outbound-dial", caller.sid, OURS)
        assert human.bridged_with == (CALLER,)
        assert caller.bridged_with == (HUMAN,)
        await caller.until(lambda record: record.streams)
        assert company(caller) == [("ringing",), ("people", HUMAN), ("stream",)]
        [ended] = service.asked("/dialled")
        assert ended["DialCallStatus"] == "completed"
        assert ended["DialCallSid"] == human.sid
        assert ended["DialBridged"] == "true"
        told = [form["CallStatus"] for form in service.asked("/leg")]
        assert told == ["initiated", "ringing", "in-progress", "completed"]


@pytest.mark.parametrize(
    ("callee", "status"),
    [(Busy(), "busy"), (NoAnswer(), "no-answer"), (Unreachable(), "failed")],
)
async def test_nobody_answers_and_the_action_is_told_why(callee: Any, status: str):
    async with telephony({"/incoming": DIAL, "/dialled": STREAM}) as (twilio, service):
        twilio.answers(HUMAN, callee)
        caller = twilio.phone.dial(OURS, [])
        await caller.until(lambda record: record.streams)
        assert service.asked("/dialled")[0]["DialCallStatus"] == status
        assert company(caller) == [("ringing",), ("stream",)]


async def test_a_conversation_ends_at_its_time_limit():
    async with telephony({"/incoming": DIAL, "/dialled": "<Hangup/>"}) as (twilio, service):
        twilio.answers(HUMAN, Person())
        record = await twilio.phone.dial(OURS, []).ended()
        assert record.outcome == "transferred"
        assert int(service.asked("/dialled")[0]["DialCallDuration"]) >= 20


@pytest.mark.parametrize(("callee", "status"), [(NoAnswer(), "canceled"), (Person(), "completed")])
async def test_the_other_leg_ends_with_the_caller(callee: Any, status: str):
    async with telephony({"/incoming": DIAL}) as (twilio, service):
        twilio.answers(HUMAN, callee)
        caller = twilio.phone.dial(OURS, [])
        await twilio.until(lambda: twilio.calls_to(HUMAN))
        [human] = twilio.calls_to(HUMAN)
        if status == "completed":
            await caller.until(talks_to(HUMAN))
        caller.hang_up()
        assert (await caller.ended()).outcome == "caller hung up"
        await human.ended()
        assert human.status == status
        assert not service.asked("/dialled")


async def test_either_leg_of_a_conversation_is_redirected():
    documents = {"/incoming": DIAL, "/dialled": STREAM, "/else": '<Pause length="60"/>'}
    async with telephony(documents) as (twilio, service):
        twilio.answers(HUMAN, Person())
        client = client_of(twilio)
        caller = twilio.phone.dial(OURS, [])
        await caller.until(talks_to(HUMAN))
        [human] = twilio.calls_to(HUMAN)
        url = f"{service.url}/else"
        await ask(lambda: client.calls(human.sid).update(url=url))
        await caller.until(lambda record: record.streams)  # who is left goes on with the action
        assert not human.over
        twiml = service.document(STREAM)
        await ask(lambda: client.calls(human.sid).update(twiml=twiml))
        await human.until(lambda record: record.streams)


async def test_keys_words_and_nothing_for_a_gather():
    menu = (
        '<Gather input="dtmf speech" numDigits="1" timeout="2" action="{http}/chosen"><Say>A call for you.</Say>'
        "</Gather><Say>Goodbye.</Say>"
    )
    people = {
        "+15550121": (Person(gather=Keys("1")), {"Digits": "1"}),
        "+15550122": (Person(gather=Words("yes please")), {"SpeechResult": "yes please", "Confidence": "0.9"}),
        "+15550123": (Voicemail(greeting="You have reached Bob."), {"SpeechResult": "You have reached Bob."}),
        "+15550124": (Person(), None),
    }
    async with telephony({"/menu": menu, "/chosen": "<Hangup/>"}) as (twilio, service):
        client = client_of(twilio)
        for number, (callee, expected) in people.items():
            twilio.answers(number, callee)
            url = f"{service.url}/menu"
            await ask(lambda to=number, url=url: client.calls.create(to=to, from_=OURS, url=url))
            [call] = twilio.calls_to(number)
            await call.ended()
            chosen = [form for form in service.asked("/chosen") if form["To"] == number]
            if expected is None:
                assert not chosen
                assert call.record.said == ["A call for you.", "Goodbye."]
            else:
                assert expected.items() <= chosen[0].items()


async def test_several_keys_end_with_a_hash_or_with_a_pause():
    async with telephony({"/incoming": '<Gather action="/keys" timeout="1"/>', "/keys": "<Hangup/>"}) as (
        twilio,
        service,
    ):
        for keys in ("42#", "17"):
            call = twilio.phone.dial(OURS, [])
            await call.until(lambda record: record.status == "in-progress")
            for key in keys:
                call.press(key)
            await call.ended()
        assert [form["Digits"] for form in service.asked("/keys")] == ["42", "17"]


async def test_so_many_keys_are_enough():
    document = '<Gather action="/keys" numDigits="2" timeout="6000"/>'
    async with telephony({"/incoming": document, "/keys": "<Hangup/>"}) as (twilio, service):
        call = twilio.phone.dial(OURS, [], max_s=60)
        await call.until(lambda record: record.status == "in-progress")
        call.press("17")
        await call.ended()
        assert [form["Digits"] for form in service.asked("/keys")] == ["17"]


async def test_two_calls_meet_in_a_conference():
    async with telephony({"/incoming": WAITING, "/human": ENDING, "/left": STREAM}) as (twilio, service):
        twilio.answers(HUMAN, Person())
        client = client_of(twilio)
        caller = twilio.phone.dial(OURS, [])
        await caller.until(lambda record: record.hearing == ("music",))
        url = f"{service.url}/human"
        await ask(lambda: client.calls.create(to=HUMAN, from_=OURS, url=url))
        await caller.until(talks_to(HUMAN))
        [human] = twilio.calls_to(HUMAN)
        human.hang_up()
        await caller.until(lambda record: record.streams)
        await twilio.settled()
        assert company(caller) == [("ringing",), ("music",), ("people", HUMAN), ("stream",)]
        assert service.asked("/left")[0]["DialCallStatus"] == "answered"
        [conference] = twilio.conferences
        assert conference.history == [
            ("join", caller.sid),
            ("join", human.sid),
            ("start", ""),
            ("leave", human.sid),
            ("leave", caller.sid),
            ("end", ""),
        ]
        told = service.asked("/room")
        assert [form["StatusCallbackEvent"] for form in told] == [
            "participant-join",
            "participant-join",
            "conference-start",
            "participant-leave",
            "participant-leave",
            "conference-end",
        ]
        assert {form["FriendlyName"] for form in told} == {"room-1"}


async def test_who_comes_first_waits_with_music_and_decides_where_callbacks_go():
    second = ROOM.replace('"/room"', '"/another-room"')
    async with telephony({"/incoming": ROOM, "/human": second}) as (twilio, service):
        twilio.answers(HUMAN, Person())
        client = client_of(twilio)
        caller = twilio.phone.dial(OURS, [])
        await caller.until(lambda record: record.hearing == ("music",))
        url = f"{service.url}/human"
        await ask(lambda: client.calls.create(to=HUMAN, from_=OURS, url=url))
        await caller.until(talks_to(HUMAN))
        await twilio.settled()
        assert len(service.asked("/room")) == 3
        assert not service.asked("/another-room")


async def test_who_is_left_behind_in_a_conference_hears_nothing():
    async with telephony({"/incoming": WAITING, "/human": ROOM}) as (twilio, service):
        twilio.answers(HUMAN, Person(hangs_up_after_s=1))
        client = client_of(twilio)
        caller = twilio.phone.dial(OURS, [])
        await caller.until(lambda record: record.hearing == ("music",))
        url = f"{service.url}/human"
        await ask(lambda: client.calls.create(to=HUMAN, from_=OURS, url=url))
        await caller.until(talks_to(HUMAN))
        await caller.until(lambda record: record.hearing == ("silence",))
        caller.hang_up()
        await caller.ended()
        assert twilio.conferences[0].over


async def test_a_conference_is_run_through_the_api():
    async with telephony({"/incoming": WAITING, "/left": STREAM}) as (twilio, _):
        twilio.answers(HUMAN, Person())
        client = client_of(twilio)
        caller = twilio.phone.dial(OURS, [])
        await caller.until(lambda record: record.hearing == ("music",))
        room = (await ask(lambda: client.conferences.list(friendly_name="room-1", status="init")))[0]
        participants = client.conferences(room.sid).participants
        added = await ask(lambda: participants.create(from_=OURS, to=HUMAN, label="human"))
        await caller.until(talks_to(HUMAN))
        assert [room.status for room in await ask(client.conferences.list)] == ["in-progress"]
        listed = await ask(participants.list)
        assert {one.call_sid for one in listed} == {caller.sid, added.call_sid}

        held = await ask(lambda: client.conferences(room.sid).participants(caller.sid).update(hold=True))
        assert held.hold
        assert caller.record.hearing == ("music",)
        await ask(lambda: client.conferences("room-1").participants("human").update(muted=True))
        await ask(lambda: client.conferences("room-1").participants(caller.sid).update(hold=False))
        assert caller.record.hearing == ("silence",)

        [human] = twilio.calls_to(HUMAN)
        assert await ask(client.conferences("room-1").participants("human").delete)
        await human.ended()
        await ask(lambda: client.conferences(room.sid).update(status="completed"))
        await caller.until(lambda record: record.streams)
        assert twilio.conferences[0].over


async def test_an_inbound_call_is_taken_out_of_its_stream_and_brought_back():
    async with telephony({"/incoming": STREAM, "/dialled": STREAM}) as (twilio, service):
        twilio.answers(HUMAN, Busy())
        caller = twilio.phone.dial(OURS, [])
        await caller.until(lambda record: record.streams)
        client, twiml = client_of(twilio), service.document(DIAL.replace('="/', '="{http}/'))
        await ask(lambda: client.calls(caller.sid).update(twiml=twiml))
        record: CallRecord = await caller.until(lambda record: len(record.streams) == 2)
        assert company(caller) == [("ringing",), ("stream",), ("ringing",), ("stream",)]
        assert record.dialled == (HUMAN,)
        assert not record.problems
