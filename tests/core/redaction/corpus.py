"""What must go and what must stay: written by hand in two files, the rest made by templates.

`python -m tests.core.redaction.corpus` prints the table of docs/privacy.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random

from phoneagent.core.redaction import KINDS, Redactor
from tests.core.redaction import spelling

_MARK = re.compile(r"\{(\w+):(.*?)\}", re.DOTALL)


@dataclass(frozen=True)
class Example:
    """A text, what should become of it, and what in it is secret: (kind, words)."""

    text: str
    expected: str
    secrets: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Score:
    """Of `there` secrets of a kind `found` are gone; `named` times a text was said to hold one."""

    there: int
    found: int
    named: int

    @property
    def recall(self) -> float:
        return self.found / self.there

    @property
    def precision(self) -> float:
        return min(self.found / self.named, 1.0)


def marked(line: str) -> Example:
    secrets = tuple((found[1], found[2]) for found in _MARK.finditer(line))
    return Example(_MARK.sub(r"\2", line), _MARK.sub(r"[\1]", line), secrets)


def _lines(name: str) -> list[str]:
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


@cache
def positives() -> list[Example]:
    random = Random(4)
    made = [
        *(f"It's {{card:{spelling.any_spelling(random, spelling.card(random))}}} thanks" for _ in range(80)),
        *(_code(random) for _ in range(50)),
        *(f"please take {{iban:{_iban(random)}}} for it" for _ in range(60)),
        *(f"{random.choice(_BEFORE_EMAIL)}{{email:{_email(random)}}} thanks" for _ in range(60)),
        *(_ssn(random) for _ in range(40)),
    ]
    return [marked(line) for line in [*_lines("positives.txt"), *made]]


@cache
def negatives() -> list[Example]:
    random = Random(4)
    made = [random.choice(_STAYING)(random) for _ in range(300)]
    return [Example(line, line) for line in [*_lines("negatives.txt"), *made]]


def scores() -> dict[str, Score]:
    """Recall and precision of each kind over the whole corpus."""
    redactor = Redactor()
    there, found, named = (dict.fromkeys(KINDS, 0) for _ in range(3))
    for example in [*positives(), *negatives()]:
        kept = redactor.text(example.text)
        for kind in KINDS:
            named[kind] += kept.count(f"[{kind}]")
        for kind, secret in example.secrets:
            there[kind] += 1
            found[kind] += kept == example.expected or not _any_of(secret, kept)
    return {kind: Score(there[kind], found[kind], named[kind]) for kind in KINDS}


def table() -> str:
    """The scores as docs/privacy.md shows them."""
    rows = [f"| `[{kind}]` | {s.there} | {s.recall:.1%} | {s.precision:.1%} |" for kind, s in scores().items()]
    return "\n".join(["| | examples | recall | precision |", "| --- | --- | --- | --- |", *rows])


def _any_of(secret: str, kept: str) -> bool:
    """Whether two neighbouring words of a secret, or a longer one, are still there."""
    words = secret.split()
    return any(pair in kept for pair in map(" ".join, pairwise(words))) or any(
        word in kept for word in words if len(word) > 3 and any(sign.isdigit() or sign == "@" for sign in word)
    )


_BEFORE_EMAIL = ("it's ", "my email is ", "My email address is ", "Sure. ", "write to ")
_NAMES = ["ada", "grace", "alan", "linus", "margaret", "jean", "barbara", "edsger", "katherine", "dorothy"]
_HOSTS = ["example", "gmail", "hotmail", "bluedoor", "outlook", "icloud", "proton", "blue-door"]
_TOPS = ["com", "net", "org", "de", "co.uk", "io", "fr", "es", "info"]


def _email(random: Random) -> str:
    name, other = random.sample(_NAMES, 2)
    local = random.choice([name, f"{name}.{other}", f"{name}_{other}", f"{name}{random.randrange(10, 99)}"])
    address = f"{local}@{random.choice(_HOSTS)}.{random.choice(_TOPS)}"
    if random.random() < 0.4:
        return address
    words = {".": " dot ", "@": " at ", "_": " underscore ", "-": " dash "}
    return "".join(words.get(sign, sign) for sign in address)


def _iban(random: Random) -> str:
    iban = spelling.iban(random)
    return random.choice(
        [
            iban,
            " ".join(spelling.fours(iban)),
            "-".join(spelling.fours(iban)),
            iban.lower(),
            " ".join(iban),
            " ".join(spelling.ENGLISH[int(sign)] if sign.isdigit() else sign for sign in iban),
        ]
    )


def _code(random: Random) -> str:
    digits = "".join(random.choice("0123456789") for _ in range(random.choice([3, 3, 3, 4])))
    said = random.choice([digits, " ".join(digits), " ".join(spelling.ENGLISH[int(digit)] for digit in digits)])
    return (
        random.choice(
            [
                "the CVV is {cvv:%s}",
                "cvc {cvv:%s}",
                "Security code: {cvv:%s}.",
                "the three digits on the back are {cvv:%s}",
                "{card:4242 4242 4242 4242}, expires 12/27, and the code is {cvv:%s}",
                "{cvv:%s} is the security code",
                "die Prüfnummer lautet {cvv:%s}",
            ]
        )
        % said
    )


def _ssn(random: Random) -> str:
    area = random.choice([number for number in range(1, 900) if number != 666])
    parts = [f"{area:03}", f"{random.randrange(1, 100):02}", f"{random.randrange(1, 10000):04}"]
    digits = "".join(parts)
    return random.choice(
        [
            f"it is {{ssn:{'-'.join(parts)}}} yes",
            f"{{ssn:{' '.join(parts)}}}",
            f"my social is {{ssn:{digits}}}",
            f"social security number {{ssn:{' '.join(spelling.ENGLISH[int(digit)] for digit in digits)}}}",
            f"SSN: {{ssn:{', '.join(parts)}}}, that's it",
        ]
    )


def _digits(random: Random, length: int) -> str:
    return "".join(random.choice("0123456789") for _ in range(length))


def _us_number(random: Random) -> str:
    area, office, line = f"{random.randrange(201, 990)}", f"{random.randrange(200, 1000)}", _digits(random, 4)
    said = " ".join(spelling.ENGLISH[int(digit)] for digit in f"{area}{office}{line}")
    return "call me at " + random.choice(
        [
            f"({area}) {office}-{line}",
            f"{area}-{office}-{line}",
            f"{area}.{office}.{line}",
            f"+1{area}{office}{line}",
            said,
        ]
    )


def _abroad(random: Random) -> str:
    country = random.choice(["49", "44", "33", "34", "43", "55", "61", "46", "47", "372", "351"])
    number = _digits(random, 13 - len(country))
    return random.choice([f"my number is +{country}{number}", f"ruf +{country} {number[:3]} {number[3:]} an"])


def _order(random: Random) -> str:
    length = random.randrange(5, 17)
    number = spelling.no_card(random, length) if length >= 13 else _digits(random, length)
    return random.choice(["order number %s please", "my reference is %s", "It's #%s", "Bestellnummer %s"]) % number


def _date(random: Random) -> str:
    year, month, day = random.randrange(1930, 2040), random.randrange(1, 13), random.randrange(1, 29)
    hour, minute = random.randrange(24), random.randrange(60)
    return random.choice(
        [
            f"on {year}-{month:02}-{day:02} at {hour:02}:{minute:02}",
            f"born {month}/{day}/{year}",
            f"am {day}.{month}.{year} um {hour}:{minute:02} Uhr",
            f"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:59.{_digits(random, 6)}+00:00",
        ]
    )


def _price(random: Random) -> str:
    euros, cents = random.randrange(1, 5000), random.randrange(100)
    return random.choice(
        [
            f"that is ${euros:,}.{cents:02}",
            f"{euros},{cents:02} Euro und {cents} Cent",
            f"{euros} dollars and {cents} cents",
        ]
    )


def _counting(random: Random) -> str:
    words = " ".join(spelling.ENGLISH[random.randrange(10)] for _ in range(random.randrange(1, 12)))
    return random.choice(["the room is %s", "take %s of them", "%s and that's all"]) % words


_STAYING = (_us_number, _abroad, _order, _date, _price, _counting)

if __name__ == "__main__":
    print(table())
