"""A call as it went: what was said, done and happened, in one order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from phoneagent.core.records import Happened, ToolKept
from phoneagent.core.transcript import Turn
from phoneagent.store.calls import CallDetail
from phoneagent.web.console.wording import sentence

MARKS = {
    "barge_in": "interruption",
    "tool": "tool",
    "digits": "keys",
    "transfer": "transfer",
    "agent_took_over": "another agent",
    "operator": "operator",
    "limit": "limit",
    "engine_error": "error",
    "response_failed": "error",
    "session_lost": "error",
}
"""What the waveform's legend explains, by the kinds of moments."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something other than words: a tool that ran, or what happened.

    `title` says it, `text` is what belongs to it, which may be somebody's words; `until_s` is when it was over, if it
    lasted.
    """

    at_s: float
    kind: str
    title: str = field(repr=False)
    text: str | None = field(default=None, repr=False)
    until_s: float | None = None
    tool: ToolKept | None = None


def timeline(call: CallDetail) -> Iterator[Turn | Moment]:
    """All of a call: turns in the order of the conversation, and before each what had come by then."""
    moments = sorted([*map(_ran, call.tools), *map(_happened, call.events)], key=lambda moment: moment.at_s)
    said = 0
    for turn in call.turns:
        while said < len(moments) and moments[said].at_s < turn.at_s:
            yield moments[said]
            said += 1
        yield turn
    yield from moments[said:]


def legend(items: list[Turn | Moment]) -> list[tuple[str, str]]:
    """The kinds of what is marked, with their words."""
    there = {item.kind for item in items if isinstance(item, Moment)}
    words = {word: kind for kind, word in reversed(MARKS.items()) if kind in there}
    return [(kind, word) for word, kind in reversed(words.items())]


def _ran(tool: ToolKept) -> Moment:
    return Moment(tool.at_s, "tool", tool.name, until_s=tool.at_s + tool.duration_ms / 1000, tool=tool)


def _happened(event: Happened) -> Moment:
    title, *text = _words(event)
    return Moment(event.at_s, event.kind, title, text[0] if text else None)


def _words(event: Happened) -> tuple[str] | tuple[str, str | None]:
    """What happened, as `static/live/words.js` says it while the call goes on; and what belongs to it."""
    match event.kind, event.data:
        case "barge_in", {"heard_ms": int(ms)}:
            return (f"The caller interrupted after {ms / 1000:.1f} s",)
        case "barge_in", _:
            return ("The caller interrupted",)
        case "digits", {"digits": str(digits), "secure": secure}:
            return ("The caller typed something secret" if secure else "The caller typed"), digits
        case "consent", {"given": given}:
            return ("The caller agreed to be recorded" if given else "The caller does not want to be recorded",)
        case "recording", {"on": on}:
            return ("The call is recorded" if on else "The recording stopped",)
        case "agent_took_over", {"agent": str(agent)}:
            return (f"{agent} speaks now",)
        case "transfer", {"state": str(state), "to": str(to), **rest}:
            return f"Transfer to {to}: {state.replace('_', ' ')}", _text(rest.get("why"))
        case "machine", {"message": message}:
            return ("A machine answered: a message is left" if message else "A machine answered",)
        case "limit", {"limit": limit, "level": level, "spent_usd": spent, "limit_usd": usd}:
            reached = "reached" if level == "over" else "nearly reached"
            return f"A limit of money is {reached}", f"{limit}: ${spent} of ${usd}"
        case "engine_error", {"code": code, "message": message}:
            return f"The engine reported {code}", _text(message)
        case "response_failed", {"code": code, "message": message}:
            return f"The engine failed to answer: {code}", _text(message)
        case "session_lost", {"code": code, "message": message}:
            return f"The engine's session was lost: {code}", _text(message)
        case "message", _:
            return ("The caller left a message",)
        case "operator", {"action": str(action), "by": str(by), **rest}:
            return _operator(action, by, rest.get("to")), _text(rest.get("text"))
        case _:
            return (sentence(event.kind),)


def _operator(action: str, by: str, to: object) -> str:
    match action:
        case "whisper":
            return f"{by} whispered to the agent"
        case "say":
            return f"{by} had the agent say"
        case "take_over":
            return f"{by} took over"
        case "hand_back":
            return f"{by} handed the call back"
        case "transfer":
            return f"{by} began a transfer to {to}" if to else f"{by} began a transfer"
        case "hang_up":
            return f"{by} hung up"
        case "listen":
            return f"{by} listens in"
        case _:
            return f"{by}: {action}"


def _text(given: object) -> str | None:
    return given if isinstance(given, str) and given else None
