"""What must not be kept is taken out of texts before they are: cards, accounts, addresses (docs/privacy.md).

redactor = Redactor()
redactor.text("my card is 4111 1111 1111 1111")  # "my card is [card]"
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

from phoneagent.core.redaction.accounts import ibans, ssns
from phoneagent.core.redaction.cards import cards
from phoneagent.core.redaction.emails import emails, may_hold_email
from phoneagent.core.redaction.keys import typed
from phoneagent.core.redaction.patterns import KINDS, Finder, Kind, Pattern, PatternError
from phoneagent.core.redaction.runs import Run, Token, glance, joined, runs_of, tokens_of
from phoneagent.core.redaction.spans import Span, merged
from phoneagent.core.redaction.words import FILLERS

__all__ = ["KINDS", "Finder", "Kind", "Pattern", "PatternError", "Redactor"]

UNFINISHED = "…"
"""The kind of a number that is still being said, and may become a card."""

_LEAST_IN_A_ROW = 3  # digits: those of a code, or of a secret that is typed
_LEAST_IN_ALL = 7  # those of an account, with letters in between
_SHOWN = 6  # digits of it: by these a card's bank is known, not the card
_ENCODED = re.compile(r"%20|&nbsp;|&#160;|\\u00[aA]0|\\[nrt](?![^\W\d_])")
"""What stands for a space in an address, in HTML, and in what once was JSON."""

_NO_LETTERS = re.compile(r"[\W\d_]+|(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Redactor:
    """Takes out of texts what is of one of the `kinds` or matches one of the `patterns`, and says `[kind]` instead.

    It never fails, keeps no state, and takes time in proportion to the text. `keys` are what was typed in secret: it
    becomes `[keys]`, also where it is said.
    """

    kinds: Collection[Kind] = KINDS
    patterns: tuple[Finder, ...] = ()
    keys: tuple[str, ...] = field(default=(), repr=False)

    def with_keys(self, keys: str) -> Redactor:
        """One that takes out these keys, too."""
        return self if keys in self.keys else replace(self, keys=(*self.keys, keys))

    def with_rules(self, other: Redactor) -> Redactor:
        """One that takes out what either of the two does."""
        kinds = tuple(kind for kind in KINDS if kind in self.kinds or kind in other.kinds)
        patterns = (*self.patterns, *(pattern for pattern in other.patterns if pattern not in self.patterns))
        return replace(self, kinds=kinds, patterns=patterns, keys=tuple(dict.fromkeys(self.keys + other.keys)))

    def text(self, text: str) -> str:
        """The text without it."""
        return self.parts(text)[0]

    def parts(self, *parts: str, going_on: bool = False) -> tuple[str, ...]:
        """The parts of one text without it: the words of a turn that were heard, and those that weren't.

        What lies in several parts is named in the first of them and gone from the others. `going_on`: there is more of
        the text to come, so that a number at its end becomes `[…]`.
        """
        text = " ".join(parts)
        spans = self._spans(text, going_on)
        if not spans:
            return parts
        begins = accumulate((len(part) + 1 for part in parts[:-1]), initial=0)
        return tuple(_without(spans, text, begin, begin + len(part)) for begin, part in zip(begins, parts, strict=True))

    def json_text(self, text: str) -> str:
        """JSON text, such as a tool's arguments, without it: JSON as before, or else taken for mere text."""
        try:
            given = json.loads(text, object_pairs_hook=_object)
            kept = self.value(given)
        except (ValueError, RecursionError):
            return self.text(text)
        return text if kept == given else json.dumps(kept)

    def value(self, value: Any) -> Any:
        """What JSON can say (and tuples, to be sent to a log) without it; a number that goes becomes text.

        The name of a field tells what its value is: the 123 in {"cvv": "123"} goes.
        """
        return self._value("", value)

    def _value(self, label: str, value: Any) -> Any:
        match value:
            case Mapping():
                return {
                    self.text(key) if isinstance(key, str) else key: self._value(str(key), item)
                    for key, item in value.items()
                }
            case list() | tuple():
                kept = iter(self._scalars(label, [item for item in value if _is_scalar(item)]))
                return [next(kept) if _is_scalar(item) else self._value(label, item) for item in value]
            case _ if _is_scalar(value):
                return self._scalars(label, [value])[0]
            case _:
                return value

    def _scalars(self, label: str, values: Sequence[str | int | float]) -> list[Any]:
        # the sign keeps the label's words from being read as part of the number
        texts = [str(value) for value in values]
        _, *kept = self.parts(f"{_NO_LETTERS.sub(' ', label)} =", *texts)
        return [value if text == str(value) else text for value, text in zip(values, kept, strict=True)]

    def _spans(self, text: str, going_on: bool) -> list[Span]:
        said = _ENCODED.sub(lambda space: " " * len(space[0]), text)
        seen = glance(said)
        numbers = seen.row >= _LEAST_IN_A_ROW or seen.digits >= _LEAST_IN_ALL  # nearly all that people say has fewer
        tokens = tokens_of(said) if numbers or may_hold_email(said) else []
        runs = runs_of(said, tokens) if numbers else []
        wanted: list[Span] = []
        if self.kinds:
            found = [*ibans(said, tokens, runs), *ssns(said, runs), *cards(said, runs)] if numbers else []
            found += emails(said, tokens)
            wanted += (span for span in found if span.kind in self.kinds)
        wanted += (span for pattern in self.patterns for span in pattern.spans(text))
        wanted += typed(said, runs, self.keys)
        if going_on:
            wanted += _unfinished(said, tokens, runs)
        return merged(wanted)


def _unfinished(text: str, tokens: list[Token], runs: list[Run]) -> Iterator[Span]:
    """The number at the end of the text."""
    if not runs or len(joined(runs[-1].said)) <= _SHOWN:
        return
    if all(token.text in FILLERS for token in tokens if token.start >= runs[-1].end):
        yield Span(runs[-1].start, len(text), UNFINISHED)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON. Raises ValueError for one that says two things of one name, of which only the last is
    looked at."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("the same name twice")
    return found


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _without(spans: list[Span], text: str, begin: int, end: int) -> str:
    """The text from `begin` to `end` without the spans, each of which is named where it begins."""
    kept, position = "", begin
    for span in spans:
        if span.end > begin and span.start < end:
            kept += text[position : max(position, span.start)]
            kept += f"[{span.kind}]" if span.start >= begin else ""
            position = min(end, span.end)
    return kept + text[position:end]
