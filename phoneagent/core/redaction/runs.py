"""Numbers in a text, written or spoken: runs of digits with nothing between them but signs and fillers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from phoneagent.core.redaction.words import (
    COUNTED,
    COUNTING,
    FILLERS,
    FOUR_TWENTIES,
    NUMBERS,
    REPEATS,
    SCALES,
    Number,
    plain,
)

MAX_GAP = 6  # signs between two groups of digits: as many as &nbsp; has
MAX_FILLERS = 3
_LARGEST_SCALED = 1000
_IN_ONE = re.compile(r"[\s-]+(?:(?:and|und|y|et)[\s-]+)?", re.IGNORECASE)
"""Between words that make up one number: forty-one, cuarenta y uno; but not: forty, one."""

# An ISO date, and nothing that could be the middle of a number: no card begins with 19 or 20.
_DATE = (
    r"(?<!\d)(?<!\d[^\w])(?:19|20)\d\d-[01]\d-[0-3]\d(?!-?\d)"
    r"(?:[T ][0-2]\d:[0-5]\d(?::[0-5]\d(?:[.,]\d{1,9})?)?(?!\d))?"
)
WORDS = re.compile(r"\d+|[^\W\d_]+")
_SIZES = {word: len(str(number.value)) for word, number in NUMBERS.items()}
_SIZES |= {word: len(str(scale)) for word, scale in SCALES.items()} | REPEATS
_TOKEN = re.compile(rf"(?P<date>{_DATE})|(?P<digits>\d+)|(?P<word>[^\W\d_]+)|(?P<sign>(?<!\d)\+|\+(?!\d)|[$€£¥%=])")


class Glance(NamedTuple):
    """Of digits: how many stand in a row, and how many there are in all."""

    row: int
    digits: int


class Token(NamedTuple):
    """A group of digits, a word (plain: lower case, no accents), or a sign at which no number goes on: a plus does not
    count between digits, where forms write one for a space."""

    start: int
    end: int
    kind: str | None
    text: str


class Atom(NamedTuple):
    """Digits and where they stand. `first` are those of its first words if something was added: 60 of sixty one."""

    start: int
    end: int
    digits: str
    first: str = ""


class Run(NamedTuple):
    """One number. `added` reads "forty one" as 41, `said` as 40 1; `plus`: it is written as telephone numbers are."""

    start: int
    end: int
    added: list[Atom]
    said: list[Atom]
    plus: bool

    @property
    def readings(self) -> tuple[list[Atom], ...]:
        return (self.added,) if self.added == self.said else (self.added, self.said)


def glance(text: str) -> Glance:
    """How many digits a text may hold, without looking closer: never too few."""
    row = longest = digits = 0
    for word in WORDS.findall(plain(text)):
        size = len(word) if word[0].isdigit() else _SIZES.get(word)
        if size is not None:
            row += size
            digits += size
            longest = max(longest, row)
        elif word not in FILLERS:
            row = 0
    return Glance(longest, digits)


def tokens_of(text: str) -> list[Token]:
    """The text's tokens in their order."""
    return [
        Token(*found.span(), found.lastgroup, plain(found[0]) if found.lastgroup == "word" else found[0])
        for found in _TOKEN.finditer(text)
    ]


def runs_of(text: str, tokens: list[Token]) -> list[Run]:
    """The numbers among the tokens of a text."""
    return [_run(text, run, plus) for run, plus in _grouped(tokens)]


def joined(atoms: list[Atom]) -> str:
    """All the digits."""
    return "".join(atom.digits for atom in atoms)


def _grouped(tokens: list[Token]) -> Iterator[tuple[list[Token], bool]]:
    run: list[Token] = []
    plus = False
    end = fillers = 0
    for index, token in enumerate(tokens):
        if run and (token.start - end > MAX_GAP or fillers > MAX_FILLERS):
            yield run, plus
            run, plus = [], False
        if _numeric(tokens, index):
            run.append(token)
            fillers = 0
        elif run and token.text in FILLERS:
            fillers += 1
        else:
            if run:
                yield run, plus
            run = []
            plus = token.text in ("+", "plus")
        end = token.end
    if run:
        yield run, plus


def _numeric(tokens: list[Token], index: int) -> bool:
    """Whether a token is part of a number; the four of "the last four are" is not, nor that of "four digits"."""
    _, _, kind, text = tokens[index]
    if kind == "digits" and len(text) > 1:
        return True
    if not _may_count(tokens[index]):
        return kind == "word" and (text in SCALES or text in REPEATS)
    before = tokens[index - 1] if index else None
    after = tokens[index + 1] if index + 1 < len(tokens) else None
    # among other digits it is taken for one: better one too many than a card with one missing
    counting = before is not None and before.text in COUNTING and not (after and _may_count(after))
    counted = after is not None and after.text in COUNTED and not (before and _may_count(before))
    return not (counting or counted)


def _may_count(token: Token) -> bool:
    return token.kind == "digits" or (token.kind == "word" and token.text in NUMBERS)


def _run(text: str, tokens: list[Token], plus: bool) -> Run:
    said = _said(tokens)
    spoken = any(token.kind == "word" for token in tokens)
    return Run(tokens[0].start, tokens[-1].end, _added(text, tokens) if spoken else said, said, plus)


def _said(tokens: list[Token]) -> list[Atom]:
    """Each word for itself: forty is 40, double four 44, four hundred 400."""
    atoms: list[Atom] = []
    start, times = None, 1
    for token in tokens:
        begun = token.start if start is None else start
        if token.text in REPEATS:
            start, times = begun, REPEATS[token.text]
        elif token.text in SCALES:
            scale = str(SCALES[token.text])
            atoms.append(Atom(begun, token.end, scale[1:] if atoms else scale))
        else:
            digits = ascii_digits(token)
            # "double four six" doubles the four; what repeats is a single figure
            atoms.append(Atom(begun, token.end, digits[0] * (times - 1) + digits))
            start, times = None, 1
    return atoms


class _Sum:
    """A number that is being said: what stands in it so far, its last part, and what may be added."""

    def __init__(self, token: Token, number: Number) -> None:
        self.start, self.end = token.start, token.end
        self.base, (self.last, self.room) = 0, number
        self.first = ""

    def scale(self, by: int, end: int) -> None:
        if self.base < by:
            self.base, self.last = 0, self.base + self.last
        self.last, self.room, self.end = self.last * by, by, end

    def replace(self, number: Number, end: int) -> None:
        self.last, self.room = number
        self.end = end

    def add(self, number: Number, end: int) -> None:
        self.base += self.last
        self.first = str(self.base)
        self.last, self.room, self.end = number.value, number.room, end

    @property
    def atom(self) -> Atom:
        return Atom(self.start, self.end, str(self.base + self.last), self.first)


def _added(text: str, tokens: list[Token]) -> list[Atom]:
    """Words that make up one number together: forty one is 41, four thousand one hundred eleven 4111."""
    atoms: list[Atom] = []
    current: _Sum | None = None
    for previous, token in zip([None, *tokens], tokens, strict=False):
        before = previous.text if previous else ""
        number = NUMBERS.get(token.text)
        if current and not _IN_ONE.fullmatch(text, current.end, token.start):
            atoms.append(current.atom)
            current = None
        if current and before == FOUR_TWENTIES[0] and token.text in FOUR_TWENTIES[1]:
            current.replace(FOUR_TWENTIES[2], token.end)
        elif current and token.text in SCALES and 0 < current.last < _LARGEST_SCALED:
            current.scale(SCALES[token.text], token.end)
        elif current and number and 0 < number.value < current.room:
            current.add(number, token.end)
        else:
            if current:
                atoms.append(current.atom)
            current = None
            if previous and before in REPEATS and token.text not in SCALES:
                atoms += [atom for atom in _said([previous, token]) if atom.end == token.end]
            elif token.text in SCALES:
                current = _Sum(token, Number(SCALES[token.text], SCALES[token.text]))
            elif number:
                current = _Sum(token, number)
            elif token.text not in REPEATS:
                atoms.append(Atom(token.start, token.end, ascii_digits(token)))
    return [*atoms, current.atom] if current else atoms


def ascii_digits(token: Token) -> str:
    """The figures of a number's token, whatever script they are written in."""
    if token.kind == "word":
        return str(NUMBERS[token.text].value)
    return token.text if token.text.isascii() else "".join(str(int(figure)) for figure in token.text)
