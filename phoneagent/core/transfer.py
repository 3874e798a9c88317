"""A detour: the caller is taken out of the stream, to be transferred to a person or because keys are to be pressed.

All that can happen is in `TRANSITIONS`: in each state, what an event leads to and what is to be done then. An event
that a state does not name changes nothing, so callbacks may come late, twice or in another order. Whoever runs a
detour does the actions, tells it of events, and of LATE when a state has lasted for `limit_s`. docs/transfers.md shows
the table as `diagram` draws it.

Where the caller goes is decided when the carrier asks, not when it is told to ask: a redirect that takes effect late,
twice or after a time-out leads to where the caller should be by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from itertools import groupby
from typing import Final, Literal, NamedTuple

Way = Literal["digits", "cold", "warm"]

MOST_LATES: Final = 6  # in one state, one after the other: then the caller is given up


class State(Enum):
    """How far the detour is."""

    RINGING = "ringing"  # the person's telephone rings, the caller talks to the agent
    BRIEFING = "briefing"  # the person hears what it is about
    ASKING_AGAIN = "asking again"  # the person's answer was not understood
    ENTERING = "entering"  # the person has accepted and goes into the room
    MOVING = "moving"  # the caller is on the way into the room
    MEETING = "meeting"  # the caller enters the room
    SENDING = "sending"  # the caller is taken out of the stream, and keys are pressed
    DIALLING = "dialling"  # the caller is taken out of the stream, to where the person is called
    CALLING = "calling"  # the caller hears the person's telephone ring
    TOGETHER = "together"  # caller and person talk
    LOOKING = "looking"  # it has to be found out where the caller is
    RETURNING = "returning"  # the caller is on the way back to the agent
    BACK = "back"  # caller and agent talk; it is over
    OVER = "over"  # the call is over, or goes on without the agent


class Event(Enum):
    """What can happen to it."""

    HUMAN_ANSWERED = "the person answers"
    HUMAN_GONE = "the person is gone, or could not be reached"
    MACHINE = "it is a voicemail"
    ACCEPTED = "the person accepts"
    REFUSED = "the person declines"
    UNCLEAR = "the answer is not understood"
    HUMAN_JOINED = "the person is in the room"
    ASKED = "the caller's line asks how to go on"
    CALLER_JOINED = "the caller is in the room"
    CALLER_LEFT = "the caller has left the room"
    DIAL_ENDED = "the caller's line asks what comes after the person"
    FINISHED = "the conversation with the person is over"
    MOVE_REFUSED = "the carrier refuses to move the caller"
    STREAMING = "found: still on the stream"
    ASTRAY = "found: on the line, somewhere else"
    STREAM_STARTED = "the caller is on a stream again"
    GIVEN_UP = "the agent no longer wants it"
    CALLER_GONE = "the caller has hung up"
    CALL_ENDED = "the call was ended"
    LATE = "time is up"
    LOST = "time is up for the last time"


class Action(Enum):
    """What is to be done."""

    DIAL = "call the person"
    MOVE = "take the caller out of the stream"  # it is no hang-up when the stream ends
    BRING_BACK = "have the caller's line ask again"
    CHECK = "find out where the caller is"
    DISMISS = "let the person go"
    CONNECTED = "close the session"
    WELCOME = "get the agent ready, and tell it why"
    STAYS = "go on as if nothing had been"
    REPORT = "tell the agent why"
    GONE = "end the call"
    HANG_UP = "hang up"


class Step(NamedTuple):
    """Where an event leads, what is to be done, and why the caller is back with the agent, if that is so."""

    state: State
    actions: tuple[Action, ...] = ()
    why: str = ""


BEGINNINGS: Final[Mapping[Way, Step]] = {
    "digits": Step(State.SENDING, (Action.MOVE,)),
    "cold": Step(State.DIALLING, (Action.MOVE,)),
    "warm": Step(State.RINGING, (Action.DIAL,)),
}

NO_ANSWER: Final = "Nobody answered."
NOT_CONNECTED: Final = "The connection could not be made."
KEYS_PRESSED: Final = "The keys were pressed."
_NOT_REACHED = "They could not be reached."
_VOICEMAIL = "A voicemail answered."
_DECLINED = "They can't take the call now."
_NOT_ACCEPTED = "Somebody answered, but did not take the call."
_GONE_TOO_SOON = "They answered, but hung up before they were connected."
_TALKED = "The caller has talked to them, and they have hung up. Ask if there is anything else."


def _table() -> Mapping[State, Mapping[Event, Step]]:
    to, s, e, a = Step, State, Event, Action
    no_caller = {e.CALLER_GONE: to(s.OVER, (a.DISMISS, a.GONE)), e.CALL_ENDED: to(s.OVER, (a.DISMISS,))}
    # The caller talks to the agent, and hears nothing of this.
    aside = no_caller | {
        e.HUMAN_GONE: to(s.BACK, (a.REPORT,), _GONE_TOO_SOON),
        e.MACHINE: to(s.BACK, (a.DISMISS, a.REPORT), _VOICEMAIL),
        e.LATE: to(s.BACK, (a.DISMISS, a.REPORT), _NOT_ACCEPTED),
        e.GIVEN_UP: to(s.BACK, (a.DISMISS,)),
    }
    briefed = aside | {
        e.ACCEPTED: to(s.ENTERING),
        e.REFUSED: to(s.BACK, (a.REPORT,), _DECLINED),  # what they hear then ends their call
        e.UNCLEAR: to(s.BACK, (a.REPORT,), _NOT_ACCEPTED),
    }
    # The stream is about to end, and the agent is silent.
    leaving = no_caller | {
        e.MOVE_REFUSED: to(s.BACK, (a.DISMISS, a.STAYS, a.REPORT), NOT_CONNECTED),
        e.LATE: to(s.LOOKING, (a.DISMISS, a.CHECK), NOT_CONNECTED),
    }
    return {
        s.RINGING: aside
        | {
            e.HUMAN_ANSWERED: to(s.BRIEFING),
            e.HUMAN_GONE: to(s.BACK, (a.REPORT,), _NOT_REACHED),
            e.LATE: to(s.BACK, (a.DISMISS, a.REPORT), NO_ANSWER),
        },
        s.BRIEFING: briefed | {e.UNCLEAR: to(s.ASKING_AGAIN)},
        s.ASKING_AGAIN: briefed,
        s.ENTERING: aside | {e.HUMAN_JOINED: to(s.MOVING, (a.MOVE,))},
        s.MOVING: leaving
        | {
            e.ASKED: to(s.MEETING),
            # The caller's line will ask all the same, and is then told to stream again.
            e.HUMAN_GONE: to(s.RETURNING, (a.WELCOME,), _GONE_TOO_SOON),
        },
        s.MEETING: no_caller
        | {
            e.CALLER_JOINED: to(s.TOGETHER, (a.CONNECTED,)),
            e.ASKED: to(s.MEETING),
            e.DIAL_ENDED: to(s.RETURNING, (a.DISMISS, a.WELCOME), _GONE_TOO_SOON),
            e.HUMAN_GONE: to(s.LOOKING, (), _GONE_TOO_SOON),
            e.CALLER_LEFT: to(s.LOOKING, (), _GONE_TOO_SOON),
            e.LATE: to(s.LOOKING, (a.DISMISS, a.CHECK), NOT_CONNECTED),
            e.CALL_ENDED: to(s.OVER),  # the person waits for them
        },
        s.SENDING: leaving | {e.ASKED: to(s.RETURNING, (a.WELCOME,), KEYS_PRESSED)},
        s.DIALLING: leaving | {e.ASKED: to(s.CALLING)},
        s.CALLING: no_caller
        | {
            e.HUMAN_ANSWERED: to(s.TOGETHER, (a.CONNECTED,)),
            e.ASKED: to(s.CALLING),
            e.DIAL_ENDED: to(s.RETURNING, (a.WELCOME,), NO_ANSWER),
            e.FINISHED: to(s.OVER, (a.CONNECTED, a.GONE)),
            e.LATE: to(s.CALLING, (a.CHECK,)),
            # It can't ring any more, so they talk, and nobody has told us.
            e.ASTRAY: to(s.TOGETHER, (a.CONNECTED,)),
            e.STREAMING: to(s.BACK, (a.STAYS, a.REPORT), NOT_CONNECTED),
            e.LOST: to(s.OVER, (a.HANG_UP, a.GONE)),
            e.CALL_ENDED: to(s.OVER),
        },
        s.TOGETHER: no_caller
        | {
            e.DIAL_ENDED: to(s.RETURNING, (a.DISMISS, a.WELCOME), _TALKED),
            e.ASKED: to(s.RETURNING, (a.DISMISS, a.WELCOME), _TALKED),
            e.FINISHED: to(s.OVER, (a.GONE,)),
            e.HUMAN_GONE: to(s.LOOKING, (), _TALKED),
            e.CALLER_LEFT: to(s.LOOKING, (), _TALKED),
            e.LATE: to(s.LOOKING, (a.DISMISS, a.CHECK), _TALKED),
            e.CALL_ENDED: to(s.OVER),  # they need nobody to go on
        },
        s.LOOKING: no_caller
        | {
            e.ASKED: to(s.RETURNING, (a.WELCOME,)),
            e.DIAL_ENDED: to(s.RETURNING, (a.WELCOME,)),
            e.FINISHED: to(s.OVER, (a.CONNECTED, a.GONE)),
            e.STREAM_STARTED: to(s.BACK),
            e.STREAMING: to(s.BACK, (a.STAYS, a.REPORT)),
            e.ASTRAY: to(s.RETURNING, (a.WELCOME, a.BRING_BACK)),
            e.LATE: to(s.LOOKING, (a.DISMISS, a.CHECK)),
            e.LOST: to(s.OVER, (a.HANG_UP, a.DISMISS, a.GONE)),
        },
        s.RETURNING: no_caller
        | {
            e.STREAM_STARTED: to(s.BACK),
            e.ASKED: to(s.RETURNING),
            e.DIAL_ENDED: to(s.RETURNING),
            e.MOVE_REFUSED: to(s.LOOKING, (a.CHECK,)),
            e.LATE: to(s.LOOKING, (a.CHECK,)),
        },
        s.BACK: {},
        s.OVER: {},
    }


TRANSITIONS: Final = _table()

OUT_OF_STREAM: Final = frozenset(
    {State.SENDING, State.DIALLING, State.CALLING, State.MOVING, State.MEETING}
    | {State.TOGETHER, State.LOOKING, State.RETURNING}
)
"""The states in which the end of the stream is no hang-up."""

WITH_PERSON: Final = frozenset(
    {State.BRIEFING, State.ASKING_AGAIN, State.ENTERING, State.MOVING, State.MEETING, State.TOGETHER}
)
"""The states in which the person has answered, and is on a line of their own."""

_LIMITS_S: Final[Mapping[State, float]] = {
    State.BRIEFING: 60.0,  # the briefing itself, and time to think
    State.ASKING_AGAIN: 30.0,
    State.ENTERING: 10.0,
    State.MOVING: 8.0,
    State.MEETING: 10.0,
    State.SENDING: 8.0,
    State.DIALLING: 8.0,
    State.LOOKING: 3.0,  # what the carrier asks by itself comes within one
    State.RETURNING: 15.0,
}
_RING_GRACE_S = 15.0  # the carrier's own, and that of its callbacks
_TALK_GRACE_S = 15.0  # the carrier ends it by itself, if it does as it was told


class Detour:
    """One detour, from `begin` to BACK or OVER."""

    def __init__(self, way: Way, *, timeout_s: int = 25, max_minutes: int = 60, keys_s: float = 0.0) -> None:
        """`timeout_s`: of the person's telephone ringing; `max_minutes`: of their conversation; `keys_s`: how long it
        takes to press the keys."""
        self.way = way
        self.state = BEGINNINGS[way].state
        self.why = ""
        self._timeout_s = timeout_s
        self._max_minutes = max_minutes
        self._keys_s = keys_s
        self._lates = 0

    def begin(self) -> tuple[Action, ...]:
        """What is to be done first."""
        return BEGINNINGS[self.way].actions

    def receive(self, event: Event, why: str = "") -> tuple[Action, ...]:
        """Take note of an event. `why`: a more exact reason than the table knows, for the agent."""
        self._lates = self._lates + 1 if event is Event.LATE else 0
        if self._lates > MOST_LATES:
            event = Event.LOST
        step = TRANSITIONS[self.state].get(event)
        if step is None:
            return ()
        self.state = step.state
        if step.why:
            self.why = why or step.why
        return step.actions

    @property
    def final(self) -> bool:
        """Whether nothing more happens."""
        return self.state in (State.BACK, State.OVER)

    @property
    def limit_s(self) -> float | None:
        """How long the state may last."""
        if self.state in (State.RINGING, State.CALLING):
            return self._timeout_s + _RING_GRACE_S
        if self.state is State.TOGETHER:
            return self._max_minutes * 60 + _TALK_GRACE_S
        if self.state is State.RETURNING:
            return _LIMITS_S[self.state] + self._keys_s  # the stream comes when they are pressed
        return _LIMITS_S.get(self.state)


def diagram() -> str:
    """The table as a Mermaid diagram, https://mermaid.js.org/syntax/stateDiagram.html.

    What leads to OVER from everywhere is drawn once.
    """
    under_way = [state for state in State if TRANSITIONS[state]]
    everywhere = [event for event in Event if all(_leads_to_over(state, event) for state in under_way)]
    lines = ["stateDiagram-v2", '    state "detour" as DETOUR {']
    lines += [f'        state "{state.value}" as {state.name}' for state in under_way]
    lines += [f"        [*] --> {step.state.name}: {_label(way, step.actions)}" for way, step in BEGINNINGS.items()]
    for state in under_way:
        steps = {event: step for event, step in TRANSITIONS[state].items() if event not in everywhere}
        edges = sorted(steps.items(), key=lambda edge: _order(edge[1]))
        for (target, actions), alike in groupby(edges, key=lambda edge: (edge[1].state, edge[1].actions)):
            if target is not state or actions:
                events = " / ".join(event.value for event, _ in alike)
                lines.append(f"        {state.name} --> {target.name}: {_label(events, actions)}")
    lines += ["    }", f"    DETOUR --> OVER: {' / '.join(event.value for event in everywhere)}"]
    lines += [f'    state "{state.value}" as {state.name}' for state in State if state not in under_way]
    return "\n".join(lines)


def _leads_to_over(state: State, event: Event) -> bool:
    step = TRANSITIONS[state].get(event)
    return step is not None and step.state is State.OVER


def _order(step: Step) -> tuple[int, list[str]]:
    return list(State).index(step.state), [action.name for action in step.actions]


def _label(happened: str, actions: tuple[Action, ...]) -> str:
    return f"{happened} → {', '.join(action.value for action in actions)}" if actions else happened
