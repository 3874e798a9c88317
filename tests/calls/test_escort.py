"""Detours carried out against a carrier that fails in every way: 1,000 random calls, and what goes wrong one by one."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from phoneagent.calls.transfer import ASKS_WITHIN_S, Escort
from phoneagent.calls.transfer_person import Person
from phoneagent.calls.transfers import REMEMBERED_S, Escorts
from phoneagent.core import events as on
from phoneagent.core.agents import Agent
from phoneagent.core.costs import Service
from phoneagent.core.transfer import NOT_CONNECTED, Event
from phoneagent.twilio.addresses import Addresses
from phoneagent.twilio.documents import Brief, CallPerson, Document, EnterRoom, HostRoom, PressKeys, Wait
from phoneagent.twilio.errors import TwilioError
from phoneagent.twilio.rest import CallState
from phoneagent.twilio.webhook import Connect, Ending
from tests.core.telephone_world import Chances, World

pytestmark = pytest.mark.virtual_time

CALL, HUMAN = "CA" + "c" * 32, "CA" + "a" * 32
PERSON = Person("reception", "+15550111", "+15550100", timeout_s=20, max_minutes=1, briefing="A tooth.")
STREAM = Connect("token", "Sorry.", "en")
WORDS: dict[type[Document], str] = {
    Connect: "stream",
    CallPerson: "call",
    EnterRoom: "room",
    Wait: "wait",
    PressKeys: "keys",
    Ending: "end",
    Brief: "brief",
    HostRoom: "room",
}


class Api:
    """Twilio's API, of which every request is the world's to answer."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def dial(self, to: str, from_: str, url: str, **options: Any) -> str:
        await self._asked(self._world.dial)
        return HUMAN

    async def redirect(self, call_sid: str, twiml: str) -> None:
        if call_sid == HUMAN:
            await self._asked(self._world.dismiss)
        else:
            tag = twiml.partition("redirect=")[2].partition("<")[0]
            await self._asked(lambda done: self._world.redirect(tag, done))

    async def hang_up(self, call_sid: str) -> None:
        await self._asked(self._world.dismiss if call_sid == HUMAN else self._world.hang_up)

    async def call(self, call_sid: str) -> CallState:
        try:
            await self._asked(self._world.check)
        except TwilioError as error:
            if not error.gone:
                raise
            return CallState(CALL, "completed", "", "")
        return CallState(CALL, "in-progress", "", "")

    async def _asked(self, request: Callable[[Callable[[str], None]], None]) -> None:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        request(lambda came: None if answer.done() else answer.set_result(came))
        match await answer:
            case "gone":
                raise TwilioError("gone", code=20404, status=404)
            case "refused":
                raise TwilioError("refused", status=400)
            case "unsure":
                raise TwilioError("no answer", maybe_done=True)


class Transfers:
    """Of a CallKeeper, what is told of transfers."""

    def __init__(self) -> None:
        self.states: list[str] = []

    def transfer(self, state: str, to: str, why: str = "") -> None:
        self.states.append(state)


class Bridge:
    """What the bridge would make of the events: a LiveCall."""

    agent = Agent("ada")

    def __init__(self) -> None:
        self.streaming = True
        self.leaving = self.over = False
        self.with_agent = True
        self.with_person = False
        self.kept = Transfers()
        self.events: list[on.Event] = []

    def receive(self, event: on.Event) -> None:
        self.events.append(event)
        match event:
            case on.CallerLeaving():
                self.leaving = True
            case on.CallerStays():
                assert self.streaming
                self.leaving = False
            case on.CallerConnected():
                self.with_agent = False
            case on.CallerReturning():
                self.with_agent = True
            case on.CallerGone():
                self.over = True

    def person_came(self, *billed: Service) -> None:
        assert billed[0] == "outbound-local"
        assert not self.with_person
        self.with_person = True

    def person_left(self) -> None:
        assert self.with_person
        self.with_person = False


class Telephone:
    """The Service of a World: passes on what happens as the switchboard does."""

    def __init__(self, escort: Escort, call: Bridge) -> None:
        self.escort, self.call = escort, call

    def caller_asks(self, redirect: str) -> str:
        return self._word(self.escort.caller_asks(redirect))

    def dial_ended(self, status: str) -> str:
        return self._word(self.escort.dial_ended(status))

    def human_answered(self) -> str:
        return self._word(self.escort.human_answered(HUMAN))

    def human_said(self, said: str) -> str:
        keys = {"accepted": "1", "refused": "2", "unclear": ""}[said]
        return self._word(self.escort.human_said(HUMAN, keys, ""))

    def _word(self, document: Document | None) -> str:
        return "end" if document is None else WORDS[type(document)]

    def human_status(self, status: str) -> None:
        self.escort.human_status(HUMAN, status)

    def room_changed(self, who: str, event: str) -> None:
        self.escort.room_changed(CALL if who == "caller" else HUMAN, f"participant-{event}")

    def machine(self) -> None:
        self.escort.machine(HUMAN, "machine_start")

    def stream_started(self) -> None:
        self.call.streaming, self.call.leaving = True, False
        self.escort.stream_started()

    def stream_ended(self) -> None:
        self.call.streaming = False
        if self.call.leaving:
            self.escort.stream_ended()
        else:
            self.call.over = True
            self.escort.receive(Event.CALL_ENDED)

    def caller_over(self) -> None:
        self.escort.receive(Event.CALLER_GONE)
        self.call.over = True


def begun(world: World, way: str) -> tuple[Escorts, Escort, Bridge]:
    call = Bridge()
    escorts = Escorts(Api(world), Addresses("https://voice.example"))  # type: ignore[arg-type]
    person = None if way == "digits" else PERSON
    escort = escorts.begin(
        "c1",
        CALL,
        call,  # type: ignore[arg-type]
        way,  # type: ignore[arg-type]
        lambda: STREAM,
        language="en",
        person=person,
        keys="1" if way == "digits" else "",
    )
    world.begin(Telephone(escort, call))
    return escorts, escort, call


def world_of(seed: int, **chances: float) -> World:
    loop = asyncio.get_running_loop()
    return World(random.Random(seed), loop.call_later, loop.time, Chances(**chances))


CALM = {"rest_fails": 0, "refused": 0, "lost": 0, "twice": 0, "caller_hangs_up": 0, "status_configured": 1}


@pytest.mark.parametrize(("way", "runs"), [("warm", 700), ("cold", 200), ("digits", 100)])
async def test_of_1000_random_calls_none_leaves_a_caller_alone(way: str, runs: int):
    met = 0
    for seed in range(runs):
        world = world_of(seed)
        _, escort, call = begun(world, way)
        await asyncio.sleep(1000)
        story = (way, seed, call.events)
        assert escort.over, story
        assert world.dialled <= 1, story
        assert world.humans_met <= 1, story
        assert world.human in ("none", "gone"), story
        assert world.silent_s <= 25, story  # two requests that time out, one after the other
        assert world.music_s <= 45, story
        if world.caller == "gone":
            assert call.over, story
            assert not world.hung_up_on or way == "cold", story
        else:
            assert (world.caller, call.over, call.with_agent, call.leaving) == ("stream", False, True, False), story
            assert escort.result.done(), story
        met += world.humans_met
    assert way == "digits" or met > runs / 10
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_a_transfer_that_is_given_up_lets_the_person_go():
    world = world_of(1, **CALM)
    _, escort, _ = begun(world, "warm")
    await asyncio.sleep(1)
    escort.receive(Event.GIVEN_UP)
    await asyncio.sleep(10)
    assert (escort.over, world.human, world.caller) == (True, "gone", "stream")


async def test_a_person_who_is_called_after_it_was_given_up_is_let_go():
    world = world_of(1, **CALM)
    _, escort, _ = begun(world, "warm")
    escort.receive(Event.GIVEN_UP)  # before Twilio has answered
    await asyncio.sleep(10)
    assert (world.dialled, world.human) == (1, "gone")


@pytest.mark.parametrize("came", ["unsure", "refused"])
async def test_a_person_is_let_go_of_until_they_are_gone(came: str):
    world = world_of(1, **CALM)
    tries: list[float] = []
    dismiss, loop = world.dismiss, asyncio.get_running_loop()

    def fails_at_first(done: Callable[[str], None]) -> None:
        tries.append(loop.time())
        done(came) if len(tries) < 3 else dismiss(done)

    world.dismiss = fails_at_first  # type: ignore[method-assign]
    _, escort, _ = begun(world, "warm")
    await asyncio.sleep(1)
    escort.receive(Event.GIVEN_UP)
    await asyncio.sleep(100)
    assert [round(later - tries[0]) for later in tries] == [0, 2, 7]
    assert world.human == "gone"


async def test_a_person_who_is_gone_is_let_alone():
    world = world_of(1, **CALM)
    tries: list[Callable[[str], None]] = []
    world.dismiss = tries.append  # type: ignore[method-assign]
    _, escort, _ = begun(world, "warm")
    await asyncio.sleep(1)
    escort.receive(Event.GIVEN_UP)
    await asyncio.sleep(1)
    tries[0]("gone")
    await asyncio.sleep(100)
    assert len(tries) == 1


async def test_a_stream_that_ends_without_a_question_is_looked_after_soon():
    world = world_of(1, **CALM)
    world.redirect = lambda tag, done: None  # type: ignore[method-assign]  # Twilio does not answer
    _, _, call = begun(world, "cold")
    world.tells_status = False
    world.caller_hangs_up()
    await asyncio.sleep(ASKS_WITHIN_S + 2)
    assert call.over


async def test_keys_are_pressed_once_however_often_the_line_asks():
    world = world_of(1, **CALM)
    _, escort, _ = begun(world, "digits")
    assert isinstance(escort.caller_asks("1"), PressKeys)
    assert isinstance(escort.caller_asks("1"), PressKeys), "the same question, asked again"
    assert isinstance(escort.caller_asks(""), Connect)
    assert await escort.result == "The keys were pressed."


@pytest.mark.parametrize(("way", "then"), [("digits", PressKeys), ("cold", CallPerson)])
async def test_a_line_that_asks_by_itself_waits_for_the_redirect_that_is_under_way(way: str, then: type[Document]):
    world = world_of(1, **CALM)
    answers: list[Callable[[str], None]] = []
    world.redirect = lambda tag, done: answers.append(done)  # type: ignore[method-assign]
    for came in (None, "unsure"):
        _, escort, call = begun(world, way)
        await asyncio.sleep(0.1)
        call.streaming = False  # the connection was lost
        escort.stream_ended()
        assert isinstance(escort.caller_asks(""), Wait)
        if came:
            answers.pop()(came)
            await asyncio.sleep(0.1)
        assert isinstance(escort.caller_asks("" if came else "1"), then)


async def test_a_caller_whom_the_api_does_not_know_is_not_gone_from_the_stream():
    world = world_of(1, **CALM)
    world.redirect = lambda tag, done: done("gone")  # type: ignore[method-assign]  # such as one of another region
    _, escort, call = begun(world, "cold")
    await asyncio.sleep(0.1)
    assert await escort.result == NOT_CONNECTED
    assert [type(event) for event in call.events] == [on.CallerLeaving, on.CallerStays]


async def test_keys_that_take_long_are_not_interrupted():
    world = world_of(1, **CALM)
    world.redirect = lambda tag, done: None  # type: ignore[method-assign]
    call = Bridge()
    escorts = Escorts(Api(world), Addresses("https://voice.example"))  # type: ignore[arg-type]
    escort = escorts.begin("c1", CALL, call, "digits", lambda: STREAM, language="en", keys="w" * 60)
    call.streaming = False
    assert isinstance(escort.caller_asks("1"), PressKeys)
    await asyncio.sleep(30 + 10)
    assert len(call.events) == 2
    escort.stream_started()
    assert escort.over


@pytest.mark.parametrize("news", ["participant-join", "conference-start"])
async def test_either_news_of_the_caller_in_the_room_is_enough(news: str):
    _, escort, call = begun(world_of(1, **CALM), "warm")
    escort.room_changed("", "conference-start")  # nobody is in it yet: nothing to be known by
    escort.human_answered(HUMAN)
    escort.human_said(HUMAN, "1", "")
    escort.room_changed(HUMAN, "participant-join")
    assert isinstance(escort.caller_asks("1"), EnterRoom)
    escort.room_changed(CALL if news == "participant-join" else "", news)
    assert call.events[-1] == on.CallerConnected("reception")


async def test_a_detour_is_forgotten_some_time_after_its_end():
    world = world_of(1, **CALM)
    escorts, escort, _ = begun(world, "warm")
    await asyncio.sleep(1)
    [detour_id] = escorts._escorts
    params = {"transfer": detour_id, "CallSid": HUMAN}
    escorts.person_news("transfer-status", params | {"CallStatus": "busy"})
    assert (escort.over, await escort.result) == (True, "The line is busy.")
    assert escorts.person_asks("transfer-human", params) == Ending(
        "The caller is no longer on the line. Goodbye.", "en"
    )
    await asyncio.sleep(REMEMBERED_S + 1)
    assert escorts.person_asks("transfer-human", params) == Ending()
    assert not escorts._escorts


async def test_whoever_else_calls_with_a_known_id_hears_nothing():
    world = world_of(1, **CALM)
    _, escort, _ = begun(world, "warm")
    assert isinstance(escort.human_answered(HUMAN), Brief)
    other = "CA" + "9" * 32
    assert escort.human_answered(other) == escort.human_said(other, "1", "") == Ending()
    escort.human_status(other, "completed")
    escort.machine(other, "machine_start")
    escort.room_changed(other, "participant-join")
    assert isinstance(escort.human_said(HUMAN, "1", ""), HostRoom)


async def test_a_machine_is_told_nothing_more_once_it_is_known_for_one():
    _, escort, _ = begun(world_of(1, **CALM), "warm")
    assert isinstance(escort.human_answered(HUMAN), Brief)
    escort.machine(HUMAN, "machine_start")
    assert escort.human_said(HUMAN, "", "Yes, hello, this is the voicemail of Bob.") == Ending()


async def test_a_machine_that_is_known_for_one_before_it_asks_is_told_nothing():
    _, escort, _ = begun(world_of(1, **CALM), "warm")
    escort.machine(HUMAN, "machine_start")
    assert escort.human_answered(HUMAN) == Ending()
