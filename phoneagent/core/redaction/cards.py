"""Payment cards: 13 to 19 digits of a brand that exists, checked by Luhn's sum, and what is said along with them.

Every window of digits that could be a card is taken, also those that overlap: which of them the card is need not
be known for none of it to stay. A window begins and ends where groups of digits do, or within words and long groups.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate, groupby

from phoneagent.core.redaction.runs import Atom, Run, joined
from phoneagent.core.redaction.spans import Span, head, said_before, words

_BRANDS = (  # first digits, lengths, and those of a few old ones, which count only where groups of digits begin and end
    (r"3[47]", (15,), ()),  # American Express
    (r"30[0-59]|3[689]", (14, 16, 17, 18, 19), (15,)),  # Diners Club
    (r"35", (16, 17, 18, 19), ()),  # JCB
    (r"4", (16, 19), (13,)),  # Visa
    (r"5[1-5]", (16,), ()),  # Mastercard
    (r"5[0678]|6[37]", (16, 17, 18, 19), (13, 14, 15)),  # Maestro
    (r"59|6", (16, 17, 18, 19), ()),  # Discover, UnionPay, RuPay
    (r"2(?:2[2-9]|[3-6]|7[012])", (16,), ()),  # Mastercard
    (r"220[0-5]|8[126]|9792|9860", (16, 17, 18, 19), ()),  # Mir, UnionPay, RuPay, Humo, Troy
    (r"1", (), (15,)),  # UATP
)
_BRAND = re.compile("|".join(f"({digits})" for digits, _, _ in _BRANDS))

_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

_CARD_WORDS = words(
    r"(?:credit|debit|bank)?\s?cards?(?:\snumber)?", "visa", "master\\s?card", "amex", "american express", "maestro",
    r"\w{0,12}karte(?:n\w{0,8})?", "tarjeta", "carte(?: bancaire| bleue| de cr[eé]dit)?", "kartennr",
)  # fmt: skip
_CVV = (
    r"c\W?v\W?[vcn]2?", "csc", "security (?:code|number)", "verification (?:code|number|value)", "card code",
    "pr[üu]e?f(?:ziffer|nummer)", "kartenpr[üu]e?fnummer", "sicherheitscode", "cryptogramme",
    r"c[oó]digo de (?:seguridad|verificaci[oó]n)",
    r"code de (?:s[ée]curit[ée]|v[ée]rification)", r"(?:number|code|digits) (?:on|from) the back",
)  # fmt: skip
_CVV_WORDS = words(*_CVV)
_IS_THE_CVV = words(rf"(?:is|ist|es|est) (?:\w{{1,6}} ){{0,2}}(?:{'|'.join(_CVV)})")
_CODE_WORDS = words("code", "security", "back", "r[üu]ckseite", r"c[oó]digo")
"""Said after a card they mean its code."""

_NEAR = 60  # characters
_BRIDGE = 60
_LONGEST_GROUP = 13  # digits; a longer one may hold a card together with what was typed before and after it
_CODE_SIZES = range(3, 5)
_EXPIRY_AND_CVV = re.compile(r"(?:(?:0?[1-9]|1[0-2])(?:20)?\d\d)?\d{3,4}")


def cards(text: str, runs: list[Run]) -> list[Span]:
    """The cards in a text and their codes."""
    runs = [run for run in runs if len(joined(run.said)) >= 3]  # no code is shorter, no piece of a card either
    found = [span for chain in _chains(text, runs) for span in _cards_of(chain)]
    named = [run for run in runs if not run.plus and said_before(_CARD_WORDS, text, run.start, _NEAR)]
    # its sum may be wrong where one digit was misheard; the others are the caller's all the same
    found += [
        Span(run.start, run.end, "card") for run in named if any(13 <= len(joined(r)) <= 19 for r in run.readings)
    ]
    return [*found, *_codes(text, runs, [span.start for span in found])]


def _chains(text: str, runs: list[Run]) -> Iterator[list[Run]]:
    """Each run for itself and, after a word for a card, those that follow each other: 4111 1111, let me see, 1111 …"""
    chain: list[Run] = []
    for run in runs:
        yield [run]
        if chain and (run.plus or run.start - chain[-1].end > _BRIDGE):
            if len(chain) > 1:
                yield chain
            chain = []
        if not run.plus and (chain or said_before(_CARD_WORDS, text, run.start, _NEAR)):
            chain.append(run)
    if len(chain) > 1:
        yield chain


def _cards_of(chain: list[Run]) -> Iterator[Span]:
    for number in range(max(len(run.readings) for run in chain)):
        readings = [run.readings[min(number, len(run.readings) - 1)] for run in chain]
        atoms = [atom for reading in readings for atom in reading]
        # +49 17… begins as a card does; telephone numbers of more than 13 digits are rarer than cards
        if chain[0].plus and len(joined(atoms)) <= 13:
            continue
        covered = _covered(atoms)
        for run, reading in zip(chain, readings, strict=True):
            yield from _spans(run, reading, covered)


def _covered(atoms: list[Atom]) -> set[Atom]:
    """The atoms of which a card has a digit."""
    digits = joined(atoms)
    if len(digits) < 13:
        return set()
    owner = [atom for atom in atoms for _ in atom.digits]
    edges = list(accumulate((len(atom.digits) for atom in atoms), initial=0))
    cuts = set(edges)
    for atom, edge in zip(atoms, edges, strict=False):
        if not _is_group(atom) or len(atom.digits) > _LONGEST_GROUP:
            cuts.update(range(edge, edge + len(atom.digits)))
    windows = [*_windows(digits, set(edges), cuts), *_windows_before_more(digits, atoms, edges, cuts)]
    covered: set[Atom] = set()
    done = 0
    for start, end in sorted(windows):
        covered.update(owner[max(start, done) : end])
        done = max(done, end)
    return covered


def _is_group(atom: Atom) -> bool:
    """Whether it is in figures; in words a card may begin within one: table twenty-four one one one …"""
    return atom.end - atom.start == len(atom.digits)


def _windows_before_more(digits: str, atoms: list[Atom], edges: list[int], cuts: set[int]) -> Iterator[tuple[int, int]]:
    """Where a card ends with the sixty of "sixty one pizza"."""
    for place, atom in enumerate(atoms):
        if atom.first:
            begin = max(0, edges[place] - 19)
            known = digits[begin : edges[place]] + atom.first
            known_edges = {edge - begin for edge in edges[max(0, place - 19) : place]} | {len(known)}
            known_cuts = {cut for cut in range(len(known)) if begin + cut in cuts} | {len(known)}
            for start, end in _windows(known, known_edges, known_cuts):
                if end == len(known):
                    yield begin + start, edges[place + 1]


def _windows(digits: str, edges: set[int], cuts: set[int]) -> Iterator[tuple[int, int]]:
    """Where a card begins and ends: at a cut, an old one at the edge of a group."""
    even, odd = _sums(digits)
    for start in range(len(digits) - 12):
        brand = _BRAND.match(digits, start) if start in cuts else None
        if brand is None or brand.lastindex is None:
            continue
        _, sizes, old = _BRANDS[brand.lastindex - 1]
        ends = [start + size for size in sizes if start + size in cuts]
        if start in edges:
            ends += [start + size for size in old if start + size in edges]
        for end in ends:
            if _checks(even, odd, start, end):
                yield start, end


def _sums(digits: str) -> tuple[list[int], list[int]]:
    """Luhn's sums up to each place, doubling the digits in even places, and those in odd ones."""
    values = [int(digit) for digit in digits]
    even = accumulate((_DOUBLED[value] if place % 2 == 0 else value for place, value in enumerate(values)), initial=0)
    odd = accumulate((_DOUBLED[value] if place % 2 else value for place, value in enumerate(values)), initial=0)
    return list(even), list(odd)


def _checks(even: list[int], odd: list[int], start: int, end: int) -> bool:
    # the last digit counts once, the one before it double
    sums = even if end % 2 == 0 else odd
    return (sums[end] - sums[start]) % 10 == 0


def _spans(run: Run, atoms: list[Atom], covered: set[Atom]) -> Iterator[Span]:
    """The stretches of a run that are covered, and the expiry and code behind them."""
    seen = 0
    for is_card, group in groupby(atoms, key=covered.__contains__):
        stretch = list(group)
        start = atoms[seen].start if seen else run.start  # with the "double" before its first digit
        seen += len(stretch)
        if is_card:
            behind = _EXPIRY_AND_CVV.fullmatch(joined(atoms[seen:]))
            yield Span(start, run.end if behind else stretch[-1].end, "card")


def _codes(text: str, runs: list[Run], cards: list[int]) -> Iterator[Span]:
    """Verification codes: of three or four digits, after a word for one or after a card and its expiry."""
    first_card = min(cards, default=len(text))
    previous_end = 0
    for run in runs:
        placeholder_end = text.rfind("]", max(0, run.start - _NEAR), run.start) + 1
        near = min(_NEAR, run.start - max(previous_end, placeholder_end))
        previous_end = run.end
        count = len(joined(run.added))
        whole = any(len(joined(reading)) in _CODE_SIZES for reading in run.readings)
        of_card = run.start > first_card or said_before(_CARD_WORDS, text, run.start, _NEAR)
        # an expiry date may follow a code in one run, which has 10 digits only if it is a telephone number
        if count < 10 and said_before(_CVV_WORDS, text, run.start, near):
            end = run.end if whole else head(run.added, _CODE_SIZES) or head(run.said, _CODE_SIZES)
            if end is not None:
                yield Span(run.start, end, "cvv")
        elif (
            (whole and of_card and said_before(_CODE_WORDS, text, run.start, near))
            or (whole and _IS_THE_CVV.match(text, run.end + 1))
            or (run.start > first_card and 7 <= count <= 10 and _EXPIRY_AND_CVV.fullmatch(joined(run.said)))
        ):
            yield Span(run.start, run.end, "cvv")
