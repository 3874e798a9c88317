"""What every dialogue understands without being told, and the words around a value that tell what it is for."""

from __future__ import annotations

from itertools import pairwise

from phoneagent.agents.dialogue import Dialogue, Value, Word, parse_phrase, readings

SIGNALS: dict[str, tuple[str, ...]] = {
    "yes": (
        "yes [please]",
        "yeah",
        "yep",
        "sure",
        "(that's|that is|all) (right|correct|fine|good)",
        "(right|correct|exactly|perfect)",
        "go ahead",
    ),
    "no": ("no", "no (thank you|thanks)", "nope", "not [quite] right", "that's (wrong|not right|all)", "nothing else"),
    "repeat": (
        "(say|repeat) that [again|please]",
        "could you (say|repeat) that [again]",
        "(pardon|excuse me)",
        "what did you say",
    ),
    "help": ("help", "what can (you do|i say)"),
    "cancel": ("never mind", "forget it", "cancel", "start (over|again)"),
    "thanks": ("thank you [very much]", "thanks [a lot]"),
    "bye": ("[good] bye", "goodbye", "bye bye", "see you [tomorrow|then|later]", "have a (nice|good) (day|evening)"),
}


def signal_words() -> dict[tuple[str, ...], str]:
    """Every way to say each signal."""
    return {
        tuple(part.text for part in reading if isinstance(part, Word)): signal
        for signal, phrases in SIGNALS.items()
        for text in phrases
        for reading in readings(parse_phrase(text))
    }


_CLUES_BEFORE = {"time": ("at", "around", "about"), "number": (), "day": (), "digits": (), "choice": ()}
_CLUES_AFTER = {"number": ("people", "persons"), "time": (), "day": (), "digits": (), "choice": ()}


def clues(dialogue: Dialogue, slot: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words that stand right before and right after a slot in the dialogue's phrases, or usually do."""
    type_ = dialogue.slots[slot].type
    before, after = dict.fromkeys(_CLUES_BEFORE[type_]), dict.fromkeys(_CLUES_AFTER[type_])
    for intent in dialogue.intents.values():
        for text in intent.phrases:
            for reading in readings(parse_phrase(text)):
                for left, right in pairwise(reading):
                    if right == Value(slot) and isinstance(left, Word):
                        before[left.text] = None
                    if left == Value(slot) and isinstance(right, Word):
                        after[right.text] = None
    return tuple(before), tuple(after)
