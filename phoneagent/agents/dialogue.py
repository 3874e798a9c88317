"""The dialogue of an agent: what the embedded engine's demonstration brain understands and does.

    dialogue:
      slots:
        party: {type: number, min: 1, max: 12, ask: For how many people?}
        day: {type: day, ask: On which day?}
        time: {type: time, earliest: "17:00", latest: "21:30", ask: At what time?}
      intents:
        book:
          phrases:
            - "[I'd like to|can I] book a table [for {party} [people]] [{day}] [at {time}]"
          slots: [party, day, time]
          confirm: A table for {party} {day} at {time}. Is that right?
          tool: book_table
          arguments: {people: "{party}", date: "{day}", time: "{time}"}
          reply: Done. Your reference is {reference}.
          error: I'm sorry, that didn't work. {message}
        hours:
          phrases: ["(when are you|are you) open", "what are your [opening] hours"]
          reply: We are open from five to ten, every day but Monday.

In a phrase `[...]` may be left out, `(a|b)` is one of several, `{slot}` is a value. Yes and no, corrections
("no, at eight"), answers to questions, help, "say that again", "never mind", thanks and goodbye need no phrases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

# Phrases


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a phrase, in lower case."""

    text: str


@dataclass(frozen=True, slots=True)
class Value:
    """A place of a phrase where the value of a slot is said."""

    slot: str


@dataclass(frozen=True, slots=True)
class Group:
    """One of several options; an `optional` group may also be left out."""

    options: tuple[Phrase, ...]
    optional: bool


Phrase = tuple[Word | Value | Group, ...]

_SYMBOL = re.compile(r"\s*(?:(?P<mark>[\[\]()|])|\{(?P<slot>\w+)\}|(?P<word>[A-Za-z0-9'’-]+)|(?P<rest>\S))")
_CLOSING = {"[": "]", "(": ")"}
_MAX_PHRASE = 300  # characters
_MAX_READINGS = 500


def parse_phrase(text: str) -> Phrase:
    """Read an example phrase. Raises ValueError, naming what is wrong with it."""
    symbols = [(m.lastgroup or "", m[m.lastgroup or 0]) for m in _SYMBOL.finditer(text)]
    options, rest = _parse_options(symbols, text, closing=None)
    if rest:
        raise ValueError(f"unexpected {rest[0][1]!r} in the phrase {text!r}")
    if len(options) > 1:
        raise ValueError(f"put the alternatives of the phrase {text!r} in brackets: (one|other)")
    if not options[0]:
        raise ValueError("a phrase must have words")
    return options[0]


def _parse_options(
    symbols: list[tuple[str, str]], text: str, closing: str | None
) -> tuple[tuple[Phrase, ...], list[tuple[str, str]]]:
    """The options up to the closing bracket, and the symbols after it."""
    options: list[Phrase] = []
    phrase: list[Word | Value | Group] = []
    while symbols:
        (kind, symbol), symbols = symbols[0], symbols[1:]
        if kind == "word":
            phrase.append(Word(symbol.lower().replace("’", "'")))
        elif kind == "slot":
            phrase.append(Value(symbol))
        elif symbol == "|":
            options.append(tuple(phrase))
            phrase = []
        elif symbol in _CLOSING:
            inner, symbols = _parse_options(symbols, text, _CLOSING[symbol])
            if not all(inner):
                raise ValueError(f"an option is empty in the phrase {text!r}")
            phrase.append(Group(inner, optional=symbol == "["))
        elif symbol == closing:
            return (*options, tuple(phrase)), symbols
        elif symbol in _CLOSING.values() or symbol not in ".,;:!?":  # punctuation isn't spoken
            raise ValueError(f"unexpected {symbol!r} in the phrase {text!r}")
    if closing is not None:
        raise ValueError(f"missing {closing!r} in the phrase {text!r}")
    return (*options, tuple(phrase)), symbols


def readings(phrase: Phrase) -> Iterator[tuple[Word | Value, ...]]:
    """Every way to say a phrase."""
    choices: list[list[tuple[Word | Value, ...]]] = []
    for part in phrase:
        if isinstance(part, Group):
            ways = [way for option in part.options for way in readings(option)]
            choices.append([(), *ways] if part.optional else ways)
        else:
            choices.append([(part,)])
    for combination in product(*choices):
        yield tuple(part for way in combination for part in way)


def slots_in(phrase: Phrase) -> Iterator[str]:
    """The slots whose values a phrase may hold."""
    for part in phrase:
        if isinstance(part, Value):
            yield part.slot
        elif isinstance(part, Group):
            for option in part.options:
                yield from slots_in(option)


def _is_phrase(text: str) -> str:
    if _count(parse_phrase(text)) > _MAX_READINGS:
        raise ValueError(f"the phrase {text!r} can be said in over {_MAX_READINGS} ways: split it up")
    return text


def _count(phrase: Phrase) -> int:
    """How many readings there are."""
    groups = [part for part in phrase if isinstance(part, Group)]
    return prod(sum(map(_count, group.options)) + group.optional for group in groups)


# What is said

_FIELD = re.compile(r"\{(\w*)\}")


def fields_in(template: str) -> set[str]:
    """The names in braces of something to say."""
    return set(_FIELD.findall(template))


def _is_template(text: str) -> str:
    if re.search(r"[{}]", _FIELD.sub("", text)) or "" in fields_in(text):
        raise ValueError(f"braces must hold the name of a slot or field: {text!r}")
    return text


def _is_clock_time(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError(f'must be a time such as "17:30", got {text!r}')
    return text


Say = Annotated[str, Field(min_length=1), AfterValidator(_is_template)]
PhraseText = Annotated[str, Field(max_length=_MAX_PHRASE), AfterValidator(_is_phrase)]
ClockTime = Annotated[str, AfterValidator(_is_clock_time)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Argument = str | int | float | bool

# The dialogue


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Slot(_Model):
    """A value that an intent needs, and the question for it.

    A `number` is whole, a `time` a time of day, a `day` a date, `digits` a telephone number or code, a
    `choice` one of `values`, each with further ways to say it. `invalid` is said of a value out of bounds.
    """

    type: Literal["number", "time", "day", "digits", "choice"]
    ask: Say
    invalid: Say = "I'm sorry, that isn't possible."
    min: int = 0
    max: int = 99
    earliest: ClockTime = "00:00"
    latest: ClockTime = "23:59"
    length: int | None = Field(default=None, ge=1, le=20)
    values: dict[str, tuple[PhraseText, ...]] = {}

    @model_validator(mode="after")
    def _fields_of_type(self) -> Slot:
        belongs = {
            "number": {"min", "max"},
            "time": {"earliest", "latest"},
            "digits": {"length"},
            "choice": {"values"},
        }
        allowed = belongs.get(self.type, set()) | {"type", "ask", "invalid"}
        if strangers := sorted(self.model_fields_set - allowed):
            raise ValueError(f"{', '.join(strangers)}: not a field of a slot of type {self.type}")
        if self.type == "choice" and not self.values:
            raise ValueError("a choice needs values")
        if self.min > self.max or self.earliest > self.latest:
            raise ValueError("the lower bound is above the upper one")
        return self


class Action(_Model):
    """What is done: a tool called, something said, the call ended.

    `arguments` of the tool are constants, or `"{slot}"` for the value of a slot; left out, every slot is
    passed by its own name. `reply` and `error` may use the slots and the fields of the tool's result.
    """

    reply: Say
    tool: str | None = None
    arguments: dict[str, Argument] | None = None
    error: Say = "I'm sorry, that didn't work."
    end_call: bool = False

    @model_validator(mode="after")
    def _arguments_need_tool(self) -> Action:
        if self.arguments is not None and self.tool is None:
            raise ValueError("arguments are given, but no tool")
        return self


class Intent(Action):
    """Something that a caller may want: how it is said, what must be known for it, and what is done."""

    phrases: tuple[PhraseText, ...] = Field(min_length=1)
    slots: tuple[str, ...] = ()
    confirm: Say | None = None

    @model_validator(mode="after")
    def _names_are_slots(self) -> Intent:
        known = set(self.slots)
        in_phrases = {slot for text in self.phrases for slot in slots_in(parse_phrase(text))}
        in_arguments = {
            name for value in (self.arguments or {}).values() if isinstance(value, str) for name in fields_in(value)
        }
        uses = {"phrases": in_phrases, "confirm": fields_in(self.confirm or ""), "arguments": in_arguments}
        if self.tool is None:
            uses["reply"] = fields_in(self.reply)
        for place, names in uses.items():
            if missing := sorted(names - known):
                raise ValueError(f"{place}: {', '.join(missing)} is not among the slots of this intent")
        return self


class Dialogue(_Model):
    """What an agent can talk about when no language model is there to drive it."""

    greeting: Say = "Hello! How can I help you?"
    slots: dict[Name, Slot] = {}
    intents: dict[Name, Intent] = Field(min_length=1)
    anything_else: Say = "Is there anything else I can do for you?"
    help: Say = "Just tell me what I can do for you."
    cancelled: Say = "All right, forget it. What can I do for you?"
    thanks: Say = "You're welcome."
    goodbye: Say = "Thank you for calling. Goodbye!"
    not_understood: tuple[Say, ...] = Field(
        default=(
            "I'm sorry, I didn't catch that.",
            "I'm sorry, could you say that in other words?",
            "I still can't understand you, I'm sorry. You can say help to hear what I can do.",
        ),
        min_length=1,
    )
    give_up: Action = Action(
        reply="I'm sorry, I can't understand you well. Please call again another time. Goodbye!",
        end_call=True,
    )

    @model_validator(mode="after")
    def _slots_exist(self) -> Dialogue:
        for name, intent in self.intents.items():
            if missing := sorted(set(intent.slots) - set(self.slots)):
                raise ValueError(f"intents.{name}.slots: {', '.join(missing)} is not among the dialogue's slots")
        return self
