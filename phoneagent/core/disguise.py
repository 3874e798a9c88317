"""A call's events and commands without what was said in them, which the bridge decides as if it were.

A letter becomes an x and a digit a 0, so that words can be counted and cut as before. What a tool was asked becomes
other letters and digits, the same ones for the same text within a call: the bridge knows again what it has done.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from decimal import Decimal
from hashlib import blake2s
from typing import Any

from phoneagent.core import audio
from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.agents import Agent
from phoneagent.core.commands import Command, Commands
from phoneagent.core.events import Event

Arguments = Callable[[str], str]

_PARTS_OF_JSON = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?')
_PARTS_OF_STRING = re.compile(r"\\u[0-9a-fA-F]{4}|\\.|[^\\]+")
_KEPT_NUMBERS = range(100)  # of tables, of nights; another one may be a secret


def shape(text: str) -> str:
    """The text with an x for each letter and a 0 for each digit."""
    return "".join("x" if c.isalpha() else "0" if c.isdigit() else c for c in text)


class Disguise:
    """That of one call."""

    def __init__(self) -> None:
        self._stand_ins: dict[str, str] = {}
        self._taken: set[str] = set()
        self._numbers: dict[Decimal, str] = {}

    def event(self, event: Event, answered: Commands, terminator: str) -> Event:
        """The event that the bridge has answered, as it can be kept. `terminator` is the key that ends what the caller
        types."""
        match event:
            case on.CallerTranscript(text=text) | on.AgentText(text=text):
                return replace(event, text=shape(text))
            case on.AgentAudio(audio=sound) | on.OperatorAudio(audio=sound):
                return replace(event, audio=sound_of_agent(sound))
            case on.CallerAudio(sound):
                return on.CallerAudio(sound_of_caller(sound))
            case on.DigitPressed(digit):
                consents = any(isinstance(command, do.ReportConsent) and command.how == "key" for command in answered)
                return event if consents or digit == terminator else on.DigitPressed(_key(digit, terminator))
            case on.ToolCalled(arguments=arguments) | on.ApprovalRequested(arguments=arguments):
                return replace(event, arguments=self.arguments(arguments))
            case on.ToolFinished(output=output):
                return replace(event, output=shape(output))
            case on.CallerWrote(text) | on.Whispered(text) | on.SayRequested(text):
                return replace(event, text=shape(text))
            case on.CallerReturning(note):
                return on.CallerReturning(shape(note))
            case on.MachineAnswered(str() as message):
                return on.MachineAnswered(shape(message))
        return event

    def arguments(self, text: str) -> str:
        """What a tool was asked, JSON as before; names and small numbers stay."""
        try:
            json.loads(text.strip() or "{}")
        except (ValueError, RecursionError):
            return self._stand_in(text)

        def disguised(part: re.Match[str]) -> str:
            string, colon = part[1], part[2]
            if string is None:
                return self._number(part[0])
            return part[0] if colon is not None else f'"{self._stand_in(string[1:-1])}"'

        return _PARTS_OF_JSON.sub(disguised, text)

    def _number(self, text: str) -> str:
        number = Decimal(text)  # 500.0 is 500, to the bridge as well
        if number in _KEPT_NUMBERS:
            return text
        return self._numbers.setdefault(number, str(_KEPT_NUMBERS.stop + len(self._numbers)))

    def _stand_in(self, text: str) -> str:
        if text not in self._stand_ins:
            for number in range(len(self._taken), len(self._taken) + 100):
                other = _PARTS_OF_STRING.sub(lambda part, number=number: _other(part[0], number), text)  # type: ignore[misc]
                if other not in self._taken:
                    break
            self._taken.add(other)
            self._stand_ins[text] = other
        return self._stand_ins[text]


def _key(digit: str, terminator: str) -> str:
    """A key that is neither the terminator nor an answer to a question."""
    key = shape(digit)
    return "9" if key == terminator else key


def _other(text: str, number: int) -> str:
    """Letters and digits in place of those of the text, others for each number; what begins with \\ stays."""
    if text.startswith("\\"):
        return text
    chosen = blake2s(str(number).encode()).digest()
    return "".join(
        chr(97 + chosen[i % 32] % 26) if c.isalpha() else chr(48 + chosen[i % 32] % 10) if c.isdigit() else c
        for i, c in enumerate(text)
    )


def sound_of_agent(sound: str) -> str:
    """A name for a piece of the agent's audio, of which the bridge knows nothing but its length."""
    return sound if sound.startswith("#") else "#" + blake2s(sound.encode(), digest_size=6).hexdigest()


def sound_of_caller(sound: str) -> str:
    """What the bridge knows of a piece of the caller's audio: its milliseconds, and whether it is loud (`!`)."""
    return f"{audio.duration_ms(sound):g}{'!' * audio.is_loud(sound)}"


def shown(command: Command, arguments: Arguments = str) -> dict[str, Any]:
    """A command as it can be kept and compared, for JSON."""
    match command:
        case do.AppendAudio(sound):
            return {"do": "AppendAudio", "audio": sound_of_caller(sound)}
        case do.PlayAudio(sound):
            return {"do": "PlayAudio", "audio": sound_of_agent(sound)}
        case do.AddMessage(text=text):
            command = replace(command, text=shape(text))
        case do.SendToolOutput(output=output):
            command = replace(command, output=shape(output))
        case do.RequestResponse(str() as instructions):
            command = do.RequestResponse(shape(instructions))
        case do.ReportDigits(digits=digits):
            command = replace(command, digits=shape(digits))
        case do.RunTool(arguments=asked):
            command = replace(command, arguments=arguments(asked))
        case do.EndCall(say=str() as say):
            command = replace(command, say=shape(say))
        case do.ReportTurn(turn):
            command = do.ReportTurn(replace(turn, text=shape(turn.text), unheard=shape(turn.unheard)))
    return {"do": type(command).__name__, **_fields(command)}


def _fields(value: Any) -> dict[str, Any]:
    return {f.name: _as_json(getattr(value, f.name)) for f in fields(value)}


def _as_json(value: Any) -> Any:
    if isinstance(value, Agent):
        return f"{value.name} {value.version}"
    return _fields(value) if is_dataclass(value) else value
