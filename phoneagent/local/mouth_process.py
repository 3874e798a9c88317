"""The mouth's process: text in, audio out, a sentence at a time, and silent at once when it is told to stop.

In: `{"do": "speak", "id", "text", "voice", "speed", "format"}`, `{"do": "stop", "id"}`, `{"do": "pronounce", "words"}`.
Out: `{"id", "audio", "ms"}` …, `{"id", "end": true}` or `{"id", "error"}`; `{"pronunciations"}`.
"""

from __future__ import annotations

import base64
import queue
import re
import threading

import numpy as np
import soxr  # type: ignore[import-untyped]

from phoneagent.local.audio import BYTES_PER_MS, RATES, Format, encode
from phoneagent.local.espeak import Espeak, EspeakError
from phoneagent.local.pronunciation import arpabet
from phoneagent.local.worker import Message, Parent

_DELTA_MS = 100
_FALLBACK_VOICE = "en-us"


def main() -> None:
    """Serve the parent until it goes."""
    parent = Parent()
    mouth = _Mouth(Espeak(), parent)
    work: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
    # espeak-ng is called without the GIL, so the main thread takes a stop while it speaks
    speaking = threading.Thread(target=mouth.work_off, args=(work,), daemon=True)
    speaking.start()
    parent.send({"ready": True})
    for message in parent.messages():
        if message["do"] == "stop":
            mouth.stopped = max(mouth.stopped, message["id"])
        else:
            work.put(message)


class _Mouth:
    def __init__(self, espeak: Espeak, parent: Parent) -> None:
        self.stopped = 0  # every text up to this id is to be silent
        self._espeak = espeak
        self._parent = parent

    def work_off(self, work: queue.SimpleQueue[Message | None]) -> None:
        while (message := work.get()) is not None:
            if message["do"] == "speak":
                self._speak(message)
            else:
                words = {word: arpabet(self._espeak.phonemes(word)) for word in message["words"]}
                self._parent.send({"pronunciations": words})

    def _speak(self, message: Message) -> None:
        id_: int = message["id"]
        try:
            for sentence in _sentences(message["text"]):
                self._say(id_, sentence, message["voice"], message["speed"], message["format"])
        except EspeakError as error:
            self._parent.send({"id": id_, "error": str(error)})
        else:
            self._parent.send({"id": id_, "end": True})

    def _say(self, id_: int, sentence: str, voice: str, speed: float, format: Format) -> None:
        resampler = soxr.ResampleStream(self._espeak.sample_rate, RATES[format], 1, dtype="float32")
        size = _DELTA_MS * BYTES_PER_MS[format]
        pending = bytearray()

        def send(whole: bool) -> None:
            while len(pending) >= size or (whole and pending):
                piece = bytes(pending[:size])
                del pending[:size]
                audio = base64.b64encode(piece).decode()
                self._parent.send({"id": id_, "audio": audio, "ms": len(piece) / BYTES_PER_MS[format]})

        def hear(pcm: bytes) -> bool:
            if self.stopped >= id_:
                return False
            samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
            pending.extend(encode(resampler.resample_chunk(samples), format))
            send(whole=False)
            return True

        if self.stopped >= id_:
            return
        try:
            self._espeak.synthesize(sentence, voice, speed, hear)
        except EspeakError:  # a language that espeak-ng doesn't have is better read than not spoken
            self._espeak.synthesize(sentence, _FALLBACK_VOICE, speed, hear)
        if self.stopped < id_:
            pending.extend(encode(resampler.resample_chunk(np.zeros(0, np.float32), last=True), format))
            send(whole=True)


def _sentences(text: str) -> list[str]:
    return [sentence for sentence in re.split(r"(?<=[.!?;:])\s+", text.strip()) if sentence]


if __name__ == "__main__":
    main()
