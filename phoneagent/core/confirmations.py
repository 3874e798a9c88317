"""The caller's yes before something is done: what was asked of them, and whether they have answered since."""

from __future__ import annotations

import json

Deed = tuple[str, str]
"""A tool and its arguments: the same deed, however the arguments are written."""


def deed(name: str, arguments: str) -> Deed:
    """What a tool call would do."""
    try:
        return name, json.dumps(json.loads(arguments.strip() or "{}", parse_float=_number), sort_keys=True)
    except (ValueError, RecursionError):
        return name, arguments.strip()


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number  # 2.0 tables are two tables


class Confirmations:
    """Deeds that wait for the caller. Whether the answer was yes is for the model to understand."""

    def __init__(self) -> None:
        self._answered: dict[Deed, bool] = {}

    def caller_answered(self) -> None:
        """The caller has taken a turn, which may be the answer to anything."""
        self._answered = dict.fromkeys(self._answered, True)

    def granted(self, wanted: Deed) -> bool:
        """Whether it was wanted before and the caller has answered since: good for once."""
        if self._answered.pop(wanted, False):
            return True
        self._answered[wanted] = False
        return False

    def give_back(self, wanted: Deed) -> None:
        """What was granted was not done: it may be tried once more."""
        self._answered[wanted] = True
