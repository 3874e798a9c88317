"""Every way through the table of detours, and that each leads somewhere where the caller is not alone."""

import heapq
import random
from itertools import count
from pathlib import Path

import pytest

from phoneagent.core.transfer import (
    BEGINNINGS,
    KEYS_PRESSED,
    MOST_LATES,
    NO_ANSWER,
    OUT_OF_STREAM,
    TRANSITIONS,
    Action,
    Detour,
    Event,
    State,
    diagram,
)
from tests.core.telephone_world import World

A, E, S = Action, Event, State
WARM = (E.HUMAN_ANSWERED, E.ACCEPTED, E.HUMAN_JOINED, E.ASKED, E.CALLER_JOINED)
DOCUMENT = Path(__file__).parents[2] / "docs" / "transfers.md"


def after(way: str, *events: Event) -> Detour:
    detour = Detour(way)  # type: ignore[arg-type]
    for event in events:
        detour.receive(event)
    return detour


# What ought to happen


def test_a_warm_transfer():
    detour = Detour("warm", timeout_s=20, max_minutes=5)
    assert (detour.begin(), detour.state, detour.limit_s) == ((A.DIAL,), S.RINGING, 35)
    assert (detour.receive(E.HUMAN_ANSWERED), detour.state) == ((), S.BRIEFING)
    assert (detour.receive(E.ACCEPTED), detour.state) == ((), S.ENTERING)
    assert (detour.receive(E.HUMAN_JOINED), detour.state) == ((A.MOVE,), S.MOVING)
    assert (detour.receive(E.ASKED), detour.state) == ((), S.MEETING)
    assert (detour.receive(E.CALLER_JOINED), detour.state, detour.limit_s) == ((A.CONNECTED,), S.TOGETHER, 315)
    assert (detour.receive(E.HUMAN_GONE), detour.state) == ((), S.LOOKING)
    assert (detour.receive(E.DIAL_ENDED), detour.state) == ((A.WELCOME,), S.RETURNING)
    assert "anything else" in detour.why
    assert (detour.receive(E.STREAM_STARTED), detour.state, detour.final) == ((), S.BACK, True)


def test_a_cold_transfer():
    detour = Detour("cold")
    assert (detour.begin(), detour.state) == ((A.MOVE,), S.DIALLING)
    assert (detour.receive(E.ASKED), detour.state) == ((), S.CALLING)
    assert (detour.receive(E.HUMAN_ANSWERED), detour.state) == ((A.CONNECTED,), S.TOGETHER)
    assert (detour.receive(E.FINISHED), detour.state) == ((A.GONE,), S.OVER)


def test_a_cold_transfer_that_nobody_answers():
    detour = after("cold", E.ASKED)
    assert detour.receive(E.DIAL_ENDED, "The line is busy.") == (A.WELCOME,)
    assert (detour.state, detour.why) == (S.RETURNING, "The line is busy.")


def test_pressing_keys():
    detour = Detour("digits")
    assert (detour.begin(), detour.state) == ((A.MOVE,), S.SENDING)
    assert (detour.receive(E.ASKED), detour.state, detour.why) == ((A.WELCOME,), S.RETURNING, KEYS_PRESSED)
    assert (detour.receive(E.STREAM_STARTED), detour.state) == ((), S.BACK)


# What may happen instead


@pytest.mark.parametrize("event", [E.HUMAN_GONE, E.MACHINE, E.LATE, E.GIVEN_UP])
@pytest.mark.parametrize("state", [S.RINGING, S.BRIEFING, S.ASKING_AGAIN, S.ENTERING])
def test_until_the_caller_is_moved_a_person_lost_is_only_told_to_the_agent(state: State, event: Event):
    detour = Detour("warm")
    detour.state = state
    expected = {E.HUMAN_GONE: (A.REPORT,), E.GIVEN_UP: (A.DISMISS,)}.get(event, (A.DISMISS, A.REPORT))
    assert (detour.receive(event), detour.state) == (expected, S.BACK)


def test_a_person_who_declines():
    detour = after("warm", E.HUMAN_ANSWERED)
    assert (detour.receive(E.REFUSED), detour.state) == ((A.REPORT,), S.BACK)


def test_an_answer_that_is_not_understood_is_asked_for_once_more():
    detour = after("warm", E.HUMAN_ANSWERED, E.UNCLEAR)
    assert detour.state is S.ASKING_AGAIN
    assert after("warm", E.HUMAN_ANSWERED, E.UNCLEAR, E.ACCEPTED).state is S.ENTERING
    assert (detour.receive(E.UNCLEAR), detour.state) == ((A.REPORT,), S.BACK)


def test_a_person_who_hangs_up_while_the_caller_is_on_the_way():
    detour = after("warm", *WARM[:3])
    assert (detour.receive(E.HUMAN_GONE), detour.state) == ((A.WELCOME,), S.RETURNING)
    assert detour.receive(E.ASKED) == ()  # to be answered with a stream


def test_a_caller_who_can_not_be_moved_stays_with_the_agent_and_the_person_is_let_go():
    detour = after("warm", *WARM[:3])
    assert (detour.receive(E.MOVE_REFUSED), detour.state) == ((A.DISMISS, A.STAYS, A.REPORT), S.BACK)


def test_a_caller_of_whom_nothing_is_heard_is_looked_for_and_brought_back():
    detour = after("warm", *WARM[:3])
    assert (detour.receive(E.LATE), detour.state) == ((A.DISMISS, A.CHECK), S.LOOKING)
    assert (detour.receive(E.ASTRAY), detour.state) == ((A.WELCOME, A.BRING_BACK), S.RETURNING)
    assert (detour.receive(E.LATE), detour.state) == ((A.CHECK,), S.LOOKING)
    assert (detour.receive(E.STREAMING), detour.state) == ((A.STAYS, A.REPORT), S.BACK)


def test_a_conversation_of_which_nobody_told_us():
    detour = after("cold", E.ASKED)
    assert (detour.receive(E.LATE), detour.state) == ((A.CHECK,), S.CALLING)
    assert (detour.receive(E.ASTRAY), detour.state) == ((A.CONNECTED,), S.TOGETHER)
    assert (after("cold", E.ASKED).receive(E.FINISHED)) == (A.CONNECTED, A.GONE)


def test_two_who_talk_are_left_alone_when_the_service_ends_the_call():
    assert after("warm", *WARM).receive(E.CALL_ENDED) == ()
    assert after("warm", *WARM[:-1]).receive(E.CALL_ENDED) == (), "about to meet"
    assert after("warm", *WARM[:2]).receive(E.CALL_ENDED) == (A.DISMISS,)


@pytest.mark.parametrize("state", [state for state in State if TRANSITIONS[state]])
def test_from_everywhere_a_caller_who_hangs_up_ends_it_and_the_person_is_let_go(state: State):
    detour = Detour("warm")
    detour.state = state
    assert detour.receive(E.CALLER_GONE) == (A.DISMISS, A.GONE)
    assert detour.state is S.OVER


LATE_OR_TWICE = [
    (S.ASKING_AGAIN, E.REFUSED, S.BACK, (A.REPORT,)),
    (S.MEETING, E.ASKED, S.MEETING, ()),
    (S.MEETING, E.DIAL_ENDED, S.RETURNING, (A.DISMISS, A.WELCOME)),
    (S.MEETING, E.HUMAN_GONE, S.LOOKING, ()),
    (S.MEETING, E.CALLER_LEFT, S.LOOKING, ()),
    (S.MEETING, E.LATE, S.LOOKING, (A.DISMISS, A.CHECK)),
    (S.SENDING, E.MOVE_REFUSED, S.BACK, (A.DISMISS, A.STAYS, A.REPORT)),
    (S.SENDING, E.LATE, S.LOOKING, (A.DISMISS, A.CHECK)),
    (S.DIALLING, E.MOVE_REFUSED, S.BACK, (A.DISMISS, A.STAYS, A.REPORT)),
    (S.CALLING, E.ASKED, S.CALLING, ()),
    (S.CALLING, E.STREAMING, S.BACK, (A.STAYS, A.REPORT)),
    (S.TOGETHER, E.ASKED, S.RETURNING, (A.DISMISS, A.WELCOME)),
    (S.TOGETHER, E.DIAL_ENDED, S.RETURNING, (A.DISMISS, A.WELCOME)),
    (S.TOGETHER, E.CALLER_LEFT, S.LOOKING, ()),
    (S.TOGETHER, E.LATE, S.LOOKING, (A.DISMISS, A.CHECK)),
    (S.LOOKING, E.ASKED, S.RETURNING, (A.WELCOME,)),
    (S.LOOKING, E.FINISHED, S.OVER, (A.CONNECTED, A.GONE)),
    (S.LOOKING, E.STREAM_STARTED, S.BACK, ()),
    (S.LOOKING, E.LATE, S.LOOKING, (A.DISMISS, A.CHECK)),
    (S.RETURNING, E.ASKED, S.RETURNING, ()),
    (S.RETURNING, E.DIAL_ENDED, S.RETURNING, ()),
    (S.RETURNING, E.MOVE_REFUSED, S.LOOKING, (A.CHECK,)),
]


@pytest.mark.parametrize(("state", "event", "target", "actions"), LATE_OR_TWICE)
def test_what_is_late_or_comes_twice(state: State, event: Event, target: State, actions: tuple[Action, ...]):
    detour = Detour("warm")
    detour.state = state
    assert (detour.receive(event), detour.state) == (actions, target)
    assert event in TRANSITIONS[state]


@pytest.mark.parametrize("state", [state for state in State if TRANSITIONS[state]])
def test_from_everywhere_the_end_of_the_call_ends_it(state: State):
    detour = Detour("warm")
    detour.state = state
    assert detour.receive(E.CALL_ENDED) == (() if state in (S.MEETING, S.TOGETHER, S.CALLING) else (A.DISMISS,))
    assert detour.state is S.OVER


@pytest.mark.parametrize("state", [S.CALLING, S.LOOKING])
def test_a_caller_who_is_never_found_is_given_up(state: State):
    detour = Detour("cold")
    detour.state = state
    actions = detour.receive(E.LOST)
    assert (actions[0], actions[-1], detour.state) == (A.HANG_UP, A.GONE, S.OVER)


@pytest.mark.parametrize("state", [state for state in State if TRANSITIONS[state]])
def test_time_alone_brings_it_to_an_end(state: State):
    detour = Detour("warm")
    detour.state = state
    done: list[Action] = []
    for _ in range(3 * MOST_LATES):
        assert detour.final or detour.limit_s
        done += detour.receive(E.LATE)
    assert detour.final
    assert (detour.state is S.OVER) == (A.GONE in done) == (A.HANG_UP in done)


def test_where_a_caller_has_to_be_asked_for_time_is_counted_anew_by_what_happens():
    detour = after("cold", E.LATE)
    for _ in range(3):
        for _ in range(MOST_LATES - 1):
            detour.receive(E.LATE)
        detour.receive(E.HUMAN_GONE)
    assert detour.state is S.LOOKING


@pytest.mark.parametrize("state", [S.BACK, S.OVER])
def test_when_it_is_over_nothing_changes_it(state: State):
    detour = Detour("warm")
    detour.state = state
    assert all(detour.receive(event) == () for event in Event)
    assert detour.state is state


def test_every_edge_keeps_its_promises():
    for state, steps in TRANSITIONS.items():
        for event, step in steps.items():
            edge = (state, event)
            if state in OUT_OF_STREAM and step.state is S.BACK:
                assert A.STAYS in step.actions or event is E.STREAM_STARTED, edge
            if step.state is S.RETURNING and state is not S.RETURNING:
                assert A.WELCOME in step.actions, edge
            if step.state is S.OVER and event is not E.CALL_ENDED:
                assert A.GONE in step.actions, edge
            if state not in OUT_OF_STREAM and step.state in OUT_OF_STREAM:
                assert A.MOVE in step.actions, edge
            if step.actions and {A.REPORT, A.WELCOME} & set(step.actions):
                assert step.why or state in (S.LOOKING, S.RETURNING), edge
            if step.state is S.TOGETHER:
                assert A.CONNECTED in step.actions, edge
    assert {step.state for step in BEGINNINGS.values()} == {S.RINGING, S.DIALLING, S.SENDING}


def test_the_document_has_the_diagram_of_the_table():
    assert f"```mermaid\n{diagram()}\n```" in DOCUMENT.read_text(encoding="utf-8"), (
        "docs/transfers.md must hold what phoneagent.core.transfer.diagram() returns"
    )


# 10,000 orders of events


class Time:
    """Jumps from one thing to the next."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, object]] = []
        self._order = count()

    def later(self, seconds: float, then: object) -> None:
        heapq.heappush(self._due, (self.now + seconds, next(self._order), then))

    def run(self) -> None:
        for _ in range(10_000):
            if not self._due:
                return
            self.now, _, then = heapq.heappop(self._due)
            then()  # type: ignore[operator]
        raise AssertionError("it does not end")


class Carried:
    """A detour carried out in the simplest way: the Service of a World."""

    def __init__(self, way: str, world: World, time: Time) -> None:
        self.detour = Detour(way, timeout_s=world.timeout_s, max_minutes=world.limit_s // 60)  # type: ignore[arg-type]
        self.world, self.time = world, time
        self.done: list[Action] = []
        self.streaming = True
        self.leaving = False
        self.with_agent = True  # whether the session is open and the bridge plays to the stream
        self.call_over = False
        self.human_over = self.human_unwanted = self.dialled = False
        self._redirect = ""
        self._redirects = 0
        self._settled_at = 0.0
        self._turn = 0

    def begin(self) -> None:
        self._do(self.detour.begin())
        self._wait()

    def receive(self, event: Event) -> None:
        before = self.detour.state
        actions = self.detour.receive(event)
        if self.detour.state is not before or event is E.LATE:
            self._wait()
        self._do(actions)

    def _wait(self, limit_s: float | None = None) -> None:
        self._turn += 1
        turn = self._turn
        if (limit_s := limit_s or self.detour.limit_s) is not None:
            self.time.later(limit_s, lambda: self.receive(E.LATE) if turn == self._turn else None)

    def _do(self, actions: tuple[Action, ...]) -> None:
        for action in actions:
            self.done.append(action)
            match action:
                case A.DIAL:
                    self.world.dial(self._dialled)
                case A.MOVE:
                    self.leaving = True
                    self._move()
                case A.BRING_BACK:
                    self._move()
                case A.CHECK:
                    self._check()
                case A.DISMISS:
                    self.human_unwanted = True
                    self._dismiss()
                case A.CONNECTED:
                    self.with_agent = False
                case A.WELCOME:
                    self.with_agent = True
                case A.STAYS:
                    assert self.streaming, "the caller stays where there is no stream"
                    self.leaving = False
                case A.GONE:
                    self.call_over = True
                case A.HANG_UP:
                    self.world.hang_up(lambda came: None)
                case A.REPORT:
                    pass

    def _dialled(self, came: str) -> None:
        if came == "refused":
            self.receive(E.HUMAN_GONE)
        elif came == "ok":
            self._know_the_human()

    def _know_the_human(self) -> None:
        self.dialled = True
        if self.human_unwanted:
            self._dismiss()

    def _dismiss(self, came: str = "unsure") -> None:
        if came in ("unsure", "refused") and not self.human_over and (self.dialled or self.detour.way == "cold"):
            self.time.later(1.0, lambda: self.world.dismiss(self._dismiss))

    def _move(self) -> None:
        self._redirects += 1
        tag = self._redirect = str(self._redirects)

        def done(came: str) -> None:
            if self._redirect != tag:
                return
            if came == "unsure":  # asked again, as the client does
                self.world.redirect(tag, done)
                return
            self._redirect = ""
            if came == "gone":
                self.receive(E.CALLER_GONE)
            elif came == "refused":
                self.receive(E.MOVE_REFUSED)

        self.world.redirect(tag, done)

    def _check(self) -> None:
        self._give_up_moving()
        if self.streaming:
            if self._settled:
                self.time.later(0, lambda: self.receive(E.STREAMING))
            return
        found = {"gone": E.CALLER_GONE, "here": E.ASTRAY}
        self.world.check(lambda came: self.receive(found[came]) if came in found else None)

    def _give_up_moving(self) -> None:
        if self._redirect:
            self._redirect, self._settled_at = "", self.time.now + 10

    @property
    def _settled(self) -> bool:
        return not self._redirect and self.time.now >= self._settled_at

    # The webhooks

    def caller_asks(self, redirect: str) -> str:
        if redirect and redirect == self._redirect:
            self._redirect = ""
        before = self.detour.state
        self.receive(E.ASKED)
        return "keys" if before is S.SENDING else self._document()

    def dial_ended(self, status: str) -> str:
        finished = self.detour.way == "cold" and status == "completed"
        self.receive(E.FINISHED if finished else E.DIAL_ENDED)
        return self._document()

    def _document(self) -> str:
        match self.detour.state:
            case S.OVER:
                return "end"
            case S.CALLING:
                return "call"
            case S.MEETING:
                return "room"
            case _:
                self._give_up_moving()
                return "stream" if self._settled else "wait"

    def human_answered(self) -> str:
        self._know_the_human()
        self.receive(E.HUMAN_ANSWERED)
        return self._persons_document()

    def human_said(self, said: str) -> str:
        self.receive({"accepted": E.ACCEPTED, "refused": E.REFUSED, "unclear": E.UNCLEAR}[said])
        return self._persons_document()

    def _persons_document(self) -> str:
        match self.detour.state:
            case S.BRIEFING | S.ASKING_AGAIN:
                return "brief"
            case S.ENTERING | S.MOVING | S.MEETING | S.TOGETHER:
                return "room"
            case _:
                return "end"

    def human_status(self, status: str) -> None:
        if status == "in-progress":
            self.receive(E.HUMAN_ANSWERED)
        else:
            self.human_over = True
            self.receive(E.HUMAN_GONE)

    def room_changed(self, who: str, event: str) -> None:
        if who == "caller":
            self.receive(E.CALLER_JOINED if event == "join" else E.CALLER_LEFT)
        else:
            self.receive(E.HUMAN_JOINED if event == "join" else E.HUMAN_GONE)

    def machine(self) -> None:
        self.receive(E.MACHINE)

    def stream_started(self) -> None:
        self.streaming, self.leaving = True, False
        self.receive(E.STREAM_STARTED)

    def stream_ended(self) -> None:
        self.streaming = False
        if not self.leaving:
            self.call_over = True
            self.receive(E.CALL_ENDED)
        elif self.detour.state in (S.SENDING, S.DIALLING, S.MOVING):
            self._wait(4.0)

    def caller_over(self) -> None:
        self.call_over = True
        self.receive(E.CALLER_GONE)


def simulated(way: str, seed: int) -> tuple[World, Carried]:
    time = Time()
    world = World(random.Random(seed), time.later, lambda: time.now)
    service = Carried(way, world, time)
    world.begin(service)
    service.begin()
    time.run()
    return world, service


@pytest.mark.parametrize(("way", "runs"), [("warm", 7000), ("cold", 2000), ("digits", 1000)])
def test_of_10000_orders_of_events_none_leaves_a_caller_alone(way: str, runs: int):
    ends: dict[str, int] = {}
    for seed in range(runs):
        world, service = simulated(way, seed)
        story = (way, seed, service.done, service.detour.state)
        assert service.detour.final, story
        assert world.dialled <= 1, story
        assert world.humans_met <= 1, story
        assert world.human in ("none", "gone"), story
        assert world.silent_s <= 25, story  # two requests that time out, one after the other
        assert world.music_s <= 45, story
        if world.caller == "gone":
            assert service.call_over, story
            assert not world.hung_up_on or service.detour.way == "cold", story
        else:
            assert world.caller == "stream", story
            assert service.with_agent, story
            assert not service.call_over, story
            assert service.detour.state is S.BACK, story
        end = "hung up" if world.caller == "gone" else "talked and back" if world.humans_met else "back"
        ends[end] = ends.get(end, 0) + 1
    assert ends["back"] > runs / 20
    assert ends["hung up"] > runs / 20
    assert way == "digits" or way == "cold" or ends["talked and back"] > runs / 20


def test_nobody_answers_is_what_the_agent_is_told():
    assert after("warm", E.LATE).why == NO_ANSWER
