"""The ears' process: the caller's audio in, turns and their words out.

In: `{"do": "configure", "format", "vad"}`, `{"do": "expect", "grammar"}`, `{"do": "learn", "words"}`,
`{"do": "unknown", "words"}`, `{"do": "hear", "audio"}`, `{"do": "commit" | "clear" | "reset"}`.
Out: `{"heard": "started" | "stopped", "at_ms"}`, `{"heard": "turn", "text", "ms", "audio"}`, `{"unknown": words}`,
`{"reset": true}`.
"""

from __future__ import annotations

import base64

import numpy as np

from phoneagent.local.audio import Samples, Upsampler, to_pcm
from phoneagent.local.recognition import Recognizer
from phoneagent.local.vad import CHUNK, CHUNK_MS, TurnDetector, Vad
from phoneagent.local.worker import Message, Parent

_LONGEST_TURN = 60 * 16000  # samples; a turn that never ends is committed


def main() -> None:
    """Serve the parent until it goes."""
    parent = Parent()
    ears = _Ears(parent)
    parent.send({"ready": True})
    for message in parent.messages():
        ears.take(message)


class _Ears:
    def __init__(self, parent: Parent) -> None:
        self._parent = parent
        self._recognizer = Recognizer()
        self._detector = TurnDetector()
        self._reset()

    def _reset(self) -> None:
        self._recognizer.forget()
        self._upsampler = Upsampler("audio/pcm")
        self._vad: Vad | None = Vad()
        self._keep_audio = False
        self._heard_ms = 0.0
        self._forget()

    def _forget(self) -> None:
        """Drop what was heard and not committed."""
        self._recognizer.drop()
        self._detector.reset()
        self._pending: Samples = np.zeros(0, np.float32)  # not yet a chunk
        self._turn: list[Samples] = []
        self._before: list[Samples] = []  # the last chunks before speech
        self._speaking = False

    def take(self, message: Message) -> None:
        match message["do"]:
            case "hear":
                self._hear(base64.b64decode(message["audio"]))
            case "configure":
                self._upsampler = Upsampler(message["format"])
                self._vad = Vad(**message["vad"]) if message["vad"] is not None else None
                self._keep_audio = message["keep_audio"]
                if self._vad is None:
                    self._speaking = False
            case "expect":
                self._recognizer.expect(message["grammar"])
            case "learn":
                self._recognizer.learn(message["words"])
            case "unknown":
                self._parent.send({"unknown": self._recognizer.unknown(message["words"])})
            case "commit":
                self._end_turn()
            case "clear":
                self._forget()
            case "reset":
                self._reset()
                self._parent.send({"reset": True})

    def _hear(self, audio: bytes) -> None:
        samples = np.concatenate([self._pending, self._upsampler.process(audio)])
        whole = len(samples) - len(samples) % CHUNK
        self._pending = samples[whole:]
        for at in range(0, whole, CHUNK):
            self._hear_chunk(samples[at : at + CHUNK])

    def _hear_chunk(self, chunk: Samples) -> None:
        self._heard_ms += CHUNK_MS
        if self._vad is None:  # push to talk: everything up to the commit is the turn
            self._add(chunk)
            return
        change = self._detector.process(to_pcm(chunk), self._vad)
        if change == "started":
            padding_ms = CHUNK_MS * (len(self._before) + 1)
            self._parent.send({"heard": "started", "at_ms": round(self._heard_ms - padding_ms)})
            self._speaking = True
            for earlier in self._before:
                self._add(earlier)
            self._before.clear()
        if self._speaking:
            self._add(chunk)
        else:
            self._before.append(chunk)
            del self._before[: -self._vad.padding_chunks or None]
        if change == "stopped" or len(self._turn) * CHUNK > _LONGEST_TURN:
            self._parent.send({"heard": "stopped", "at_ms": round(self._heard_ms)})
            self._end_turn()

    def _add(self, chunk: Samples) -> None:
        self._turn.append(chunk)
        if not self._keep_audio:
            self._recognizer.process(to_pcm(chunk))

    def _end_turn(self) -> None:
        """Tell the words of the turn; or its audio, when somebody else is to recognise it."""
        pcm = to_pcm(np.concatenate(self._turn)) if self._turn and self._keep_audio else b""
        self._parent.send(
            {
                "heard": "turn",
                "text": self._recognizer.result(),
                "ms": len(self._turn) * CHUNK_MS,
                "audio": base64.b64encode(pcm).decode(),
            }
        )
        self._turn = []
        self._speaking = False
        self._detector.reset()


if __name__ == "__main__":
    main()
