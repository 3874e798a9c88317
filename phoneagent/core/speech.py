"""What the agent says: from the session's audio to what the caller has heard of it, and what is cut off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from phoneagent.core import commands as do
from phoneagent.core import events as on
from phoneagent.core.commands import NOTHING, Command, Commands
from phoneagent.core.playout import Playout, Progress
from phoneagent.core.transcript import Transcript, Turn, split_heard

LETTERS_PER_S = 15.0  # of speech, until all of a turn is there and the share of its audio tells better
MARK_OVERDUE_S = 2.0  # a mark that is later than this behind its audio is not coming back


class AgentSpeech:
    """Plays the agent's turns, follows them with the playout clock, and stops them where the caller does.

    What is said before the stream opens waits for it. Once a response is silenced nothing more of it is played.
    """

    def __init__(self, transcript: Transcript) -> None:
        self.latest_response: str | None = None  # of which there was audio
        self._transcript = transcript
        self._playout = Playout()
        self._early: list[on.AgentAudio | on.AgentTurnEnded | on.ResponseEnded] | None = []  # until the stream opens
        self._silenced: set[str] = set()
        self._cut_turns: set[str] = set()
        self._truncated: dict[str, int] = {}

    @property
    def playing(self) -> bool:
        """Whether there is audio that the caller is not known to have heard."""
        return self._playout.playing or bool(self._early)

    @property
    def queued(self) -> bool:
        """Whether the leg may hold audio that it has not played."""
        return self._playout.playing

    @property
    def overdue_at(self) -> float:
        """When the last mark should have come back, and more."""
        return self._playout.dry_at + MARK_OVERDUE_S

    def stream_started(self, now: float) -> Commands:
        """Play what was said already."""
        early, self._early = self._early or [], None
        commands: Commands = NOTHING
        for event in early:
            match event:
                case on.AgentAudio():
                    commands += self.audio(event, now)
                case on.AgentTurnEnded():
                    commands += self.turn_ended(event)
                case on.ResponseEnded():
                    commands += self.response_ended(event)
        return commands

    def audio(self, event: on.AgentAudio, now: float) -> Commands:
        """Play a piece of audio."""
        self.latest_response = event.response_id
        if self._early is not None:
            self._early.append(event)
            return NOTHING
        mark = self._playout.add(event.response_id, event.turn_id, event.ms, now)
        play = do.PlayAudio(event.audio)
        return (play,) if mark is None else (do.SendMark(mark), play)

    def drop(self, event: on.AgentAudio, at_s: float) -> Commands:
        """Leave out a piece of audio of a response that was silenced."""
        self.latest_response = event.response_id
        if event.turn_id in self._cut_turns:
            return NOTHING
        # Generated behind the turn that was interrupted: the session thinks that it was heard.
        self._cut_turns.add(event.turn_id)
        return do.DeleteTurn(event.turn_id), do.ReportTurn(self._transcript.cut(event.turn_id, 0.0, at_s))

    def turn_ended(self, event: on.AgentTurnEnded) -> Commands:
        """Mark the end of a turn, so that it shows when it was heard."""
        if self._early is not None:
            self._early.append(event)
            return NOTHING
        mark = self._playout.complete(event.turn_id)
        return NOTHING if mark is None else (do.SendMark(mark),)

    def response_ended(self, event: on.ResponseEnded) -> Commands:
        """Mark the ends of a response's turns that were not told: those of one that failed, perhaps."""
        if self._early is not None:
            self._early.append(event)
            return NOTHING
        marks = (self._playout.complete(turn_id) for turn_id in self._playout.open_turns(event.response_id))
        return tuple(do.SendMark(mark) for mark in marks if mark is not None)

    def holds(self, response_id: str) -> bool:
        """Whether something of a response is still to be heard."""
        return self._playout.holds(response_id) or any(a.response_id == response_id for a in self._early_audio())

    def _early_audio(self) -> Iterator[on.AgentAudio]:
        return (event for event in self._early or () if isinstance(event, on.AgentAudio))

    def hearing(self, now: float) -> Turn | None:
        """The turn that the caller is in the middle of hearing, its words divided at what they have heard by now."""
        for heard in self._playout.heard(now):
            if heard.complete and heard.heard_ms >= heard.received_ms:
                continue
            if (turn := self._transcript.turn(heard.turn_id)) is None:
                return None
            words, share = turn.text + turn.unheard, heard.heard_ms / heard.received_ms
            if words and not heard.complete:
                share = min(share, heard.heard_ms / 1000 * LETTERS_PER_S / len(words))
            text, unheard = split_heard(words, share)
            return replace(turn, text=text, unheard=unheard)
        return None

    def mark_reached(self, mark: str, now: float) -> Progress:
        """Follow the playing."""
        return self._playout.mark_reached(mark, now)

    def assume_played(self, now: float) -> Progress:
        """Give up on marks that do not come back."""
        return self._playout.assume_played(now)

    def is_silenced(self, response_id: str) -> bool:
        """Whether nothing more of a response is played."""
        return response_id in self._silenced

    def silence(self, response_id: str) -> None:
        """Play nothing more of a response."""
        self._silenced.add(response_id)

    def stop(self, now: float, at_s: float) -> Commands:
        """Take what was not heard out of the conversation and the transcript; the leg's queue is being cleared."""
        commands: list[Command] = []
        if self._early:
            turn_ids = dict.fromkeys(audio.turn_id for audio in self._early_audio())
            commands += map(do.DeleteTurn, turn_ids)
            self._early.clear()
        for heard in self._playout.stop(now):
            self._silenced.add(heard.response_id)
            self._cut_turns.add(heard.turn_id)
            heard_ms = int(heard.heard_ms + 0.001)  # times are sums of floats
            if heard.complete and heard.heard_ms >= heard.received_ms:
                turn = self._transcript.heard_out(heard.turn_id, at_s)
            else:
                turn = self._transcript.cut(heard.turn_id, heard.heard_ms / heard.received_ms, at_s)
                commands.append(self._truncate(heard.turn_id, heard_ms))
            commands.append(do.ReportTurn(turn))
        return tuple(commands)

    def _truncate(self, turn_id: str, heard_ms: int) -> Command:
        if not heard_ms:
            return do.DeleteTurn(turn_id)
        self._truncated[turn_id] = heard_ms
        return do.TruncateTurn(turn_id, heard_ms)

    def truncation_refused(self, event: on.TruncationRefused) -> Commands:
        """Try once more, and only once, with the length that the session says the turn has."""
        heard_ms = self._truncated.pop(event.turn_id, None)
        if heard_ms is None:
            return NOTHING
        return (do.TruncateTurn(event.turn_id, min(max(event.length_ms, 0), heard_ms)),)
