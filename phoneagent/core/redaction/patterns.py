"""Patterns of one's own, written as regular expressions that can be told to end in time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

from phoneagent.core.redaction.spans import Span

Kind = Literal["card", "cvv", "iban", "ssn", "email"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""What is found without a pattern."""

MAX_WAYS = 1000
MAX_LENGTH = 500

_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_PIECE = re.compile(
    r"""
      (?P<repeat>\?|\{(?P<least>\d{1,3})(?:(?P<upto>,)(?P<most>\d{0,3}))?\})
    | (?P<endless>[*+])
    | (?P<class>\[\^?\]?(?:\\.|[^\]\\])*\])
    | (?P<open>\((?:\?:)?(?!\?))
    | (?P<close>\))
    | (?P<either>\|)
    | (?P<escape>\\[^1-9])
    | (?P<special>\(\?.?|\\.)
    | (?P<plain>.)
    """,
    re.VERBOSE | re.DOTALL,
)


class Finder(Protocol):
    """Finds what must go, in any text."""

    def spans(self, text: str) -> Iterator[Span]:
        """Where it stands."""


class PatternError(ValueError):
    """A pattern that can't be used. The message says what is wrong and what to write instead."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """What an operator wants redacted: `name` stands in its place, in brackets. Raises PatternError.

    Every repetition has an end and there are at most MAX_WAYS ways to match at one place, so the time it takes
    grows with the length of the text and no faster. Letters match in lower and upper case.
    """

    name: str
    regex: str
    compiled: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or self.name in KINDS:
            raise PatternError(
                f"{self.name!r} can't name a pattern: use small letters, digits and _, and none of {', '.join(KINDS)}"
            )
        where = f"the pattern {self.name!r}"
        if len(self.regex) > MAX_LENGTH:
            raise PatternError(f"{where} is {len(self.regex)} characters long: make it {MAX_LENGTH} at most")
        try:
            compiled = re.compile(self.regex, re.IGNORECASE)
        except (re.error, OverflowError) as error:
            raise PatternError(f"{where} is no regular expression: {error}") from error
        if (number := _ways(self.regex, where)) > MAX_WAYS:
            raise PatternError(
                f"{where} can match in {number} ways at one place, which takes too long: make its repetitions shorter, "
                f"so that there are {MAX_WAYS} at most"
            )
        if compiled.fullmatch(""):
            raise PatternError(f"{where} matches nothing at all: let at least one character be required")
        object.__setattr__(self, "compiled", compiled)

    def spans(self, text: str) -> Iterator[Span]:
        """What it matches."""
        for found in self.compiled.finditer(text):
            if found.end() > found.start():
                yield Span(found.start(), found.end(), self.name)


class _Branches:
    """The ways to match what is in parentheses: of the branches before, of this one, of its last piece."""

    def __init__(self) -> None:
        self.done, self.ways, self.last = 0, 1, 1

    def then(self, ways: int) -> None:
        self.ways *= self.last
        self.last = ways

    def either(self) -> None:
        self.done += self.ways * self.last
        self.ways = self.last = 1

    @property
    def total(self) -> int:
        return self.done + self.ways * self.last


def _ways(regex: str, where: str) -> int:
    """In how many ways a regular expression can match from one place on, at most. Raises PatternError."""
    groups = [_Branches()]
    for piece in _PIECE.finditer(regex):
        group = groups[-1]
        match piece.lastgroup:
            case "repeat":
                least, most = _times(piece, where)
                group.last = sum(min(group.last, MAX_WAYS + 1) ** times for times in range(least, most + 1))
            case "endless":
                raise PatternError(f"{where} repeats without end by {piece[0]}: write how often, such as {{1,20}}")
            case "special":
                raise PatternError(
                    f"{where} has {piece[0]}…: only characters, classes, groups, |, ? and {{m,n}} can be used"
                )
            case "open":
                groups.append(_Branches())
            case "close":
                inner = groups.pop()
                groups[-1].then(inner.total)
            case "either":
                group.either()
            case _:
                group.then(1)
    return groups[0].total


def _times(piece: re.Match[str], where: str) -> tuple[int, int]:
    if piece[0] == "?":
        return 0, 1
    least = int(piece["least"])
    if piece["upto"] and not piece["most"]:
        raise PatternError(f"{where} repeats without end by {piece[0]}: write how often, such as {{1,20}}")
    return least, int(piece["most"]) if piece["upto"] else least
