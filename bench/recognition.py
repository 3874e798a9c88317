"""How reliably the embedded engine hears the lines of the demo, how fast it answers, and how fast it falls silent.

    python -m bench.recognition [--calls 20]

Each call is the whole booking over the Realtime protocol, in µ-law, with the caller's lines disturbed differently:
level, noise, pauses. A call succeeds when the right table is booked and the agent ends the call.
"""

from __future__ import annotations

import argparse
import asyncio
import audioop
import json
import statistics
import time
from collections import Counter
from typing import Any

import numpy as np

from bench.client import BOOK, CONFIRM, CORRECT, GOODBYE, SILENCE, Client, calls_of, clip, dialogue_of
from phoneagent.core.wording import say_exactly
from phoneagent.local.process import EngineProcess

EXPECTED = {
    BOOK: "i'd like to book a table for four people tomorrow at seven",
    CORRECT: "no wait make it eight o'clock please",
    CONFIRM: "yes please go ahead",
    GOODBYE: "no goodbye",
}


def disturbed(name: str, snr_db: float, random: np.random.Generator) -> bytes:
    """A line at another level, with noise, a random pause before it and a slightly different speed."""
    speech = np.frombuffer(audioop.ulaw2lin(clip(name), 2), "<i2").astype(np.float64)
    speed = random.uniform(0.97, 1.03)
    speech = np.interp(np.arange(0, len(speech) - 1, speed), np.arange(len(speech)), speech)
    speech *= 10 ** (random.uniform(-8, 3) / 20)
    loud = speech[np.abs(speech) > 200]
    noise = random.normal(0, np.sqrt(np.mean(loud**2)) / 10 ** (snr_db / 20), len(speech))
    pause = np.zeros(int(random.integers(0, 8000)))
    pcm = np.concatenate([pause, speech + noise]).clip(-32768, 32767).astype("<i2").tobytes()
    return audioop.lin2ulaw(pcm, 2)


def word_errors(heard: str, said: str) -> int:
    """Substitutions, insertions and deletions; "good bye" is "goodbye"."""
    a, b = heard.replace("good bye", "goodbye").split(), said.split()
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[-1]


async def call(url: str, snr_db: float, random: np.random.Generator) -> dict[str, Any]:
    """One call; what was booked, the word errors and whether it ended."""
    result: dict[str, Any] = {"errors": 0, "booked": None, "ended": False, "heard": []}
    async with Client.connect(url) as client:
        await client.configure_phone(dialogue_of("reception"))
        await client.respond()
        for name, said in EXPECTED.items():
            await client.speak(disturbed(name, snr_db, random))
            heard = await client.until("conversation.item.input_audio_transcription.completed", 30)
            result["errors"] += word_errors(heard["transcript"], said)
            result["heard"].append(heard["transcript"])
            answer = (await client.until("response.done"))["response"]
            for tool in calls_of(answer):
                if tool["name"] == "end_call":
                    result["ended"] = True
                    continue
                arguments = json.loads(tool["arguments"])
                result["booked"] = (arguments["people"], arguments["time"])
                output = {"type": "function_call_output", "call_id": tool["call_id"], "output": '{"reference": "1"}'}
                await client.ask("conversation.item.create", "conversation.item.done", item=output)
                await client.respond()
    return result


async def latencies(url: str) -> tuple[list[float], list[float], list[float]]:
    """In ms: request to first audio, end of turn to first audio, speech heard to response cancelled."""
    to_audio, to_answer, to_silence = [], [], []
    async with Client.connect(url) as client:
        await client.configure_phone(dialogue_of("reception"))
        for _ in range(10):
            at = time.perf_counter()
            await client.ask("response.create", "response.output_audio.delta")
            to_audio.append((time.perf_counter() - at) * 1000)
            await client.until("response.done")
            await client.speak(clip(BOOK))
            await client.until("input_audio_buffer.speech_stopped")
            at = time.perf_counter()
            await client.until("response.output_audio.delta")
            to_answer.append((time.perf_counter() - at) * 1000)
            await client.until("response.done")
            await client.send("response.create", response={"instructions": say_exactly("One two three. " * 5000)})
            await client.until("response.output_audio.delta")
            speech = asyncio.create_task(client.speak(clip(BOOK)[:9600]))
            await client.until("input_audio_buffer.speech_started", 30)
            at = time.perf_counter()
            await client.until("response.done")
            to_silence.append((time.perf_counter() - at) * 1000)
            await speech
            await client.speak(SILENCE)
            await client.until("response.done")
    return to_audio, to_answer, to_silence


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20, help="per noise level (default: %(default)s)")
    options = parser.parse_args()
    engine = EngineProcess()
    url = await engine.start()
    words = sum(len(said.split()) for said in EXPECTED.values())
    try:
        for snr_db in (45, 30):
            random = np.random.default_rng(snr_db)
            calls = [await call(url, snr_db, random) for _ in range(options.calls)]
            good = sum(done["booked"] == (4, "20:00") and done["ended"] for done in calls)
            missed = Counter(
                f"{heard!r} for {said!r}"
                for done in calls
                for heard, said in zip(done["heard"], EXPECTED.values(), strict=False)
                if word_errors(heard, said)
            )
            rate = sum(done["errors"] for done in calls) / words / len(calls)
            print(f"{snr_db} dB: {good} of {len(calls)} calls book the right table and end; word errors {rate:.1%}")
            for what, times in missed.most_common(5):
                print(f"    {times} × {what}")
        names = ("request to first audio", "end of turn to first audio", "speech heard to response cancelled")
        for name, values in zip(names, await latencies(url), strict=True):
            print(f"{name}: median {statistics.median(values):.0f} ms, worst {max(values):.0f} ms")
    finally:
        await engine.stop()


if __name__ == "__main__":
    asyncio.run(main())
