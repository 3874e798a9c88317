"""Keys that the caller presses, collected to one message."""

from __future__ import annotations

from phoneagent.core.agents import Dtmf

MOST_DIGITS = 64


class DigitCollector:
    """Collects keys until the terminator, the wanted length or a pause.

    The terminator is not part of the message; pressed alone it is the message, since a menu may ask for it.
    """

    def __init__(self, rules: Dtmf) -> None:
        self.rules = rules
        self.secure = False  # whether one of the last message's keys is a secret
        self._digits = ""

    @property
    def pending(self) -> bool:
        """Whether there are keys of a message that is not complete."""
        return bool(self._digits)

    def press(self, digit: str) -> str | None:
        """Add a key. Returns the digits if the message is complete with it."""
        self.secure = self.rules.secure or (self.secure and self._digits != "")
        if digit == self.rules.terminator:
            return self.take() or digit
        self._digits += digit
        return self.take() if len(self._digits) >= (self.rules.length or MOST_DIGITS) else None

    def take(self) -> str:
        """The digits so far, at a pause; none are kept."""
        digits, self._digits = self._digits, ""
        return digits
