"""Number words as transcribers write them: English, German, French and Spanish."""

from __future__ import annotations

import unicodedata
from typing import NamedTuple


class Number(NamedTuple):
    """A word for a number. What is smaller than `room` may follow it and be added: forty, one; hundred, eleven."""

    value: int
    room: int = 0


def plain(word: str) -> str:
    """The word in lower case and without accents."""
    if word.isascii():
        return word.lower()
    marked = unicodedata.normalize("NFKD", word.casefold())
    return "".join(letter for letter in marked if not unicodedata.combining(letter))


def listed(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


def _counted(words: str, first: int = 0) -> dict[str, Number]:
    """Words for the numbers from `first` on; those for the same number are joined by strokes."""
    return {
        word: Number(value, 10 if value >= 20 else 0)
        for value, same in enumerate(words.split(), first)
        for word in same.split("/")
    }


def _tens(words: str) -> dict[str, Number]:
    return {word: Number(10 * tens, 10) for tens, same in enumerate(words.split(), 2) for word in same.split("/")}


# what is heard for a digit among digits counts as one: to, for, oh
_ENGLISH = _counted(
    "zero/oh/o/nought/naught one/won two/to/too three four/for five six seven eight/ate nine/niner ten eleven twelve "
    "thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
) | _tens("twenty thirty forty/fourty fifty sixty seventy eighty ninety")

_GERMAN_UNITS = "ein zwei/zwo drei vier funf/fuenf sechs sieben acht neun"
_GERMAN_TENS = _tens("zwanzig dreissig/dreizig vierzig funfzig/fuenfzig sechzig siebzig achtzig neunzig")
_GERMAN = (
    _counted(
        "null eins/ein/eine zwei/zwo drei vier funf/fuenf sechs sieben acht neun zehn elf zwolf/zwoelf dreizehn "
        "vierzehn funfzehn/fuenfzehn sechzehn siebzehn achtzehn neunzehn"
    )
    | _GERMAN_TENS
    | {
        f"{unit}und{word}": Number(tens.value + number.value)
        for unit, number in _counted(_GERMAN_UNITS, 1).items()
        for word, tens in _GERMAN_TENS.items()
    }
)

_FRENCH = (
    _counted("zero un/une deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize")
    | _tens("vingt/vingts trente quarante cinquante soixante septante huitante/octante nonante")
    | {"dix": Number(10, 10), "soixante": Number(60, 20)}  # dix-sept, soixante-quinze
)

_SPANISH = _counted(
    "cero uno/un/una dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis "
    "diecisiete dieciocho diecinueve veinte veintiuno/veintiun veintidos veintitres veinticuatro veinticinco "
    "veintiseis veintisiete veintiocho veintinueve"
) | _tens("veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa")

NUMBERS = _SPANISH | _FRENCH | _GERMAN | _ENGLISH
FOUR_TWENTIES = ("quatre", listed("vingt vingts"), Number(80, 20))

SCALES = dict.fromkeys(("hundred", "hundert", "cent", "cents", "cien", "ciento"), 100) | dict.fromkeys(
    ("thousand", "tausend", "mille", "mil"), 1000
)

REPEATS = {
    "double": 2, "doppel": 2, "doppelt": 2, "doble": 2, "triple": 3, "treble": 3, "dreifach": 3, "quadruple": 4,
}  # fmt: skip

FILLERS = listed(
    "and und y et uh um uhm er erm ah eh ahm euh hm hmm mm then dann luego puis dash hyphen minus slash space dot "
    "comma strich bindestrich leerzeichen guion espacio tiret espace okay ok yes yeah ja si oui so next also well "
    "now nochmal again wieder encore die"
)
"""What may be said between the digits of one number."""

COUNTING = listed("last first final letzten letzte ersten ultimos ultimas primeros derniers premiers")
COUNTED = listed("digit digits number numbers figures ziffern stellen zahlen cifras digitos chiffres")
"""Before and after a number word that counts digits and is none: the last four, three digits."""
