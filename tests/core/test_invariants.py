"""Random calls: whatever happens in whatever order, what docs/architecture.md says always holds, holds."""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from math import inf
from random import Random

import pytest

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import ToolPolicy
from phoneagent.core.bridge import CallBridge
from phoneagent.core.confirmations import Deed, deed
from phoneagent.core.failures import RESPONSE_OVERDUE_S

from .chaos import TOOLS, Chaos, Phone, Session, agent
from .taping import Taping

OPERATOR = "the operator"  # of whom a phone knows as little as of turns
EVENTS = int(os.environ.get("PHONEAGENT_RANDOM_EVENTS", "200000"))


class Watched:
    """A call whose every command is checked."""

    def __init__(self, random: Random, name: str) -> None:
        self.random = random
        self.name = name
        self.bridge = CallBridge(agent(random), began=0.0, tools=TOOLS)
        self.phone = Phone(random)
        self.chaos = Chaos(random, name)
        self.now = 0.0
        self.ends = 0
        self.music = False
        self.taping = Taping(self.bridge.agent)
        # audio and turns, by their ids in the call
        self.turn_of: dict[str, str] = {}
        self.ms_of: dict[str, float] = {}
        self.sent_ms: defaultdict[str, float] = defaultdict(float)
        self.cleared: set[str] = set()
        # tools, by their ids in the call
        self.ran: dict[str, Deed] = {}
        self.done: dict[Deed, str] = {}  # with side effects
        self.wanted_at: dict[Deed, int] = {}  # to be confirmed: the caller's turns before it was first wanted
        self.caller_turns = 0
        self.caller_waits = False  # for an answer, whatever tools still run
        self.asked_for_caller = False
        self.asked_since = inf  # the first request that nothing has come of

    @property
    def session(self) -> Session:
        return self.chaos.session

    def happens(self, event: on.Event) -> None:
        session, chaos = self.session, self.chaos
        match event:
            case on.StreamStarted():
                if chaos.away:  # what was asked for before may have been given up meanwhile
                    session.asked = False
                chaos.started, chaos.streaming, chaos.away, chaos.leaving = True, True, False, False
            case on.StreamEnded() | on.CallerConnected() if chaos.leaving:
                chaos.streaming, chaos.away, chaos.leaving = False, True, False
                self.cleared |= self._to_be_heard()
            case on.CallerLeaving():
                chaos.leaving = chaos.streaming
            case on.CallerStays():
                chaos.leaving = False
            case on.SessionReady():
                session.ready = session.alive
            case on.SessionEnded():
                session.alive = False
            case on.SessionErrored(problem) if problem.code == "session_expired":
                session.expired = True
            case on.ResponseStarted(response_id):
                if response_id not in session.active:  # another one that has this id, too
                    others = (raw for raw in session.posted if session.called[raw].response_id != response_id)
                    session.posted = set(others)
                session.active.add(response_id)
                session.asked, self.asked_since = False, inf
            case on.ResponseEnded(response_id, status):
                if response_id in session.active and status != "failed" and self.asked_for_caller:
                    self.caller_waits = self.asked_for_caller = False
                session.active.discard(response_id)
            case on.ResponseRefused():
                session.asked = self.asked_for_caller = False
            case on.AgentAudio(_, turn_id, audio, ms):
                self.turn_of[audio], self.ms_of[audio] = session.in_call(turn_id), ms
            case on.ToolCalled(_, tool_call_id, name, arguments):
                session.called.setdefault(tool_call_id, event)
                self.wanted_at.setdefault(deed(name, arguments), self.caller_turns)
            case on.ApprovalRequested(_, name, arguments):
                self.wanted_at.setdefault(deed(name, arguments), self.caller_turns)
            case on.RemoteToolStarted(_, tool_call_id):
                session.remote.add(tool_call_id)
            case on.ToolFinished(tool_call_id, _, ran) if tool_call_id in chaos.running:
                chaos.running.discard(tool_call_id)
                if not ran:
                    self.done.pop(self.ran[tool_call_id], None)
                    self.wanted_at[self.ran[tool_call_id]] = -1  # what was confirmed still is
            case on.AgentChanged(tool_call_id):
                chaos.running.discard(tool_call_id)
            case on.OperatorAudio(audio, ms):
                self.turn_of[audio], self.ms_of[audio] = OPERATOR, ms
        if isinstance(event, on.CallerWrote) or (isinstance(event, on.CallerTurnEnded) and not event.silent):
            self.caller_turns += 1
            self.caller_is_to_be_answered()
        if isinstance(event, on.StreamStarted | on.StreamEnded | on.CallerReturning | on.HandedBack):
            self.caller_is_to_be_answered()
        agent = self.bridge.agent
        commands = self.bridge.receive(event, self.now)
        if isinstance(event, on.DigitPressed) and not any(isinstance(one, do.ReportConsent) for one in commands):
            self.taping.pressed(agent, self.now)
        self.check(commands, event)
        if isinstance(event, on.StreamEnded | on.CallerConnected) and chaos.away:
            self.phone.leave(self.now)
            assert not self.music, "no music for nobody"
        if isinstance(event, on.CallerStartedSpeaking) and chaos.streaming:
            assert not self.music, "music gives way to the caller"

    def caller_is_to_be_answered(self) -> None:
        self.caller_waits, self.asked_for_caller = True, False

    def at(self, time: float) -> None:
        for mark, at in self.phone.returned(time):
            self._tick_until(at)
            self.happens(on.MarkReached(mark))
            if self.random.random() < 0.02:
                self.happens(on.MarkReached(mark))
        self._tick_until(time)

    def _tick_until(self, time: float) -> None:
        time = max(self.now, time)
        for _ in range(100):
            due = self.bridge.deadline
            if due is None or due > time:
                break
            self.now = max(self.now, due)
            self.check(self.bridge.tick(self.now), None)
        else:
            pytest.fail(f"{self.name}: a deadline that never passes")
        self.now = time

    def check(self, commands: do.Commands, event: on.Event | None) -> None:
        self.phone.sent(self.now)
        for before, command in zip((None, *commands), commands, strict=False):
            assert not self.ends, "7: nothing follows the end"
            session = self.session
            self.taping.take(command, self.now)
            match command:
                case do.PlayAudio(audio):
                    assert audio.startswith(self.name), "3: audio of this call only"
                    assert not self.music, "nothing is queued behind music"
                    assert self.chaos.streaming, "nothing is played to nobody"
                    turn = self.turn_of[audio]
                    assert (turn is OPERATOR) == self.chaos.taken_over, "who has the call is heard, nobody else"
                    assert turn not in self.cleared, "1: no audio of a turn that was cleared"
                    self.sent_ms[turn] += self.ms_of[audio]
                    self.phone.take(command, turn, self.ms_of[audio])
                case do.SendMark():
                    self.phone.take(command)
                case do.ClearPlayout():
                    assert not self.chaos.taken_over, "the operator is not cut off"
                    self.cleared |= self._to_be_heard()
                    self.phone.take(command)
                case do.TruncateTurn(turn_id, heard_ms) if session.in_call(turn_id) in self.sent_ms:
                    turn = session.in_call(turn_id)
                    heard = self.phone.heard_ms(turn, self.now)
                    assert 0 <= heard_ms <= heard + 0.01, f"2: {heard_ms} ms claimed, {heard} heard"
                    assert heard <= self.sent_ms[turn] + 0.01, "2: heard is at most what was sent"
                case do.AppendAudio(audio):
                    assert audio.startswith(self.name), "3: audio of this call only"
                    assert session.ready, "6: no audio before the formats are confirmed"
                case do.AddMessage(role, text):
                    assert session.ready, "6: nothing is said to a session that is not ready"
                    if role == "user" and "typed" in text:
                        self.caller_turns += 1
                        self.caller_is_to_be_answered()
                case do.RequestResponse(instructions):
                    assert session.ready, "6: nothing is asked of a session that is not ready"
                    assert not self.chaos.away, "nobody is spoken to who can't hear"
                    assert not self.chaos.taken_over, "the agent is silent while an operator has the call"
                    assert not session.active, "4: one response at a time"
                    overdue = self.now >= self.asked_since + RESPONSE_OVERDUE_S
                    assert not session.asked or event is None or overdue, "4: one request at a time"
                    self.asked_since = self.now if overdue else min(self.asked_since, self.now)
                    assert instructions is not None or self.caller_waits or self._all_posted(), "4: all outputs first"
                    session.asked = True
                    self.asked_for_caller = instructions is None and getattr(before, "role", None) != "system"
                case do.CancelResponse() if isinstance(event, on.ResponseStarted) and self.asked_for_caller:
                    self.caller_is_to_be_answered()  # still
                case do.StartMusic():
                    assert not self.chaos.taken_over, "no music while an operator talks"
                    assert self.chaos.streaming, "nothing is played to nobody"
                    assert not self.music, "one music at a time"
                    self.music = True
                case do.StopMusic():
                    assert self.music, "music that plays is stopped"
                    self.music = False
                case do.ReportTakeOver(on_):
                    assert on_ != self.chaos.taken_over, "it is told once"
                    assert self.chaos.streaming or not on_, "nobody is taken over who is not there"
                    self.chaos.taken_over = on_
                case do.EndCall():
                    assert not self.music, "the music ends before the call"
                    self.ends += 1
                case _:
                    self.check_tools(command, event)
                    self.check_session(command)
        if self.chaos.streaming and not self.ends:
            self.taping.check(self.bridge.agent, self.now)

    def check_tools(self, command: do.Command, event: on.Event | None) -> None:
        session, chaos = self.session, self.chaos
        match command:
            case do.RunTool(tool_call_id, name, arguments):
                wanted = deed(name, arguments)
                assert tool_call_id not in self.ran, "5: a tool call runs once"
                assert not chaos.away, "nothing is done behind the caller's back"
                assert not chaos.taken_over, "nothing is begun while an operator has the call"
                policy = TOOLS.get(name, ToolPolicy())
                if policy.side_effects:
                    assert wanted not in self.done, "5: what has side effects is done once"
                    self.done[wanted] = tool_call_id
                if policy.confirm:
                    assert self.wanted_at.pop(wanted) < self.caller_turns, "the caller is asked first"
                self.ran[tool_call_id] = wanted
                chaos.running.add(tool_call_id)
                session.unanswered.add(tool_call_id)
            case do.CancelTool(tool_call_id):
                assert tool_call_id in chaos.running, "only what runs can be stopped"
                chaos.running.discard(tool_call_id)
            case do.SendToolOutput(tool_call_id):
                assert tool_call_id in session.called, "a session learns of its own tool calls only"
                if session.called[tool_call_id].name != "end_call":  # of which nobody waits to speak
                    session.posted.add(tool_call_id)
                session.unanswered.discard(session.in_call(tool_call_id))
            case do.AnswerApproval(_, True):
                assert isinstance(event, on.ApprovalRequested)
                policy = TOOLS[event.name]
                if policy.confirm:
                    wanted = deed(event.name, event.arguments)
                    assert self.wanted_at.pop(wanted) < self.caller_turns, "the caller is asked first"

    def check_session(self, command: do.Command) -> None:
        session = self.session
        match command:
            case do.OpenSession():
                over = session.expired or not session.alive
                assert session.ready or over, "one session is opened at a time"
                self.chaos.session = Session(session.number + 1)
            case do.CloseSession():
                session.ready = session.alive = False

    def _all_posted(self) -> bool:
        """Whether no response has had some of its outputs posted and not the others."""
        called = self.session.called
        own = {raw: call for raw, call in called.items() if self.session.in_call(raw) in self.session.unanswered}
        partly = {called[raw].response_id for raw in self.session.posted}
        return partly.isdisjoint(call.response_id for call in own.values())

    def _to_be_heard(self) -> set[str]:
        return {turn for turn in self.sent_ms if turn is not OPERATOR and not self._heard_out(turn)}

    def _heard_out(self, turn: str) -> bool:
        return self.phone.heard_ms(turn, self.now) >= self.sent_ms[turn] - 0.01


def play(call: Watched) -> int:
    """Have a call happen at random, to its end. Returns the number of events before that."""
    random = call.random
    events = 0
    opening: list[on.Event] = [on.SessionReady(), on.StreamStarted()]
    random.shuffle(opening)
    for n in range(1000):
        if opening and random.random() < 0.2:
            call.happens(opening.pop())
        call.happens(call.chaos.event(n))
        if call.ends:
            break
        if n % 4 == 0:
            call.at(call.now + random.choice((0.0, 0.02, 0.02, 0.1, 0.5)))
        if random.random() < 0.01:
            for event in call.chaos.lull():
                call.happens(event)
            call.at(call.now + random.choice((1.0, 3.0, 5.0)))
        events += 1
    call.happens(on.CallerGone("completed"))
    return events


@pytest.mark.parametrize("part", range(8))
def test_a_random_call_keeps_the_invariants(part):
    events = 0  # that met a living call
    for seed in itertools.count(part, 8):
        call = Watched(Random(seed), f"call{seed:04d}")
        events += play(call)
        assert call.ends == 1, "7: exactly one end"
        if events >= EVENTS // 8:
            break
