"""Who said what, in the order of the conversation, and of the agent's words which were heard."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of the transcript, as known so far.

    `text` is what the caller said, or what of the agent's words was heard; `unheard` is the rest of them.
    `at_s` is when it began to be heard, counted from the start of the call. `latency_ms` is the silence before an
    agent's turn: from the end of the caller's speech to the first audio played. `final` turns do not change any more,
    except that words of an interrupted turn may still be added to the unheard ones.
    """

    turn_id: str
    speaker: Literal["caller", "agent"]
    text: str = field(repr=False, default="")
    unheard: str = field(repr=False, default="")
    at_s: float = 0.0
    latency_ms: int | None = None
    interrupted: bool = False
    final: bool = False


def split_heard(text: str, share: float) -> tuple[str, str]:
    """Divide words into heard and unheard by the share of their audio that was heard.

    No engine aligns its text with its audio, so the share of the audio is taken for the share of the letters, and
    a word that was begun counts as unheard.
    """
    end = int(len(text) * share)
    if end < len(text) and not text[end].isspace():
        end = text.rfind(" ", 0, end) + 1
    return text[:end].rstrip(), text[end:].lstrip()


class Transcript:
    """The turns of a call.

    Items are chained to the one before them as the session says, not in the order of arrival: the caller's words
    are written down by a separate recognition that may come after the agent's answer to them.
    """

    def __init__(self) -> None:
        self._order: list[str] = []  # every item of the conversation, also those that nobody says
        self._notes: set[str] = set()  # of these, what the session gives no place
        self._turns: dict[str, Turn] = {}
        self._began_s: dict[str, float] = {}  # when the caller began what may become a turn

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns that hold words, in order."""
        return tuple(turn for _, turn in self.placed_turns)

    @property
    def placed_turns(self) -> tuple[tuple[int, Turn], ...]:
        """The same, each with its place among all items, which it keeps unless one is put in front of it later."""
        found = ((place, self._turns.get(turn_id)) for place, turn_id in enumerate(self._order))
        return tuple((place, turn) for place, turn in found if turn is not None and (turn.text or turn.unheard))

    @property
    def order(self) -> tuple[str, ...]:
        """Every item of the conversation, turns and others."""
        return tuple(self._order)

    def turn(self, turn_id: str) -> Turn | None:
        """The turn of that id, if the item is one."""
        return self._turns.get(turn_id)

    def link(self, turn_id: str, after: str | None) -> None:
        """Place an item behind another; at the end if that one is not known."""
        if turn_id in self._order:
            if after is None or after not in self._order:
                return
            self._order.remove(turn_id)
        if after is None or after not in self._order:
            self._order.append(turn_id)
            return
        place = self._order.index(after) + 1
        while place < len(self._order) and self._order[place] in self._notes:
            place += 1
        self._order.insert(place, turn_id)

    def note(self, item_id: str) -> None:
        """Place at the end what is no item of the session's: what the session adds from now on stands behind it."""
        self._notes.add(item_id)
        self._order.append(item_id)

    def open(self, turn_id: str, speaker: Literal["caller", "agent"], at_s: float) -> Turn:
        """The turn of that id; a new one, at the end, if there is none."""
        turn = self._turns.get(turn_id)
        if turn is None:
            turn = self._turns[turn_id] = Turn(turn_id, speaker, at_s=self._began_s.pop(turn_id, at_s))
            if turn_id not in self._order:
                self._order.append(turn_id)
        return turn

    def caller_begins(self, turn_id: str, at_s: float) -> None:
        """Note that the caller begins to speak: if a turn comes of it, it began then."""
        self._began_s.setdefault(turn_id, at_s)

    def caller_said(self, turn_id: str, text: str, *, final: bool, at_s: float) -> Turn:
        """Add a piece of the caller's words, or (final) replace them by the whole."""
        turn = self.open(turn_id, "caller", at_s)
        return self._put(replace(turn, text=text if final else turn.text + text, final=final))

    def nothing_more(self, turn_id: str) -> None:
        """Note that no further words of a turn were made out: if there are none, it was a noise."""
        if (turn := self._turns.get(turn_id)) is not None:
            self._put(replace(turn, final=True))

    def agent_says(self, turn_id: str, text: str, at_s: float) -> Turn:
        """Add a piece of the agent's words; nobody has heard it yet."""
        turn = self.open(turn_id, "agent", at_s)
        return self._put(replace(turn, unheard=turn.unheard + text))

    def begun(self, turn_id: str, at_s: float, latency_ms: int | None) -> Turn:
        """Note that the caller begins to hear a turn."""
        return self._put(replace(self.open(turn_id, "agent", at_s), at_s=at_s, latency_ms=latency_ms))

    def heard_out(self, turn_id: str, at_s: float) -> Turn:
        """Note that the caller has heard a turn to its end."""
        turn = self.open(turn_id, "agent", at_s)
        return self._put(replace(turn, text=turn.text + turn.unheard, unheard="", final=True))

    def cut(self, turn_id: str, share: float, at_s: float) -> Turn:
        """Note that a turn was interrupted after `share` (0-1) of its audio was heard."""
        turn = self.open(turn_id, "agent", at_s)
        text, unheard = split_heard(turn.text + turn.unheard, share)
        return self._put(replace(turn, text=text, unheard=unheard, interrupted=True, final=True))

    def _put(self, turn: Turn) -> Turn:
        self._turns[turn.turn_id] = turn
        return turn
