"""What is kept of a call, without what must not be kept."""

from __future__ import annotations

from dataclasses import replace

from phoneagent.core.agents import Redaction
from phoneagent.core.records import CallOver, Entry, Happened, MessageTaken, RecordingKept, ToolKept, TurnKept
from phoneagent.core.redaction import KINDS, Pattern, Redactor


def redactor_for(rules: Redaction) -> Redactor:
    """What takes out of texts what an agent's file says. Raises PatternError."""
    patterns = tuple(Pattern(name, regex) for name, regex in rules.patterns.items())
    return Redactor(tuple(kind for kind in KINDS if kind in rules.kinds), patterns)


def redacted(entry: Entry, redactor: Redactor) -> Entry:
    """The entry without it. Numbers of telephones and the ids of carrier and engine stay, and so do agents' files."""
    match entry:
        case TurnKept(turn=turn):
            # of a card that is still being said no half is kept: too much of it would be known
            text, unheard = redactor.parts(turn.text, turn.unheard, going_on=not turn.final)
            return replace(entry, turn=replace(turn, text=text, unheard=unheard))
        case ToolKept():
            arguments, output = redactor.json_text(entry.arguments), redactor.json_text(entry.output)
            return replace(entry, name=redactor.text(entry.name), arguments=arguments, output=output)
        case Happened(kind="operator"):  # who did it is no secret, though the name may be an e-mail address
            return replace(entry, data={**redactor.value(entry.data), "by": entry.data["by"]})
        case Happened():
            return replace(entry, data=redactor.value(entry.data))
        case MessageTaken(callback_number=number):
            callback_number = None if number is None else redactor.text(number)
            return replace(entry, text=redactor.text(entry.text), callback_number=callback_number)
        case CallOver():
            return replace(entry, reason=redactor.text(entry.reason))
        case RecordingKept(problem=str() as problem):
            return replace(entry, problem=redactor.text(problem))
        case _:
            return entry
