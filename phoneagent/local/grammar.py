"""What can be understood, as a grammar in JSGF (the Java Speech Grammar Format) for the recogniser.

Beside it there is a loop over all phonemes, at long odds. Speech that fits the grammar beats the loop and other
speech does not, which is how "my washing machine is broken" isn't heard as a table for two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from phoneagent.agents.dialogue import Dialogue, Group, Phrase, Word, parse_phrase, slots_in
from phoneagent.local.signals import SIGNALS, clues
from phoneagent.local.values import expectation, type_rules

PHONES = [
    "AA",
    "AE",
    "AH",
    "AO",
    "AW",
    "AY",
    "B",
    "CH",
    "D",
    "DH",
    "EH",
    "ER",
    "EY",
    "F",
    "G",
    "HH",
    "IH",
    "IY",
    "JH",
    "K",
    "L",
    "M",
    "N",
    "NG",
    "OW",
    "OY",
    "P",
    "R",
    "S",
    "SH",
    "T",
    "TH",
    "UH",
    "UW",
    "V",
    "W",
    "Y",
    "Z",
    "ZH",
]
NOISE = "zz"  # begins the pseudo-word of each phoneme; no English word begins like it

_NOISE_ODDS = 1e-2  # of one more phoneme that is no word, beside what the recogniser takes for any word
_ANSWER_ODDS = 1e-10  # of one more value in a turn
_BEFORE = "(um|uh|well|hello|hi|okay|oh|please)"
_AFTER = "(please|thank you|thanks)"
_CHANGE = ("make (it|that)", "(wait|sorry|actually) [make (it|that)]", "i (said|meant|mean)", "change it to")
_LOOSE = frozenset(["at", "for", "on", "[people]", "people", "around", "about"])


def grammar(dialogue: Dialogue, slots: Iterable[str]) -> str:
    """The grammar for a state of the dialogue in which answers for `slots` make sense, beside all intents.

    A turn is a chain: signals ("no, sorry"), a change ("make it"), the fixed part of an intent's phrase, values with
    the words around them. Each stands in the grammar once, because pocketsphinx copies what a rule refers to.
    """
    rules: list[str] = []
    for name in slots:
        rules.append(expectation(name, dialogue.slots[name]))
        before, after = clues(dialogue, name)
        rules.append(f"<answer_{name}> = {_maybe(before)} <slot_{name}> {_maybe(after)};\n")
    answers = "|".join(f"<answer_{name}>" for name in slots)
    rules.append(
        f"<answers> = /1/ [<after>] | /{_ANSWER_ODDS}/ ({answers}) <answers>;\n"
        if answers
        else "<answers> = [<after>];\n"
    )
    phrases = [text for intent in dialogue.intents.values() for text in intent.phrases]
    parts = {jsgf(run): None for text in phrases for run in _fixed_parts(parse_phrase(text))}
    signals = {jsgf(parse_phrase(text)): None for texts in SIGNALS.values() for text in texts}
    noise = "|".join(NOISE + phone.lower() for phone in PHONES)
    return (
        "#JSGF V1.0;\ngrammar dialogue;\n"
        + type_rules({dialogue.slots[name].type for name in slots})
        + "".join(rules)
        + f"<before> = {_BEFORE};\n<after> = {_AFTER};\n"
        + f"<change> = {'|'.join(_CHANGE)};\n"
        + f"<intent> = {'|'.join(parts)};\n"
        + f"<signals> = {'|'.join(signals)};\n"
        + f"<said> = [<before>] [<signals>] [<signals>] [<change>] [<intent>] <answers>;\n<noise> = {noise};\n"
        + f"<noises> = /1/ <NULL> | /{_NOISE_ODDS}/ <noise> <noises>;\n"
        + "public <turn> = <said> | <noise> <noises>;\n"
    )


def _fixed_parts(phrase: Phrase) -> Iterator[Phrase]:
    """The runs of a phrase without values; what is only prepositions belongs to the values."""
    for varies, parts in groupby(phrase, key=lambda part: any(True for _ in slots_in((part,)))):
        run = tuple(parts)
        if not varies and any(word not in _LOOSE for word in jsgf(run).split()):
            yield run


def jsgf(phrase: Phrase) -> str:
    """A phrase of the dialogue in JSGF."""
    parts = []
    for part in phrase:
        if isinstance(part, Word):
            parts.append(part.text)
        elif isinstance(part, Group):
            inner = "|".join(jsgf(option) for option in part.options)
            parts.append(f"[{inner}]" if part.optional else f"({inner})")
        else:
            parts.append(f"<slot_{part.slot}>")
    return " ".join(parts)


def words_in(grammar_text: str) -> set[str]:
    """The words that a grammar can hear; each needs a pronunciation."""
    body = grammar_text.partition("grammar dialogue;")[2]
    for mark in "=;|()[]*+/":
        body = body.replace(mark, " ")
    return {word for word in body.split() if word[0].isalpha() and not word.startswith(NOISE) and word != "public"}


def _maybe(options: Iterable[str]) -> str:
    listed = "|".join(options)
    return f"[{listed}]" if listed else ""
