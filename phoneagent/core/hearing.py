"""What is heard of the caller: audio on its way to the session, and speech that may become a barge-in."""

from __future__ import annotations

from collections import deque

from phoneagent.core import audio
from phoneagent.core.agents import TurnDetection
from phoneagent.core.commands import AppendAudio, Commands

HELD_FRAMES = 500  # 10 s of the caller's first words, while the session is being set up


class CallerSpeech:
    """The caller's side of taking turns. Whether somebody speaks is the session's word; how loud, is heard here."""

    def __init__(self, detection: TurnDetection) -> None:
        self.detection = detection
        self.speaking = False
        self._held: deque[str] = deque(maxlen=HELD_FRAMES)
        self._ended_at: float | None = None
        self._wanted_ms = 0
        self._voiced_ms: float | None = None

    def hold(self, frame: str) -> bool:
        """Keep a frame for a session that is not ready. Returns whether the oldest was dropped for it."""
        full = len(self._held) == HELD_FRAMES
        self._held.append(frame)
        return full

    def release(self) -> Commands:
        """Pass on what was held."""
        held = tuple(AppendAudio(frame) for frame in self._held)
        self._held.clear()
        return held

    def started(self) -> None:
        """Somebody speaks, or so the session thinks; it may say so several times of one speech."""
        if not self.speaking:
            self.end_trial()
        self.speaking = True

    def stopped(self, now: float) -> None:
        """The speech is over, and was so for the session's window of silence before it said so."""
        self.speaking = False
        rules = self.detection
        window_ms = (rules.silence_duration_ms or 0) if rules.type == "server_vad" else 0
        self._ended_at = now - window_ms / 1000

    def ended(self, now: float) -> None:
        """The caller has put it in writing, and waits for an answer from now on."""
        self._ended_at = now

    def left(self) -> None:
        """Nobody is heard any more, nor to be answered."""
        self.speaking = False
        self.forget_end()
        self.end_trial()

    def answered_after_ms(self, now: float) -> int | None:
        """How long ago the speech ended that is being answered now; None if it was answered before."""
        ended_at, self._ended_at = self._ended_at, None
        return None if ended_at is None else round((now - ended_at) * 1000)

    def forget_end(self) -> None:
        """What the agent says next answers nothing."""
        self._ended_at = None

    # Speech that must last before it stops the agent

    @property
    def on_trial(self) -> bool:
        """Whether the speech has begun over the agent's and not lasted long enough to stop it."""
        return self._voiced_ms is not None

    def try_for(self, wanted_ms: int) -> None:
        """Have the speech stop the agent once it has lasted so long."""
        if self._voiced_ms is None:
            self._wanted_ms, self._voiced_ms = wanted_ms, 0.0

    def passes(self, frame: str) -> bool:
        """Whether with this frame the speech on trial has lasted long enough."""
        if self._voiced_ms is None or not self.speaking or not audio.is_loud(frame):
            return False
        self._voiced_ms += audio.duration_ms(frame)
        return self._voiced_ms >= self._wanted_ms

    def end_trial(self) -> None:
        """The speech has stopped the agent, or never will."""
        self._voiced_ms = None
