"""E-mail addresses, written or spoken: ada@example.com, ada dot l at example dot com."""

from __future__ import annotations

import re
from collections.abc import Iterator

from phoneagent.core.redaction.runs import WORDS, Token
from phoneagent.core.redaction.spans import Span, words
from phoneagent.core.redaction.words import NUMBERS, listed, plain

_SPOKEN_WITHIN = 100

_LOCAL_BACKWARDS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}")
_HOST = re.compile(r"[\w-]{1,63}+(?:\.[\w-]{1,63}+){0,7}\.[^\W\d_][\w-]{1,62}+")

_S = r"[ ,()\[\]]{1,3}+"
_LABEL = r"[\w-]{1,63}+"


def _said_host(dot: str) -> re.Pattern[str]:
    """A host's name as it is said: example dot com, blue door dot co dot uk, g m x dot d e."""
    name = rf"(?:\w(?:{_S}\w(?!\w)){{1,20}}+|{_LABEL}(?:{_S}(?!(?:{dot})\b){_LABEL}){{0,2}}+)"
    top = rf"(?:[a-z](?:{_S}[a-z]){{1,3}}+(?!\w)|[^\W\d_][\w-]{{1,23}}+)"
    return re.compile(rf"{_S}{name}(?:(?:{_S}(?:{dot}){_S}|\.){top}){{1,4}}+", re.IGNORECASE)


_EN, _DE, _ES, _FR = (_said_host(dot) for dot in ("dot|punkt", "punkt|dot", "punto", "point"))
_SAID_HOST = {
    **dict.fromkeys(("at",), _EN),
    **dict.fromkeys(("aet", "klammeraffe"), _DE),
    **dict.fromkeys(("arroba",), _ES),
    **dict.fromkeys(("arobase", "arrobase"), _FR),
}
"""What follows a spoken @: the words for it and for a dot belong to one language ("at this point" is no address)."""
_ANY_SAID_HOST = re.compile(
    "|".join(host.pattern.replace(_S, r"[ ,()\[\]]{0,3}+", 1) for host in (_EN, _ES, _FR)), re.IGNORECASE
)

_WORD = re.compile(r"[^\s,;:?!()\[\]<>\"]+")
_CONNECTING = listed(
    "dot punkt punto point underscore unterstrich dash hyphen minus bindestrich guion tiret plus period bajo bas"
)
_INTRODUCED = words(
    r"(?:e-?mail|mail|correo|courriel|address|adresse)s?(?:adresse| address| adresse| electr[oó]nico| id)?"
    r"(?:\W{1,3}(?:is|it's|its|would be|ist|lautet|es|est|c'est|to|an))+"
)
_NO_NAMES = listed(
    "a about all also am an and are available back be been best book booked buy by call check contact details "
    "email emails find found from get go good great had has have her here him hours i in info's information is it "
    "it's just learn live look looking mail me meet menu more now of offer on online open or order ordered orders "
    "our page photos prices read reservation reserve rooms sale saw see shop sign site start stay store tables "
    "talk that the them there these they things this those tickets times to today up us visit was we we're "
    "website were what where with work working yes you your"
)
"""Before "at example dot com" these are words of a sentence, and nobody's name."""


def may_hold_email(text: str) -> bool:
    """Whether it is worth looking for one."""
    return "@" in text or any(word in _SAID_HOST for word in WORDS.findall(plain(text)))


def emails(text: str, tokens: list[Token]) -> Iterator[Span]:
    """Every address that somebody could write to."""
    at = text.find("@")
    while at >= 0:
        local = _LOCAL_BACKWARDS.match(text[max(0, at - 64) : at][::-1])
        host = _HOST.match(text, at + 1)
        if local and host:
            yield Span(at - local.end(), host.end(), "email")
        elif said := _ANY_SAID_HOST.match(text, at + 1):
            yield from _said(text, at, said.end())
        at = text.find("@", at + 1)
    for token in tokens:
        host_said = _SAID_HOST.get(token.text)
        if host_said is not None and (said := host_said.match(text, token.end)):
            yield from _said(text, token.start, said.end())


def _said(text: str, at: int, end: int) -> Iterator[Span]:
    start = _name_before(text, at)
    if start is not None:
        yield Span(start, end, "email")


def _name_before(text: str, at: int) -> int | None:
    """Where the name begins that is spoken before an "at"; None if no name is."""
    begin = max(0, at - _SPOKEN_WITHIN)
    spoken = list(_WORD.finditer(text, begin, at))
    if not spoken or text[spoken[-1].end() : at].strip(" ,(["):
        return None
    spelled = len(spoken) > 1 and len(spoken[-1][0]) == len(spoken[-2][0]) == 1
    if plain(spoken[-1][0]) in _NO_NAMES and not spelled:
        return None
    introductions = list(_INTRODUCED.finditer(text, begin, at))
    if introductions:
        named = [word for word in spoken if word.start() >= introductions[-1].end()]
        if named and not any(word[0].endswith(".") for word in named):
            return named[0].start()
    first = len(spoken) - 1
    while first > 0:
        this, before = plain(spoken[first][0]), plain(spoken[first - 1][0])
        if before in _CONNECTING and first > 1:
            first -= 2
        elif _initial(before) or (_sign(this) and _sign(before)):  # j doe; a d a
            first -= 1
        elif _figure(this) and before.isalnum() and before not in _NO_NAMES:  # ada eighty four
            return spoken[first - 1].start()
        else:
            break
    return spoken[first].start()


def _initial(word: str) -> bool:
    return len(word) == 1 and word.isalpha() and word not in _NO_NAMES


def _figure(word: str) -> bool:
    return word.isdigit() or word in NUMBERS


def _sign(word: str) -> bool:
    return len(word) == 1 or _figure(word)
