"""A call whose peers change: another session, another stream, and what the earlier ones still say."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from phoneagent import prices
from phoneagent.agents.directory import AgentDirectory
from phoneagent.calls.answer import Switchboard
from phoneagent.calls.control import Control, Switches
from phoneagent.calls.keeper import Keeper
from phoneagent.calls.live import AgentTookOver, CallAnswered, CallEnded, Feed, News
from phoneagent.calls.record import CallDetails, CallRecord
from phoneagent.calls.runner import CallRunner
from phoneagent.calls.spending import Purse
from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Agent, Filler, Limits, ToolPolicy, ToolSpec
from phoneagent.core.costs import Cost, Usage
from phoneagent.core.dials import Dial
from phoneagent.core.errors import Problem
from phoneagent.core.records import Entry
from phoneagent.tools import Call, Toolbox, ToolResult
from phoneagent.twilio.webhook import Connect, IncomingCall, Refuse
from tests.calls.service import CALLER, NUMBER, write_agent

ADA = Agent("ada", greeting=None, idle=None, tools=("look",), model="gpt-realtime-2.1")
BILL = Agent("bill", greeting=None, idle=None, voice="cedar", model="gpt-realtime-2.1-mini")
AUDIO = "/" * 216


@dataclass
class FakeSession:
    agent: Agent
    prompt: str
    receive: Callable[[on.Event], None]
    sent: list[do.Command] = field(default_factory=list)
    updates: list[str] = field(default_factory=list)
    closed: bool = False

    def send(self, command: do.Command) -> None:
        self.sent.append(command)

    def update(self, agent: Agent, prompt: str, tools: Any) -> None:
        self.updates.append(agent.name)

    def close(self) -> None:
        self.closed = True


class FakeEngine:
    name = "fake"

    def __init__(self) -> None:
        self.sessions: list[FakeSession] = []

    def open(self, agent: Agent, prompt: str, tools: Any, receive: Callable[[on.Event], None]) -> FakeSession:
        self.sessions.append(FakeSession(agent, prompt, receive))
        return self.sessions[-1]


@dataclass
class FakeLeg:
    sent: list[do.Command] = field(default_factory=list)
    closed: bool = False

    def send(self, command: do.Command) -> None:
        self.sent.append(command)

    def close(self) -> None:
        self.closed = True


class Look:
    """A tool that looks until it is told what it sees."""

    spec = ToolSpec("look", "Look.", {"type": "object", "properties": {}}, ToolPolicy(while_running=Filler(None, 100)))

    def __init__(self) -> None:
        self.sees: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    async def run(self, arguments: str, call: Call) -> object:
        return await asyncio.shield(self.sees)


class OnePhone:
    """A call with peers of the test's own."""

    def __init__(self, agent: Agent = ADA) -> None:
        self.engine, self.look, self.feed = FakeEngine(), Look(), Feed()
        self.news: list[News] = []
        self.feed.watch(self.news.append)
        self.records: list[CallRecord] = []
        self.entries: list[Entry] = []
        self.runner = CallRunner(
            CallDetails("c1", "CA1", CALLER, NUMBER, agent, datetime.now(UTC)),
            lambda agent, tools: f"Be {agent.name}.",
            self.engine,
            Toolbox({"look": self.look}),
            Keeper(self.feed, lambda entry, redactor: self.entries.append(entry)),
            prices.load(),
            Purse(),
            lambda call: Control("c1", "CA1", CALLER, NUMBER, call, lambda: Connect("t", "", "en"), Switches(None)),  # type: ignore[arg-type]
            self.records.append,
            asyncio.get_running_loop().time,
        )
        self.leg = FakeLeg()
        self.caller = self.runner.attach(self.leg)
        self.session.receive(on.SessionReady("sess_1"))
        self.caller(on.StreamStarted())

    @property
    def session(self) -> FakeSession:
        return self.engine.sessions[-1]

    def calls_tool(self) -> None:
        for event in (
            on.ResponseStarted("r1"),
            on.ToolCalled("r1", "t1", "look", "{}"),
            on.ResponseEnded("r1", "completed", usage=Usage(text_out=1000)),
        ):
            self.session.receive(event)


pytestmark = pytest.mark.virtual_time


async def test_nothing_of_a_session_is_told_once_another_has_taken_its_place():
    phone = OnePhone()
    first = phone.session
    phone.runner._do(do.OpenSession(BILL))
    assert first.closed
    first.receive(on.SessionEnded(Problem("close:1006")))
    first.receive(on.ResponseStarted("r9"))
    assert phone.runner.over is None
    phone.session.receive(on.SessionReady())
    assert phone.session.prompt == "Be bill."
    phone.caller(on.CallerAudio(AUDIO))
    assert phone.session.sent[-1] == do.AppendAudio(AUDIO)
    assert do.AppendAudio(AUDIO) not in first.sent


async def test_what_a_session_says_while_it_is_being_replaced_is_not_told_either():
    phone = OnePhone()
    first = phone.session
    phone.runner._busy = True  # in the middle of commands
    first.receive(on.SessionEnded(Problem("close:1006")))
    phone.runner._do(do.OpenSession(BILL))
    phone.runner._busy = False
    phone.runner.receive(on.DigitPressed("1"))
    assert phone.runner.over is None


async def test_a_closed_session_is_sent_nothing():
    phone = OnePhone()
    first = phone.session
    phone.runner._do(do.CloseSession())
    sent = len(first.sent)
    phone.caller(on.CallerAudio(AUDIO))
    first.receive(on.SessionEnded(Problem("close:1006")))
    assert (first.closed, len(first.sent), phone.runner.over) == (True, sent, None)


async def test_the_stop_of_a_stream_that_another_has_replaced_is_no_hang_up():
    phone = OnePhone()
    phone.runner.receive(on.CallerLeaving())
    second = FakeLeg()
    caller = phone.runner.attach(second)  # before the first has said that it is gone
    phone.runner.receive(on.CallerReturning("Back."))
    caller(on.StreamStarted())
    phone.caller(on.StreamEnded())
    assert phone.runner.over is None
    assert phone.runner.streaming
    caller(on.StreamEnded())
    assert (phone.runner.over is not None, phone.runner.streaming) == (True, False)


async def test_another_agent_is_told_of_and_pays_for_its_own_model():
    phone = OnePhone()
    phone.calls_tool()
    phone.runner._do(do.UpdateSession(replace(BILL, voice="marin")))
    assert phone.session.updates == ["bill"]
    assert phone.news[-1] == AgentTookOver("c1", "bill")
    phone.caller(on.StreamEnded())
    [record] = phone.records
    assert record.took_over == ("bill",)
    assert record.usage.text_out == 1000


async def test_a_tool_that_hands_over_brings_the_agents_policies():
    phone = OnePhone()

    async def hands_over(name: str, arguments: str, call: Call) -> ToolResult:
        return ToolResult('{"result":null}', agent=BILL)

    phone.runner._toolbox.run = hands_over  # type: ignore[method-assign]
    phone.calls_tool()
    await asyncio.sleep(0.1)
    for event in (on.ResponseStarted("r2"), on.ResponseEnded("r2", "completed")):  # the announcement
        phone.session.receive(event)
    await asyncio.sleep(20)
    assert phone.runner.agent == BILL
    assert [session.agent.name for session in phone.engine.sessions] == ["ada", "bill"]


async def test_a_tool_that_is_stopped_is_in_the_record():
    phone = OnePhone()
    phone.calls_tool()
    await asyncio.sleep(0.05)
    phone.runner._do(do.CancelTool("t1"))
    phone.runner._do(do.CancelTool("t1"))
    await asyncio.sleep(0.05)
    assert not [task for task in asyncio.all_tasks() if "_run_tool" in repr(task)]
    phone.look.sees.set_result("too late")
    await asyncio.sleep(0.05)
    phone.caller(on.StreamEnded())
    [record] = phone.records
    assert [("cancelled" in run.output, run.name) for run in record.tools] == [(True, "look")]


async def test_music_fills_the_time_of_a_tool_and_ends_with_it():
    phone = OnePhone()
    phone.calls_tool()
    await asyncio.sleep(2.5)
    pieces = [command for command in phone.leg.sent if isinstance(command, do.PlayAudio)]
    assert len(pieces) == 3
    phone.look.sees.set_result("a door")
    await asyncio.sleep(0.05)
    assert phone.leg.sent[-1] == do.ClearPlayout()
    await asyncio.sleep(3)
    assert phone.leg.sent[-1] == do.ClearPlayout()


# Calls that we place


class OneDial:
    """The dials of one call."""

    unanswered = 0

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        now = datetime.now(UTC)
        self.dial = Dial("1", "nonce", "sales", "+15550142", NUMBER, {"name": "Grace"}, now)

    def cancel_unanswered(self) -> None:
        raise NotImplementedError

    def expected(self, nonce: str, call_sid: str) -> Dial | None:
        return self.dial if nonce == "nonce" else None

    def status(self, nonce: str, params: Any) -> None:
        self.told.append((nonce, params["CallStatus"]))

    def machine(self, nonce: str, params: Any) -> None:
        self.told.append((nonce, params["AnsweredBy"]))


def incoming(dial: str | None, sid: str = "1") -> IncomingCall:
    form = {"CallSid": "CA" + sid * 32, "From": NUMBER, "To": "+15550142", "Direction": "outbound-api"}
    return IncomingCall.parse(form | ({} if dial is None else {"dial": dial}))


async def test_a_call_that_we_have_placed_is_led_by_the_agent_and_the_variables_of_its_dial(tmp_path: Path):
    write_agent(tmp_path, "numbers: []\ngreeting: none", name="sales", prompt="Call {{var.name}}.")
    engine, dials, feed = FakeEngine(), OneDial(), Feed()
    feed_told: list[News] = []
    feed.watch(feed_told.append)
    switchboard = Switchboard(
        AgentDirectory(tmp_path / "agents"),
        engine,
        Toolbox({}),
        Keeper(feed),
        prices.load(),
        max_calls=1,
        clock=lambda: datetime.now(UTC),
        dials=dials,
        monotonic=asyncio.get_running_loop().time,
    )
    assert switchboard.answer(incoming("guessed")) == Refuse("rejected")
    assert engine.sessions == []
    assert isinstance(switchboard.answer(incoming("nonce"), draining=True), Connect)  # whom we have called
    assert engine.sessions[0].prompt == "Call Grace."
    assert not switchboard.has_room()
    assert feed_told == [CallAnswered("1", "sales", telephone=True)]  # the id is the dial's
    assert isinstance(switchboard.answer(incoming("nonce", "2")), Connect)  # there was room for it when it was placed
    call_sid = incoming(None).call_sid
    assert switchboard.is_live(call_sid)
    switchboard.machine({"CallSid": call_sid, "AnsweredBy": "machine_start", "dial": "nonce"})
    switchboard.machine_answered(call_sid, None)
    assert not switchboard.is_live(call_sid)
    switchboard.status({"CallSid": call_sid, "CallStatus": "completed", "dial": "nonce"})
    assert dials.told == [("nonce", "machine_start"), ("nonce", "completed")]


async def test_without_a_dialer_none_of_our_calls_is_answered(tmp_path: Path):
    write_agent(tmp_path)
    switchboard = Switchboard(
        AgentDirectory(tmp_path / "agents"),
        FakeEngine(),
        Toolbox({}),
        Keeper(Feed()),
        prices.load(),
        max_calls=10,
        clock=lambda: datetime.now(UTC),
    )
    assert switchboard.answer(incoming("nonce")) == Refuse("rejected")


async def test_what_a_call_has_cost_is_known_while_it_runs():
    phone = OnePhone()
    phone.session.receive(on.ResponseStarted("r1"))
    phone.session.receive(on.ResponseEnded("r1", "completed", usage=Usage(text_out=1000)))  # for 24.00 a million
    await asyncio.sleep(70)
    assert phone.runner.cost_so_far == Cost(
        model=Decimal("0.024"), telephone=Decimal("0.0170"), streams=Decimal("0.0080")
    )
    phone.caller(on.StreamEnded())
    await asyncio.sleep(600)
    assert phone.records[0].cost == phone.runner.cost_so_far  # a call that is over costs nothing more


async def test_a_call_in_which_nothing_happens_uses_up_its_money_too():
    phone = OnePhone(replace(ADA, limits=Limits(call_usd=Decimal("0.03"))))  # two minutes are 0.025
    await asyncio.sleep(119)
    assert phone.session.sent == []
    await asyncio.sleep(12)
    assert [type(command) for command in phone.session.sent] == [do.RequestResponse]
    await asyncio.sleep(15)
    assert (phone.records[0].outcome, phone.records[0].reason) == ("cost_limit", "limits.call_usd")


async def test_a_caller_who_is_out_of_the_stream_pays_for_the_line_alone():
    phone = OnePhone()
    phone.runner.receive(on.CallerLeaving())
    phone.caller(on.StreamEnded())
    await asyncio.sleep(5)
    phone.runner.receive(on.CallerConnected("reception"))
    await asyncio.sleep(120)
    assert not phone.records
    assert phone.runner.cost_so_far == Cost(telephone=Decimal("0.0255"))


@pytest.mark.parametrize(
    ("direction", "to", "on_machine", "a_minute"),
    [
        ("inbound", "+12125550100", "hang_up", "0.0085"),
        ("inbound", "+18005550100", "hang_up", "0.0220"),
        ("outbound-api", "+12125550100", "talk", "0.0140"),
        ("outbound-api", "+12125550100", "hang_up", "0.0215"),  # with the detection of machines
    ],
)
async def test_a_call_is_billed_by_its_direction_and_by_the_number_that_is_called(
    tmp_path: Path, direction: str, to: str, on_machine: str, a_minute: str
):
    write_agent(tmp_path, f'numbers: ["*"]\noutbound: {{on_machine: {on_machine}}}')
    feed, ended = Feed(), asyncio.get_running_loop().create_future()
    feed.watch(lambda news: ended.set_result(news.record) if isinstance(news, CallEnded) else None)
    switchboard = Switchboard(
        AgentDirectory(tmp_path / "agents"),
        FakeEngine(),
        Toolbox({}),
        Keeper(feed),
        prices.load(),
        max_calls=10,
        clock=lambda: datetime.now(UTC),
        monotonic=asyncio.get_running_loop().time,
        new_id=lambda: "c1",
    )
    form = {"CallSid": "CA" + "1" * 32, "From": NUMBER, "To": to, "Direction": direction}
    assert isinstance(switchboard.answer(IncomingCall.parse(form)), Connect)
    await asyncio.sleep(1)
    switchboard.end_calls("enough")
    record = await ended
    assert record.cost.total == Decimal(a_minute)
    assert (record.call_id, record.call_sid) == ("c1", form["CallSid"])
    assert record.direction == direction.removesuffix("-api")
