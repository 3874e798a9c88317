"""Bank accounts (IBAN) and US social security numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate

from phoneagent.core.redaction.runs import MAX_GAP, Atom, Run, Token, joined
from phoneagent.core.redaction.spans import Span, head, said_before, words
from phoneagent.core.redaction.words import FILLERS

# ISO 13616, by the registry of SWIFT
_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO", 16: "BE", 18: "DK FI FO GL NL SD FK", 19: "MK SI", 20: "AT BA EE KZ LT LU XK MN",
        21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ TL OM SO",
        24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR", 27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV", 29: "BR EG PS QA UA", 30: "JO KW MU YE", 31: "MT SC", 32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}  # fmt: skip

_FEWEST_DIGITS = 7  # of an IBAN that is half letters: Malta's
_IBAN_WORDS = words(r"i\W?b\W?a\W?n", "kontonummer", "bank account", "account number")
_WORD_BETWEEN = rf"(?:as|like) in [^\W_]+|(?:wie|comme|como|as|like) [^\W_]+|(?:{'|'.join(sorted(FILLERS))})\b"
_SAID_BETWEEN = re.compile(rf"[\W_]{{0,{MAX_GAP}}}(?:(?:{_WORD_BETWEEN})[\W_]{{0,{MAX_GAP}}}){{0,3}}", re.IGNORECASE)
"""Between two letters or groups of digits: D as in Delta, E wie Emil, dash."""

_SSN = re.compile(r"(?<![\w-])(?<!\d[-. ])(?!000|666)\d{3}([-. ])(?!00)\d\d\1(?!0000)\d{4}(?![-. ]?\d)(?!\w)")
_SSN_WORDS = words(
    r"socials?(?: security)?(?: number)?", r"s\W?s\W?n", "ss number", "tax(?:payer)? (?:id|number)", r"i\W?tin"
)


def ibans(text: str, tokens: list[Token], runs: list[Run]) -> Iterator[Span]:
    """Every IBAN: a country's letters, and as many further characters as it has, with the right check digits.

    After the word IBAN the check digits may be wrong: a digit misheard is no reason to keep the others.
    """
    if sum(len(joined(run.said)) for run in runs) < _FEWEST_DIGITS:
        return
    letters = [Atom(token.start, token.end, token.text.upper()) for token in tokens if _spelled(text, token)]
    if not letters:
        return
    for digits in {tuple(atom for run in runs for atom in run.said), tuple(atom for run in runs for atom in run.added)}:
        numbers = {atom.start for atom in digits}  # "o" is a letter and a zero
        atoms = sorted([*digits, *(letter for letter in letters if letter.start not in numbers)])
        for group in _linked(text, atoms):
            yield from _ibans_among(text, group)


def _linked(text: str, atoms: list[Atom]) -> Iterator[list[Atom]]:
    """Letters and digits with nothing of meaning between them."""
    group: list[Atom] = []
    for atom in atoms:
        if group and not _SAID_BETWEEN.fullmatch(text, group[-1].end, atom.start):
            yield group
            group = []
        group.append(atom)
    if group:
        yield group


def _ibans_among(text: str, atoms: list[Atom]) -> Iterator[Span]:
    signs = joined(atoms)
    if len(signs) < min(_LENGTHS.values()):
        return
    ends = dict(zip(accumulate(len(atom.digits) for atom in atoms), (atom.end for atom in atoms), strict=True))
    for start, atom in zip(accumulate((len(atom.digits) for atom in atoms), initial=0), atoms, strict=False):
        country = signs[start : start + 2].replace("0", "O")  # N, oh
        length = _LENGTHS.get(country, 0)
        end = ends.get(start + length)
        if length and end is not None and signs[start + 2].isdigit():
            named = said_before(_IBAN_WORDS, text, atom.start, 40)
            if named or _checks(country + signs[start + 2 : start + length]):
                yield Span(atom.start, end, "iban")


def _spelled(text: str, token: Token) -> bool:
    """Whether a word may be letters of an IBAN: one letter, in capitals, or written together with digits."""
    if token.kind != "word" or not token.text.isascii():
        return False
    return (
        len(token.text) == 1
        or text[token.start : token.end].isupper()
        or text[token.start - 1 : token.start].isdigit()
        or text[token.end : token.end + 1].isdigit()
    )


def _checks(iban: str) -> bool:
    """Whether the check digits are right (ISO 7064, mod 97-10)."""
    if not (iban.isascii() and iban.isalnum() and iban[2:4].isdigit()):
        return False
    return int("".join(str(int(sign, 36)) for sign in iban[4:] + iban[:4])) % 97 == 1


def ssns(text: str, runs: list[Run]) -> Iterator[Span]:
    """Social security numbers: nine digits written 3-2-4, or in any way after a word for one."""
    for found in _SSN.finditer(text):
        yield Span(found.start(), found.end(), "ssn")
    for run in runs:
        if len(joined(run.said)) >= 9 and said_before(_SSN_WORDS, text, run.start, 40):
            for reading in run.readings:
                if (end := head(reading, range(9, 10))) is not None:
                    yield Span(run.start, end, "ssn")
