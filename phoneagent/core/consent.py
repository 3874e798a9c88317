"""Whether the call is recorded: as the agent's file says, as the caller wants, and never while keys are a secret."""

from __future__ import annotations

import json

from phoneagent.core import events as on
from phoneagent.core.agents import QUESTION, Line
from phoneagent.core.commands import NOTHING, Commands, ConsentHow, KeepSilence, Record, ReportConsent, SendToolOutput
from phoneagent.core.responses import ANSWER, Request
from phoneagent.core.state import CallState
from phoneagent.core.toolcalls import ToolCalls
from phoneagent.core.tooling import CALLER_SPOKE, tool_error

RECORDING_CONSENT = "recording_consent"  # the tool with which the agent passes on what the caller says
YES, NO = "1", "2"  # keys

PATIENCE_S = 8.0  # for an answer, once the question was heard
EVASIONS = 2  # after so many answers of the agent's without a word of the caller's, they don't want to say
SAID_TWICE = 2  # an announcement that the caller speaks into; a third time would drive them away
KEY_BEFORE_S = 2.0  # a key's tone is in the audio before we are told of it, by as long as it was held ...
KEY_AFTER_S = 1.0  # ... and may sound on

_ASKED = (
    "The caller is being asked whether this call may be recorded. As soon as they have answered, call "
    f"{RECORDING_CONSENT} without a word. If they say something else, ask them once more, shortly."
)
_AGREED = "The caller agrees that the call is recorded. Go on with the call."
_REFUSED = "The caller does not want the call to be recorded, so it is not. Go on with the call."
_SILENT = "The caller did not say whether the call may be recorded, so it is not. Go on with the call."
_STOPPED = "The call is not recorded from now on. Tell the caller so."
_NOT_ASKED = tool_error("not_asked", "The caller is not being asked now, so nothing has changed.")
_UNCLEAR = tool_error("bad_arguments", "given: must be true or false")


class RecordingConsent:
    """Has said what is to be said of the recording, notes the caller's answer, and turns the recording on and off.

    A caller who was asked and has not agreed is not recorded in this call, whoever takes over. One who has agreed may
    change their mind.
    """

    def __init__(self, call: CallState, tools: ToolCalls) -> None:
        self.open = False  # the question is being asked, or waits for an answer
        self._call = call
        self._tools = tools
        self._given: bool | None = None  # None: nobody has asked
        self._evasions = 0
        self._announcement: Line | None = None  # until it was heard
        self._said: str | None = None  # the response that said it
        self._times_said = 0
        self._announced = False
        self._secret_until: float | None = None
        self._recording: bool | None = None  # None: not yet

    # What is said of it

    def greet(self) -> Commands:
        """Have the agent say its first words; those about the recording come first."""
        recording = self._call.agent.recording
        if recording.mode == "ask":
            self.open, self._given = True, False
            self._ask()
            return self._call.tell("system", _ASKED)
        self._announce()
        if self._call.agent.greeting is not None:
            self._call.responses.want(Request(self._call.agent.greeting))
        return NOTHING

    def handed_back(self) -> bool:
        """The agent has the call again: what it had to say of the recording is said anew, if it was not heard. Returns
        whether it asks the caller."""
        if self._said is None:
            self._announcement = None
        if self.open:
            self._ask()
        return self.open

    def response_ended(self, event: on.ResponseEnded, request: Request) -> Commands:
        """A response has ended that did not fail."""
        if request.line is not None:
            if request.line is self._announcement:
                self._said, self._times_said = event.response_id, self._times_said + 1
        elif self.open and event.status == "completed":
            self._evasions += 1
            if self._evasions == EVASIONS:
                return self._answered(False, "none")
        return NOTHING

    def _ask(self) -> None:
        self._call.responses.want(Request(self._call.agent.recording.line or QUESTION))

    def _announce(self) -> None:
        """Have it said that this agent's calls are recorded, unless the caller knows."""
        recording = self._call.agent.recording
        if recording.mode != "on" or recording.line is None or not self._wanted:
            return
        if not self._announced and self._announcement is None and self._times_said < SAID_TWICE:
            self._announcement = recording.line
            self._call.responses.want(Request(recording.line))

    def _heard(self) -> Commands:
        """Whether the announcement was heard, once nothing of it is still to be."""
        speech, said = self._call.speech, self._said
        if said is None or speech.holds(said):
            return NOTHING
        self._said = self._announcement = None
        if not speech.is_silenced(said):
            self._announced = True
            return (ReportConsent(True, "announced"),)
        if self._call.agent.greeting is not None:  # caller and agent talk by now
            self._call.responses.forget(self._call.agent.greeting)
        return NOTHING

    # What the caller answers

    def takes(self, digit: str) -> bool:
        """Whether a key answers the question, which some of must have been spoken."""
        return self.open and digit in (YES, NO) and self._call.speech.latest_response is not None

    def keyed(self, digit: str) -> Commands:
        """The caller answers by a key."""
        return self._answered(digit == YES, "key") + self._go_on(_AGREED if self._given else _REFUSED)

    def told(self, event: on.ToolCalled) -> Commands:
        """The agent passes on what the caller has said."""
        if self._call.speech.is_silenced(event.response_id):
            return self._output(event, CALLER_SPOKE)
        given = _given(event.arguments)
        if given is None:
            return self._output(event, _UNCLEAR)
        if self.open:
            commands = self._answered(given, "speech")
            note = _AGREED if given else _REFUSED
            self._call.history.add("system", note)
            if self._call.agent.greeting is None:
                return commands + self._output(event, _result(note))
            self._call.responses.want(Request(self._call.agent.greeting))
            return commands + self._output(event, _result(note), silent=True)
        if self._given and not given:
            return self._answered(False, "speech") + self._output(event, _result(_STOPPED))
        return self._output(event, _NOT_ASKED)

    def unanswered(self) -> Commands:
        """The caller has said nothing for too long."""
        return self._answered(False, "none") + self._go_on(_SILENT)

    def _answered(self, given: bool, how: ConsentHow) -> Commands:
        self.open, self._given = False, given
        self._call.timers.cancel("consent")
        return (ReportConsent(given, how),)

    def _go_on(self, note: str) -> Commands:
        greeting = self._call.agent.greeting
        self._call.responses.want(ANSWER if greeting is None else Request(greeting))
        return self._call.tell("system", note)

    def _output(self, event: on.ToolCalled, output: str, *, silent: bool = False) -> Commands:
        self._tools.posted(event.response_id, silent=silent)
        return (SendToolOutput(event.tool_call_id, output),)

    # Whether the recording runs

    def secret_key(self, now: float) -> None:
        """A key was pressed that nobody is to hear."""
        self._secret_until = now + KEY_AFTER_S
        self._call.timers.set("secret", self._secret_until)

    def follow(self, now: float, *, typing_secret: bool, allowed: bool) -> Commands:
        """Turn the recording on or off. `allowed`: an answer can be waited for now."""
        commands = self._heard()
        if self._call.ready and not self._call.taken_over:
            self._announce()
        if not (self.open and allowed and self._call.calm):
            self._call.timers.cancel("consent")
        elif not self._call.timers.is_set("consent"):
            self._call.timers.set("consent", now + PATIENCE_S)
        if not self._call.streaming:
            return commands
        secret = typing_secret or (self._secret_until is not None and now < self._secret_until)
        wanted = self._wanted and not secret
        if wanted == bool(self._recording):
            return commands
        self._recording = wanted
        return (*commands, Record() if wanted else KeepSilence(KEY_BEFORE_S if secret else 0.0))

    @property
    def _wanted(self) -> bool:
        mode = self._call.agent.recording.mode
        return self._given is True if mode == "ask" else mode == "on" and self._given is not False


def _given(arguments: str) -> bool | None:
    try:
        given = json.loads(arguments).get("given")
    except (ValueError, AttributeError):
        return None
    return given if isinstance(given, bool) else None


def _result(text: str) -> str:
    return json.dumps({"result": text})
