"""Cards, accounts and numbers, spelled in the ways in which people say and transcribers write them."""

from __future__ import annotations

from random import Random

BRANDS = (  # first digits, length
    ("4", 16), ("4", 19), ("4", 13), ("51", 16), ("55", 16), ("2221", 16), ("2720", 16), ("34", 15), ("37", 15),
    ("6011", 16), ("65", 16), ("644", 16), ("3528", 16), ("3589", 16), ("36", 14), ("305", 14), ("38", 14),
    ("62", 16), ("62", 19), ("5018", 16), ("6759", 18), ("2200", 16), ("60", 16), ("9792", 16),
)  # fmt: skip

ENGLISH = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
OH = ["oh", *ENGLISH[1:]]
GERMAN = ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]
SPANISH = ["cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"]
FRENCH = ["zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"]
TEENS = ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
SEPARATORS = (" ", "-", ".", ", ", " - ", "/", "_", "\n", " · ", "–", "... ", "\u00a0", ":", "  ", "? ", "; ", " / ")
FILLERS = (" uh ", ", um, ", " and ", " then ", " dash ", " ähm ", ", okay, ")


def check_digit(digits: str) -> str:
    """The last digit, by ISO/IEC 7812 Annex B, written anew here."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def card(random: Random, least: int = 13) -> str:
    """A card of at least so many digits."""
    brand, length = random.choice([brand for brand in BRANDS if brand[1] >= least])
    digits = brand + "".join(str(random.randrange(10)) for _ in range(length - len(brand) - 1))
    return digits + check_digit(digits)


def no_card(random: Random, length: int) -> str:
    """Digits that fail the check."""
    digits = "".join(str(random.randrange(10)) for _ in range(length - 1))
    return digits + str((int(check_digit(digits)) + 1 + random.randrange(9)) % 10)


def groups(random: Random, digits: str, longest: int = 6) -> list[str]:
    found = []
    while digits:
        size = random.randint(1, longest)
        found.append(digits[:size])
        digits = digits[size:]
    return found


def fours(digits: str) -> list[str]:
    return [digits[place : place + 4] for place in range(0, len(digits), 4)]


def written(random: Random, digits: str) -> str:
    """In any groups, between any separators."""
    if random.random() < 0.2:
        return digits
    parts = fours(digits) if random.random() < 0.4 else groups(random, digits)
    one = random.choice(SEPARATORS)
    mixed = random.random() < 0.3
    return "".join(
        part + (random.choice(SEPARATORS) if mixed else one) * (place < len(parts) - 1)
        for place, part in enumerate(parts)
    )


def spoken(random: Random, digits: str) -> str:
    """Digit by digit, in one of the languages, with pauses and fillers."""
    words = random.choice([ENGLISH, ENGLISH, OH, GERMAN, SPANISH, FRENCH])
    pauses = [" "] * 12 + [", ", ". ", *FILLERS]
    text = ""
    place = 0
    while place < len(digits):
        word = words[int(digits[place])]
        if words is ENGLISH and digits[place : place + 2] == digits[place] * 2 and random.random() < 0.5:
            word = f"double {word}"
            place += 1
        text += word + random.choice(pauses) * (place < len(digits) - 1)
        place += 1
    return text[0].upper() + text[1:] if random.random() < 0.5 else text


def paired(random: Random, digits: str) -> str:
    """In pairs: forty-one eleven, oh seven; one left over is said alone."""
    hyphen = random.choice(["-", " "])
    words = []
    for place in range(0, len(digits), 2):
        pair = digits[place : place + 2]
        if len(pair) == 1:
            words.append(ENGLISH[int(pair)])
        elif pair[0] == "0":
            words.append(f"oh {OH[int(pair[1])]}")
        elif pair[0] == "1":
            words.append(TEENS[int(pair[1])])
        else:
            words.append(TENS[int(pair[0]) - 2] + (hyphen + ENGLISH[int(pair[1])] if pair[1] != "0" else ""))
    # after twenty, a one that stands alone would be read as twenty-one
    return " ".join(words) if len(digits) % 2 == 0 else spoken(random, digits)


def mixed(random: Random, digits: str) -> str:
    """Some of it in figures, some in words."""
    cut = random.randint(1, len(digits) - 1)
    halves = [written(random, digits[:cut]), spoken(random, digits[cut:])]
    return random.choice([" ", ", ", ". "]).join(halves)


def any_spelling(random: Random, digits: str) -> str:
    return random.choice([written, written, spoken, paired, mixed])(random, digits)


IBANS = {  # country: what stands behind the check digits; n a digit, a a letter, c either
    "DE": "n" * 18, "GB": "aaaa" + "n" * 14, "FR": "n" * 10 + "c" * 11 + "nn", "ES": "n" * 20, "NL": "aaaa" + "n" * 10,
    "IT": "a" + "n" * 10 + "c" * 12, "AT": "n" * 16, "CH": "n" * 5 + "c" * 12, "BE": "n" * 12, "NO": "n" * 11,
    "PL": "n" * 24, "IE": "aaaa" + "n" * 14, "MT": "aaaa" + "n" * 5 + "c" * 18, "SE": "n" * 20, "PT": "n" * 21,
}  # fmt: skip


def iban(random: Random, only_digits: bool = False) -> str:
    countries = [country for country, form in IBANS.items() if not only_digits or set(form) == {"n"}]
    country = random.choice(countries)
    signs = {"n": "0123456789", "a": "ABCDEFGHIJKLMNPQRSTUVWXYZ", "c": "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"}
    account = "".join(random.choice(signs[kind]) for kind in IBANS[country])
    number = "".join(str(int(sign, 36)) for sign in f"{account}{country}00")
    return f"{country}{98 - int(number) % 97:02}{account}"
