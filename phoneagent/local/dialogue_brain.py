"""The demonstration brain: follows the dialogue of the agent's file."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import orjson

from phoneagent.agents.dialogue import Action, Dialogue, Intent
from phoneagent.local.brain import CallTool, Entry, Request, Said, Speak, Step, ToolOutput
from phoneagent.local.grammar import grammar
from phoneagent.local.understanding import Meaning, Understanding
from phoneagent.local.values import Value, argument, possible, spoken

END_CALL = "end_call"

_FIELD = re.compile(r"\{(\w+)\}")


class DialogueBrain:
    """Holds one conversation. `today` gives the caller's date."""

    def __init__(self, dialogue: Dialogue, today: Callable[[], dt.date] = dt.date.today) -> None:
        self._dialogue = dialogue
        self._today = today
        self._understanding = Understanding(dialogue)
        self._read: set[str] = set()  # item ids of the entries that were taken into account
        self._before: set[str] = set()  # those of them that were not ours to answer
        self._intent: str | None = None  # what the caller wants
        self._values: dict[str, Value] = {}
        self._asked: str | None = None  # the slot that was asked for
        self._confirming = False
        self._closing = False  # asked whether there is anything else
        self._misses = 0
        self._last = ""  # what was said last
        self._prompt = ""  # what the caller is to answer now
        self._calls: dict[str, tuple[Action, dict[str, Value]]] = {}  # tools that are running
        self._tools: set[str] = set()

    # What a brain does

    def expectation(self) -> str:
        """See Brain."""
        slots = self._slots() or [
            slot
            for intent in self._dialogue.intents.values()
            for slot in intent.slots
            if self._dialogue.slots[slot].type != "digits"  # nobody begins with them, but much sounds like some
        ]
        return grammar(self._dialogue, dict.fromkeys(slots))

    def pass_over(self, history: Sequence[Entry]) -> None:
        """See Brain."""
        self._before.update(entry.item_id for entry in history)
        self._read |= self._before

    async def respond(self, request: Request) -> AsyncIterator[Step]:
        """See Brain."""
        self._tools = {tool["name"] for tool in request.tools} if request.tool_choice != "none" else set()
        news = [entry for entry in request.history if entry.item_id not in self._read]
        self._read.update(entry.item_id for entry in news)
        steps: list[Step] = []
        heard = " ".join(entry.text for entry in news if isinstance(entry, Said) and entry.role == "user")
        for entry in news:
            if isinstance(entry, ToolOutput):
                steps += self._finish(entry)
        if heard.strip():
            steps += self._answer(heard)
        if not steps:  # asked to speak with nothing new to answer: the greeting, or the question that is open
            greeted = any(
                isinstance(entry, Said) and entry.role == "assistant" and entry.item_id not in self._before
                for entry in request.history
            )
            steps = [Speak(self._prompt or self._dialogue.help if greeted else self._dialogue.greeting)]
        for step in steps:
            if isinstance(step, Speak):
                self._last = step.text
            yield step

    # What the caller said

    def _answer(self, text: str) -> list[Step]:
        meaning = self._understanding.understand(text, self._today(), self._expected(), self._slots())
        steps = self._react(meaning)
        if steps is None:
            return self._not_understood()
        self._misses = 0
        return steps

    def _react(self, meaning: Meaning) -> list[Step] | None:
        """What to do about it; None if it makes no sense here."""
        signals = meaning.signals
        if meaning.intent is not None and meaning.intent != self._intent:
            return self._begin(meaning.intent, meaning.values)
        if meaning.values and self._takes(meaning.values):
            return self._fill(meaning.values)
        if "bye" in signals or (self._closing and "no" in signals):
            return self._goodbye()
        if "cancel" in signals:
            self._forget()
            return self._ask(self._dialogue.cancelled)
        if "repeat" in signals:
            return [Speak(self._last or self._dialogue.greeting)]
        if "help" in signals:
            return [Speak(self._dialogue.help)]
        if self._confirming and {"yes", "no"} <= signals:
            return None
        if self._confirming and "yes" in signals:
            return self._act()
        if self._confirming and "no" in signals:
            return self._ask("All right, what should I change?")
        if meaning.intent is not None:  # the same matter again
            return self._go_on()
        if "thanks" in signals:
            return [Speak(f"{self._dialogue.thanks} {self._prompt}".strip())]
        if self._intent is None and signals & {"yes", "no"}:
            return self._ask(self._dialogue.help) if "yes" in signals else self._goodbye()
        return None

    def _begin(self, name: str, values: Mapping[str, Value]) -> list[Step]:
        intent = self._dialogue.intents[name]
        if self._intent is not None and not intent.slots:  # a question in between
            return [*self._perform(intent, {}, aside=True), *([] if intent.end_call else [Speak(self._prompt)])]
        self._forget()
        self._intent = name
        return self._fill(values)

    def _takes(self, values: Mapping[str, Value]) -> bool:
        """Whether values make sense here; without a matter at hand, they may tell which one it is."""
        if self._intent is None:
            fitting = [name for name, intent in self._dialogue.intents.items() if set(values) <= set(intent.slots)]
            if len(fitting) == 1:
                self._forget()
                self._intent = fitting[0]
        return bool(set(values) & set(self._slots()))

    def _fill(self, values: Mapping[str, Value]) -> list[Step]:
        steps: list[Step] = []
        for name, value in values.items():
            if name not in self._slots():
                continue
            if possible(self._dialogue.slots[name], value):
                self._values[name] = value
            else:
                self._values.pop(name, None)
                steps.append(Speak(self._dialogue.slots[name].invalid))
        return [*steps, *self._go_on()]

    def _go_on(self) -> list[Step]:
        """Ask for what is missing, have it confirmed, or do it."""
        intent = self._current()
        self._confirming = False
        for name in intent.slots:
            if name not in self._values:
                self._asked = name
                return self._ask(self._dialogue.slots[name].ask)
        self._asked = None
        if intent.confirm is None:
            return self._act()
        self._confirming = True
        return self._ask(self._fill_in(intent.confirm, self._values))

    def _not_understood(self) -> list[Step]:
        ladder = self._dialogue.not_understood
        self._misses += 1
        if self._misses > len(ladder):
            return self._perform(self._dialogue.give_up, {}, aside=False)
        return [Speak(f"{ladder[self._misses - 1]} {self._prompt}".strip())]

    # What is done

    def _act(self) -> list[Step]:
        intent, values = self._current(), dict(self._values)
        self._forget()
        return self._perform(intent, values, aside=False)

    def _perform(self, action: Action, values: dict[str, Value], *, aside: bool) -> list[Step]:
        if action.tool is None or action.tool == END_CALL:
            return self._conclude(action, self._fill_in(action.reply, values), aside=aside)
        if action.tool not in self._tools:
            return self._conclude(action, self._fill_in(action.error, {"message": "That isn't possible just now."}))
        if action.arguments is None:
            arguments: dict[str, Any] = {name: argument(value) for name, value in values.items()}
        else:
            arguments = {name: self._argument(value, values) for name, value in action.arguments.items()}
        call_id = f"call_{uuid.uuid4().hex[:24]}"
        self._calls[call_id] = action, values
        return [CallTool(action.tool, orjson.dumps(arguments).decode(), call_id)]

    def _finish(self, output: ToolOutput) -> list[Step]:
        """Say what came of a tool."""
        if output.call_id not in self._calls:
            return []
        action, values = self._calls.pop(output.call_id)
        fields = _fields(output.output)
        failed = bool(fields.get("error")) or fields.get("ok") is False
        if failed:
            return self._conclude(action, self._fill_in(action.error, {**values, **fields}))
        return self._conclude(action, self._fill_in(action.reply, {**fields, **values}))

    def _conclude(self, action: Action, text: str, *, aside: bool = False) -> list[Step]:
        if action.end_call:
            return self._end(text)
        if aside:
            return [Speak(text)]
        self._closing = True
        self._prompt = self._dialogue.anything_else
        return [Speak(text), Speak(self._prompt)]

    def _goodbye(self) -> list[Step]:
        return self._end(self._dialogue.goodbye)

    def _end(self, text: str) -> list[Step]:
        self._forget()
        end = [CallTool(END_CALL, "{}", f"call_{uuid.uuid4().hex[:24]}")] if END_CALL in self._tools else []
        return [Speak(text), *end]

    # The state

    def _ask(self, question: str) -> list[Step]:
        self._prompt = question
        return [Speak(question)]

    def _forget(self) -> None:
        self._intent = self._asked = None
        self._values = {}
        self._confirming = self._closing = False

    def _current(self) -> Intent:
        assert self._intent is not None
        return self._dialogue.intents[self._intent]

    def _slots(self) -> tuple[str, ...]:
        return self._current().slots if self._intent is not None else ()

    def _expected(self) -> list[str]:
        """The slots that a bare value is for, the likeliest first: the one asked for, or the last one read out."""
        if self._asked is not None:
            return [self._asked]
        confirm = self._current().confirm if self._intent is not None else None
        return _FIELD.findall(confirm or "")[::-1] if self._confirming else []

    def _fill_in(self, template: str, values: Mapping[str, Any]) -> str:
        today = self._today()

        def word(field: re.Match[str]) -> str:
            value = values.get(field[1], "")
            if field[1] in self._dialogue.slots or isinstance(value, int):
                return spoken(value, today)
            return str(value)

        return _FIELD.sub(word, template).strip()

    def _argument(self, value: Any, values: Mapping[str, Value]) -> Any:
        if not isinstance(value, str):
            return value
        if (whole := _FIELD.fullmatch(value)) is not None:
            return argument(values[whole[1]])
        return self._fill_in(value, values)


def _fields(output: str) -> dict[str, Any]:
    """What a tool returned, by name: an error, the mapping that is its result, or another `result`."""
    try:
        told = orjson.loads(output)
    except orjson.JSONDecodeError:
        told = output
    if not isinstance(told, dict):
        return {"result": told}
    result = told.get("result")
    return result if isinstance(result, dict) else told
