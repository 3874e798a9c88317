"""What a caller means: an intent, values, and signals such as yes and no, found in the words of a turn.

The words may come from a recogniser, from a keyboard or from the keys of a telephone, so nothing here relies on the
grammar having been followed: values are spotted where they are, intents scored by the words they share.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from phoneagent.agents.dialogue import Dialogue, parse_phrase, readings
from phoneagent.agents.dialogue import Value as Place
from phoneagent.local.signals import clues, signal_words
from phoneagent.local.values import Reading, Value, possible, read
from phoneagent.local.words import words_of

_CORRECTIONS = frozenset(["no", "nope", "not", "sorry", "actually", "wait", "mean", "meant", "make", "change"])
_ENOUGH = 0.6  # of the best score that an intent could have
_COMMON_WORDS = frozenset(
    re.findall(
        r"\S+",
        "a an the i i'd i'm we we'd you your to for of on at in is are do does did can could would will like want have "
        "has my me us it that this what when please and or with be some any no um uh "
        "well okay oh",
    )
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a turn means. All empty: nothing was understood."""

    intent: str | None = None
    values: dict[str, Value] = field(default_factory=dict)
    signals: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.intent or self.values or self.signals)


class Understanding:
    """Understands the turns of callers, for one dialogue."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._slots = dialogue.slots
        self._clues = {name: clues(dialogue, name) for name in dialogue.slots}
        self._signals = signal_words()
        self._longest_signal = max(map(len, self._signals))
        self._phrases = [
            (name, [f"{{{part.slot}}}" if isinstance(part, Place) else part.text for part in reading])
            for name, intent in dialogue.intents.items()
            for text in intent.phrases
            for reading in readings(parse_phrase(text))
        ]

    def understand(
        self, text: str, today: dt.date, expected: Collection[str] = (), current: Collection[str] = ()
    ) -> Meaning:
        """Understand a turn.

        `expected` are the slots just asked for or read out, the likeliest first; `current` all those of the matter
        at hand.
        """
        words, values = self._spot_values(words_of(text), today, list(expected), current)
        # "At seven, no, at eight" is a correction; "ten nine three noon" is something else, forced into the grammar.
        most = 1 if _CORRECTIONS.isdisjoint(words) else 2
        if any(words.count(f"{{{name}}}") > most for name in values):
            return Meaning()
        intent, score = self._best_intent(words)
        if score < _ENOUGH:
            intent = None
        known = {word for name, phrase in self._phrases if name == intent for word in phrase}
        signals = self._spot_signals([word for word in words if word not in known or word in _COMMON_WORDS])
        if "bye" in signals and (intent or values or signals & {"repeat", "help", "cancel"}):  # forced, too
            return Meaning()
        return Meaning(intent, values, signals)

    def _spot_values(
        self, words: list[str], today: dt.date, expected: list[str], current: Collection[str]
    ) -> tuple[list[str], dict[str, Value]]:
        """The words with `{slot}` in place of values, and the values."""
        rest: list[str] = []
        values: dict[str, Value] = {}
        at = 0
        while at < len(words):
            best: tuple[float, str, Reading] | None = None
            for name, slot in self._slots.items():
                reading = read(slot, words, at, today)
                if reading is None:
                    continue
                before, after = self._clues[name]
                end = at + reading.words
                clue = (at > 0 and words[at - 1] in before) + (end < len(words) and words[end] in after) * 2
                wanted = 1.0 - expected.index(name) * 0.2 if name in expected else 0.0
                if reading.weak and not clue and not wanted:
                    continue
                score = reading.words + clue + wanted + (name in current) * 0.3 + possible(slot, reading.value) * 0.5
                if best is None or score > best[0]:
                    best = score, name, reading
            if best is None:
                length = self._signal_at(words, at)[1]
                rest += words[at : at + length]
                at += length
            else:
                _, name, reading = best
                values[name] = reading.value
                rest.append(f"{{{name}}}")
                at += reading.words
        return rest, values

    def _best_intent(self, words: list[str]) -> tuple[str | None, float]:
        """The intent whose phrase shares most with the words, and how much: 0 to 1."""
        best: tuple[str | None, float] = (None, 0.0)
        said = set(words)
        for name, phrase in self._phrases:
            told = set(phrase)
            if not any(_weight(word) == 1 for word in said & told):
                continue
            shared = 2 * sum(map(_weight, said & told))
            score = shared / (sum(map(_weight, said)) + sum(map(_weight, told)))
            if score > best[1]:
                best = name, score
        return best

    def _spot_signals(self, words: list[str]) -> frozenset[str]:
        found: set[str] = set()
        at = 0
        while at < len(words):
            signal, length = self._signal_at(words, at)
            if signal is not None:
                found.add(signal)
            at += length
        return frozenset(found)

    def _signal_at(self, words: list[str], at: int) -> tuple[str | None, int]:
        """The signal that begins there, and its number of words; one word that is none."""
        for length in range(self._longest_signal, 0, -1):
            if (signal := self._signals.get(tuple(words[at : at + length]))) is not None:
                return signal, length
        return None, 1


def _weight(word: str) -> float:
    return 0.15 if word in _COMMON_WORDS else 0.4 if word.startswith("{") else 1.0
