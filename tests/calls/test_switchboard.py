"""Which agent answers, which stream and which session belong to a call, and when both are let go."""

import asyncio
import base64
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from phoneagent import prices
from phoneagent.agents.directory import AgentDirectory
from phoneagent.app import Service
from phoneagent.calls.answer import STREAM_WITHIN_S, Switchboard
from phoneagent.calls.keeper import Keeper
from phoneagent.calls.live import Feed
from phoneagent.engines.realtime import targets
from phoneagent.engines.realtime.session import RealtimeEngine
from phoneagent.simulate.caller import Action
from phoneagent.simulate.playout import PlayoutQueue
from phoneagent.simulate.realtime_events import Speech, ToolCall, response
from phoneagent.simulate.script import HangUp, Silence
from phoneagent.simulate.scripted_model import ScriptedModel, ScriptedSession, expect
from phoneagent.tls import trusted
from phoneagent.tools import Toolbox
from phoneagent.twilio.signature import sign
from phoneagent.twilio.webhook import Connect, IncomingCall
from tests.calls.service import (
    AUTH_TOKEN,
    CALLER,
    NUMBER,
    WITHIN_S,
    phone_of,
    records,
    serving,
    write_agent,
    write_tools,
)

FORM = {
    "CallSid": "CA" + "1" * 32,
    "AccountSid": "AC" + "1" * 32,
    "From": CALLER,
    "To": NUMBER,
    "Direction": "inbound",
    "CallStatus": "ringing",
}


async def webhook(service: Service, path: str = "/incoming", **fields: str) -> str:
    """The answer to a webhook, without a phone that would follow it."""
    url, form = service.url + path, FORM | fields
    async with httpx.AsyncClient(trust_env=False, verify=trusted()) as http:
        answer = await http.post(url, data=form, headers={"X-Twilio-Signature": sign(AUTH_TOKEN, url, form)})
    assert answer.is_success
    return answer.text


# The session is there before the stream


async def test_the_webhook_dials_the_session_and_the_greeting_is_on_its_way_before_any_stream(tmp_path: Path):
    write_agent(tmp_path, "greeting: Good evening!", prompt="You talk to {{caller}}.")
    async with ScriptedModel() as model, serving(tmp_path, model) as service:
        assert "<Stream" in await webhook(service)
        session = await model.session()
        update = await session.received("session.update")
        assert update["session"]["instructions"] == f"You talk to {CALLER}."
        assert "Good evening!" in (await session.received("response.create"))["response"]["instructions"]
        assert session.frames == 0


async def test_a_webhook_sent_twice_gets_the_same_answer_and_makes_one_call(tmp_path: Path):
    write_agent(tmp_path)
    async with ScriptedModel() as model, serving(tmp_path, model) as service:
        one, other = await asyncio.gather(webhook(service), webhook(service))
        assert one == other == await webhook(service)
        await (await model.session()).received("session.update")
        assert (len(model.sessions), service.switchboard.live_calls) == (1, 1)


async def test_a_call_that_the_carrier_reports_to_be_over_is_over(tmp_path: Path):
    write_agent(tmp_path)
    async with ScriptedModel() as model, serving(tmp_path, model) as service:
        await webhook(service)
        session = await model.session()
        await session.received("session.update")
        await webhook(service, "/status", CallStatus="in-progress")
        assert service.switchboard.live_calls == 1
        await webhook(service, "/status", CallStatus="completed")
        await asyncio.wait_for(session.closed, WITHIN_S)
        assert service.switchboard.live_calls == 0


@pytest.mark.virtual_time
async def test_a_session_for_which_no_stream_comes_is_closed_after_20_seconds(tmp_path: Path):
    write_agent(tmp_path)
    async with ScriptedModel() as model:
        switchboard = Switchboard(
            AgentDirectory(tmp_path / "agents"),
            RealtimeEngine(targets.openai(None, model.url)),
            Toolbox({}),
            Keeper(Feed()),
            prices.load(),
            max_calls=10,
            clock=lambda: datetime.now(UTC),
            monotonic=asyncio.get_running_loop().time,
        )
        assert isinstance(switchboard.answer(IncomingCall.parse(FORM)), Connect)
        session = await model.session()
        await asyncio.sleep(STREAM_WITHIN_S - 0.1)
        assert session.config["instructions"] == "Be Ada."
        assert not session.closed.done()
        await asyncio.sleep(0.2)
        assert session.closed.done()
        assert switchboard.live_calls == 0


# Calls do not mix


class Tagged:
    """A caller all of whose audio is one byte."""

    def __init__(self, tag: int) -> None:
        self.utterances = []
        self.notes = []
        self._action = Action(base64.b64encode(bytes([tag]) * 160).decode())
        self._last = Action(self._action.audio, ending="hung up")
        self._frames = 0

    def act(self, now: float, heard: PlayoutQueue) -> Action:
        self._frames += 1
        return self._last if self._frames >= 35 and heard.chunks else self._action


def echo(session: ScriptedSession) -> list[object]:
    """The agent speaks in the audio that it hears."""
    return response(Speech(ms=400, fill=session.audio[0]))


@pytest.mark.parametrize("caller", [CALLER, "anonymous"])
async def test_concurrent_calls_of_one_caller_do_not_mix(tmp_path: Path, caller: str):
    write_agent(tmp_path)
    async with (
        ScriptedModel([expect("input_audio_buffer.append").then(echo)]) as model,
        serving(tmp_path, model) as service,
        phone_of(service) as phone,
    ):
        calls = {tag: phone.connect(NUMBER, Tagged(tag), caller=caller) for tag in range(0x20, 0x2C)}
        for call in calls.values():
            await call.ended()
        await asyncio.wait_for(asyncio.gather(*(session.closed for session in model.sessions)), WITHIN_S)
    for tag, call in calls.items():
        assert {byte for chunk in call.record.line.playout.chunks for byte in chunk.audio} == {tag}
    assert sorted(session.audio[0] for session in model.sessions) == list(calls)
    assert all(set(session.audio) == {session.audio[0]} for session in model.sessions)


# A call that is over leaves nothing behind

HANGS = '''
import asyncio
from phoneagent.tools import tool

@tool(timeout_s=600)
async def think() -> str:
    """Think for long."""
    await asyncio.sleep(600)
    return ""
'''


async def test_when_the_caller_hangs_up_session_and_tools_end_at_once(tmp_path: Path):
    write_agent(tmp_path, "greeting: none\ntools: [think]")
    write_tools(tmp_path, HANGS)
    script = [expect("input_audio_buffer.append").then(*response(ToolCall("think"), Speech(ms=5000)))]
    async with ScriptedModel(script) as model, serving(tmp_path, model) as service, phone_of(service) as phone:
        call = phone.dial(NUMBER, [Silence(30)])
        await call.until(lambda record: record.streams and record.agent_turns)
        thinking = [task for task in asyncio.all_tasks() if "ToolRuns._run" in repr(task)]
        assert len(thinking) == 1
        call.hang_up()
        await call.ended()
        await asyncio.wait_for((await model.session()).closed, WITHIN_S)
        assert (model.open_sessions, service.switchboard.live_calls) == (0, 0)
        done, _ = await asyncio.wait(thinking, timeout=WITHIN_S)
        assert done


# What the caller hears when something is wrong

APOLOGY = "Sorry, please call again."


async def test_an_engine_that_refuses_the_session_is_apologized_for(tmp_path: Path):
    write_agent(tmp_path, f"apology: {APOLOGY}")
    async with (
        ScriptedModel(refuse=401) as model,
        serving(tmp_path, model) as service,
        phone_of(service) as phone,
    ):
        ended = records(service)
        record = await phone.dial(NUMBER, [Silence(30)]).ended()
        assert (record.outcome, record.said) == ("agent hung up", [APOLOGY])
        assert (await ended.get()).reason == "invalid_api_key"
        assert service.switchboard.live_calls == 0


async def test_a_session_lost_in_the_middle_is_apologized_for_once_it_was_heard(tmp_path: Path):
    write_agent(tmp_path, f"apology: {APOLOGY}")
    script = [expect("input_audio_buffer.append").then(*response(Speech(ms=600)))]
    async with ScriptedModel(script) as model, serving(tmp_path, model) as service, phone_of(service) as phone:
        call = phone.dial(NUMBER, [Silence(30)])
        await call.until(lambda record: record.streams and record.agent_turns)
        (await model.session()).close(1011)
        record = await call.ended()
        assert (record.outcome, record.said) == ("agent hung up", [APOLOGY])
        assert sum(chunk.played_ms for chunk in record.line.playout.chunks) == 600


async def test_a_caller_whose_stream_broke_off_is_still_there_and_apologized_to(tmp_path: Path):
    write_agent(tmp_path, f"apology: {APOLOGY}")
    async with ScriptedModel() as model, serving(tmp_path, model) as service, phone_of(service) as phone:
        call = phone.dial(NUMBER, [Silence(30)])
        await (await model.session()).received("session.update")
        await call.until(lambda record: record.streams and record.line.frames_sent)
        assert call.stream is not None
        call.stream.drop()
        record = await call.ended()
        assert APOLOGY in await webhook(service, "/stream-ended", CallSid=record.call_sid)
        await asyncio.wait_for((await model.session()).closed, WITHIN_S)


async def test_after_a_goodbye_nothing_more_is_said(tmp_path: Path):
    write_agent(tmp_path, "greeting: none\ntools: [end_call]")
    script = [expect("input_audio_buffer.append").then(*response(Speech("Goodbye!", ms=200), ToolCall("end_call")))]
    async with ScriptedModel(script) as model, serving(tmp_path, model) as service, phone_of(service) as phone:
        record = await phone.dial(NUMBER, [Silence(30)]).ended()
        assert (record.outcome, record.said) == ("agent hung up", [])
        assert sum(chunk.played_ms for chunk in record.line.playout.chunks) == 200
        assert "<Say" not in await webhook(service, "/stream-ended", CallSid=record.call_sid)


async def test_one_call_too_many_is_busy_until_a_line_is_free(tmp_path: Path):
    write_agent(tmp_path)
    async with (
        ScriptedModel() as model,
        serving(tmp_path, model, PHONEAGENT_MAX_CALLS="1") as service,
        phone_of(service) as phone,
    ):
        call = phone.dial(NUMBER, [Silence(30)])
        await call.until(lambda record: record.streams)
        assert '<Reject reason="busy"' in await webhook(service)
        assert (await phone.dial(NUMBER, [HangUp()]).ended()).outcome == "rejected"
        call.hang_up()
        await call.ended()
        await asyncio.wait_for((await model.session()).closed, WITHIN_S)
        assert (await phone.dial(NUMBER, [HangUp()]).ended()).outcome == "caller hung up"
        assert len(model.sessions) == 2


async def test_a_number_that_no_agent_answers_is_rejected_and_dials_no_session(tmp_path: Path):
    write_agent(tmp_path)
    async with ScriptedModel() as model, serving(tmp_path, model) as service:
        assert '<Reject reason="rejected"' in await webhook(service, To="+15550142")
        assert (model.sessions, service.switchboard.live_calls) == ([], 0)
