"""How much of what callers say the embedded engine understands, and how much of what is not its business it lets pass.

    python -m bench.understanding [--flite slt]

Sentences for the two example agents, and such that are for neither, are spoken by espeak-ng, or by flite if it is
installed, in µ-law, each to ears that have heard nothing yet. Understood is what means the same as the text.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import datetime as dt
import subprocess
import tempfile
import wave
from collections import Counter
from pathlib import Path

import numpy as np
import soxr  # type: ignore[import-untyped]

from bench.client import SILENCE, dialogue_of
from phoneagent.agents.dialogue import Dialogue
from phoneagent.local.audio import encode
from phoneagent.local.dialogue_brain import DialogueBrain
from phoneagent.local.ears import Heard, LocalEars, TurnHeard
from phoneagent.local.grammar import words_in
from phoneagent.local.mouth import LocalMouth
from phoneagent.local.session_object import ServerVad
from phoneagent.local.synthesize import synthesize
from phoneagent.local.understanding import Understanding
from phoneagent.local.worker import Worker

MEANT = {
    "reception": [
        "When are you open?", "What are your opening hours?", "Are you open tomorrow?", "Where are you?",
        "What is your address?", "Where is the restaurant?", "Where can I park?", "Do you have vegetarian food?",
        "Thank you, goodbye.", "No thank you, goodbye.", "Yes please.", "That's right.", "No.",
        "I'd like to book a table.", "I'd like to book a table for four people tomorrow at seven.",
        "Can I book a table for two?", "Could I reserve a table for three people on Friday at eight o'clock?",
        "A table for six people tonight at half past seven.", "For two people.", "Tomorrow.", "On Saturday.",
        "At half past seven.", "Eight o'clock.", "No, at eight o'clock please.", "Make it three people.",
        "Never mind.", "Help.", "Could you repeat that?", "Goodbye.", "Do you have a table for five people tomorrow?",
    ],
    "after-hours": [
        "When are you open?", "What are your hours?", "Can I leave a message?", "I'd like to leave a message.",
        "Please call me back.", "I want to talk to someone.", "I lost something.", "About a booking.",
        "Something else.", "Yes, that's right.", "Thank you, goodbye.", "About my reservation.", "An event.",
    ],
}  # fmt: skip
OTHER = [
    "My washing machine is broken.", "I want to order a pizza with mushrooms.",
    "What is the weather like in London?", "The train leaves from platform nine.",
    "Please connect me to the hospital.", "I lost my passport at the airport.", "How much does a ticket cost?",
    "My internet connection is very slow.", "The children are playing in the garden.",
    "We would like to sell you insurance.", "Can you tell me the football results?",
    "My name is Alexander Hamilton.", "The quick brown fox jumps over the lazy dog.",
    "I need to speak with my lawyer about the contract.", "Is this the number of the police?",
    "Let me think about it for a moment.", "I am calling about your car's extended warranty.",
    "She sells sea shells by the sea shore.", "The doctor said I should take two pills a day.",
    "Turn off the lights in the kitchen.", "Yesterday we went swimming in the lake.",
    "Do you speak French or German?", "I really enjoyed the concert last night.", "Who won the election?",
    "Hold on, somebody is at the door.",
]  # fmt: skip
TODAY = dt.date(2026, 11, 21)


def flite(text: str, voice: str) -> bytes:
    """A text in µ-law, spoken by flite."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "said.wav")
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", path], check=True)
        with wave.open(str(path)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32)
            return encode(soxr.resample(samples, file.getframerate(), 8000), "audio/pcmu")


class Listener:
    """Ears that expect what opens a conversation with an agent."""

    def __init__(self, ears: Worker, mouth: Worker, agent: str) -> None:
        dialogue = Dialogue.model_validate(dialogue_of(agent))
        self._grammar = DialogueBrain(dialogue).expectation()
        self._understanding = Understanding(dialogue)
        self._ears, self._mouth = LocalEars(ears), LocalMouth(mouth)

    async def learn(self) -> None:
        unknown = await self._ears.unknown(sorted(words_in(self._grammar)))
        self._ears.learn(await self._mouth.pronounce(unknown))

    async def hear(self, audio: bytes) -> str:
        turns: asyncio.Queue[str] = asyncio.Queue()

        def note(heard: Heard) -> None:
            if isinstance(heard, TurnHeard):
                turns.put_nowait(heard.text)

        await self._ears.reset()
        self._ears.on_heard = note
        self._ears.configure("audio/pcmu", ServerVad())
        self._ears.expect(self._grammar)
        await self._ears.hear(base64.b64encode(SILENCE + audio + SILENCE).decode())
        await self._ears.unknown([])  # answered when all before it was heard
        return " ".join(turns.get_nowait() for _ in range(turns.qsize()))

    def verdict(self, heard: str, said: str | None) -> str:
        meaning = self._understanding.understand(heard, TODAY)
        if not meaning:
            return "not understood"
        right = said is not None and meaning == self._understanding.understand(said, TODAY)
        return "understood" if right else "misunderstood"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flite", metavar="VOICE", help="speak by flite, with this voice")
    options = parser.parse_args()
    texts = sorted({text for texts in (*MEANT.values(), OTHER) for text in texts})
    audio = {text: flite(text, options.flite) for text in texts} if options.flite else await synthesize(texts)
    meant: Counter[str] = Counter()
    other: Counter[str] = Counter()
    ears = await Worker.start("phoneagent.local.ears_process")
    mouth = await Worker.start("phoneagent.local.mouth_process")
    try:
        for agent, sentences in MEANT.items():
            listener = Listener(ears, mouth, agent)
            await listener.learn()
            for text in (*sentences, *OTHER):
                said = text if text in sentences else None
                heard = await listener.hear(audio[text])
                verdict = listener.verdict(heard, said)
                (meant if said else other)[verdict] += 1
                if verdict == "misunderstood":
                    print(f"    {agent}: {text!r} was heard as {heard!r}")
    finally:
        await ears.stop()
        await mouth.stop()
    print(f"for the agent, {meant.total()}:", ", ".join(f"{count} {verdict}" for verdict, count in meant.items()))
    print(f"for others, {other.total()}:", ", ".join(f"{count} {verdict}" for verdict, count in other.items()))


if __name__ == "__main__":
    asyncio.run(main())
