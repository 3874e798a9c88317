"""Calls from the browser: a client of /media-stream like Twilio, with what a microphone really hears."""

from __future__ import annotations

import asyncio
import shutil
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import soxr
from playwright.async_api import Browser, Page

from phoneagent.app import Service, running
from phoneagent.calls.live import News, TurnChanged
from phoneagent.calls.record import CallRecord
from phoneagent.core.transcript import Turn
from phoneagent.settings import load
from phoneagent.simulate.audio import read_wav, samples, write_stereo_wav
from phoneagent.simulate.realtime_events import Speech, caller_turn_ended, response
from phoneagent.simulate.scripted_model import ScriptedModel, ScriptedSession
from phoneagent.web.console.static_files import static_root
from tests.calls.service import WITHIN_S, records, tone
from tests.console.browser import FAKE_MICROPHONE, Browsers, fixture, visiting
from tests.console.lines import until

ROOT = Path(__file__).parents[2]
CLIPS = ROOT / "phoneagent" / "simulate" / "clips"
SILENCE = 0xFF
BOOK, CORRECT = "1-book.wav", "2-correct.wav"
GREETING = "Thank you for calling the Blue Door. This is Ada. How can I help you?"
LONG_GREETING = f"{GREETING} {'Today we have soup, and fish, and bread, and many other things. ' * 20}"
INTERRUPTS_AT_S, GOES_ON_AT_S = 10.0, 26.0  # after the microphone began
LONG_S = 60.0  # for an engine that other tests leave little of the machine

_MAKE = """async (root) => {
    const { Phone } = await import(`${root}/phone/phone.js`);
    const { effect } = await import(`${root}/vendor/preact.js`);
    window.phone = new Phone();
    window.first = {};  // when something was first so, by the browser's clock
    const note = (name) => (window.first[name] ??= performance.now());
    effect(() => phone.callerLevel.value > 0.1 && note("caller heard"));
    const { mediaDevices } = navigator;
    const getUserMedia = mediaDevices.getUserMedia.bind(mediaDevices);
    window.tracks = [];
    mediaDevices.getUserMedia = async (wanted) => {
        const stream = await getUserMedia(wanted);
        tracks.push(...stream.getTracks());
        return stream;
    };
    window.AudioContext = class extends AudioContext {
        constructor(options) {
            super(options);
            window.context = this;
        }
    };
    window.WebSocket = class extends WebSocket {
        constructor(url) {
            super(url);
            this.addEventListener("message", ({ data }) => data.includes('"clear"') && note("clear"));
        }
    };
    effect(() => phone.stopped.value !== null && note("agent silent"));
}"""


@fixture
async def browser(browsers: Browsers) -> Browser:
    return await browsers.get(*FAKE_MICROPHONE)


@fixture
async def session(page: Page, model: ScriptedModel) -> ScriptedSession:
    """The session of a call that the page's `phone` has with the agent."""
    await dial(page, "ada")
    session = await model.session()
    await until(lambda: session.frames)  # the page talks before the service hears it
    return session


async def dial(page: Page, agent: str, source: str | None = None) -> None:
    await page.goto("/")
    await page.evaluate(_MAKE, static_root())
    await page.evaluate("([agent, source]) => phone.dial({ agent, source })", [agent, source])
    assert await page.evaluate("phone.problem.value") is None
    await until(lambda: page.evaluate("phone.state.value === 'talking'"))


def is_silent(audio: bytes | bytearray) -> bool:
    return set(audio) <= {SILENCE, SILENCE & 0x7F}


async def hung_up(page: Page, ended: asyncio.Queue[CallRecord]) -> CallRecord:
    await page.evaluate("phone.hangUp()")
    return await asyncio.wait_for(ended.get(), WITHIN_S)


async def test_the_microphone_is_heard_and_the_call_is_one_like_any_other(
    page: Page, service: Service, session: ScriptedSession
):
    ended = records(service)
    await until(lambda: not is_silent(session.audio[-4000:]))  # Chromium's own fake microphone beeps
    record = await hung_up(page, ended)
    assert (record.caller, record.called, record.outcome) == ("client:local", "+15550100", "caller_hung_up")
    assert record.cost.telephone == record.cost.streams == 0
    await until(lambda: is_kept(page, record))


async def is_kept(page: Page, record: CallRecord) -> bool:
    """Whether the API tells of the call as of one that is over."""
    answer = await page.request.get(f"/api/calls/{record.call_id}")
    return answer.ok and (await answer.json())["outcome"] == record.outcome


async def test_an_agent_that_was_not_saved_answers_and_its_version_is_kept(
    page: Page, service: Service, model: ScriptedModel
):
    await dial(page, "ada", "---\ngreeting: none\n---\nBe somebody else.\n")
    session = await model.session()
    assert session.config["instructions"] == "Be somebody else."
    record = await hung_up(page, records(service))
    assert record.agent == "ada"
    assert record.agent_version != service.agents.directory.agents["ada"].version


async def test_a_broken_agent_is_not_called_and_the_reason_is_said(browser: Browser, service: Service):
    async with visiting(browser, service.url) as (page, watch):
        watch.expected = ("console: Failed to load resource",)  # it is answered with 422
        await page.goto("/")
        await page.evaluate(_MAKE, static_root())
        await page.evaluate("phone.dial({ agent: 'ada', source: '---\\nvoice: 7\\n---\\n' })")
        assert await page.evaluate("phone.state.value") == "over"
        assert "voice" in await page.evaluate("phone.problem.value.words")


async def test_keys_and_words_reach_the_agent(page: Page, session: ScriptedSession):
    await page.evaluate("['4', '2', '#'].forEach((key) => phone.press(key))")
    typed = await session.received("conversation.item.create")
    assert typed["item"]["content"][0]["text"].endswith("] 42")
    await session.received("response.create")
    session.emit(*response(Speech("Forty-two.", ms=300)))
    await page.evaluate("phone.write('A table for two')")
    written = await session.received("conversation.item.create")
    assert written["item"]["role"] == "user"
    assert written["item"]["content"][0]["text"] == "A table for two"
    await session.received("response.create")


async def test_the_agent_is_heard_interrupted_and_at_once_silent(
    page: Page, service: Service, session: ScriptedSession
):
    ended = records(service)
    session.emit(*response(Speech("One two three four five six seven eight nine ten.", ms=20_000)))
    await until(lambda: page.evaluate("phone.agentLevel.value > 0"))
    session.interrupt()
    truncated = await session.received("conversation.item.truncate")
    await until(lambda: page.evaluate("phone.stopped.value !== null"))
    assert await page.evaluate("phone.stopped.value") < 0.02  # counted in samples
    session.emit(*caller_turn_ended())
    record = await hung_up(page, ended)
    [turn] = [turn for turn in record.turns if turn.speaker == "agent"]
    assert turn.interrupted
    assert 0 < truncated["audio_end_ms"] < 20_000
    assert turn.unheard


async def test_while_muted_silence_is_sent_and_not_nothing(page: Page, session: ScriptedSession):
    await until(lambda: not is_silent(session.audio))
    await page.evaluate("phone.mute(true)")
    await until(lambda: is_silent(session.audio[-8000:]))
    frames = session.frames
    await until(lambda: session.frames > frames + 25)
    assert is_silent(session.audio[-4000:])
    await page.evaluate("phone.mute(false)")
    await until(lambda: not is_silent(session.audio[-4000:]))


async def test_a_dropped_file_is_heard_in_place_of_the_microphone(page: Page, session: ScriptedSession, tmp_path: Path):
    said = tone("a file that speaks for somebody who has no microphone at hand")
    write_stereo_wav(tmp_path / "said.wav", said, said)
    data = (tmp_path / "said.wav").read_bytes()
    played = page.evaluate(
        "(bytes) => phone.playFile(new File([new Uint8Array(bytes)], 'said.wav', { type: 'audio/wav' }))", list(data)
    )
    await played
    frames = session.frames
    await until(lambda: session.frames > frames + 25)  # the end of it was on its way
    heard, wanted = samples(bytes(session.audio)) / 32768, samples(said) / 32768
    likeness = np.correlate(heard, wanted, "valid") / float(np.dot(wanted, wanted))
    assert likeness.max() == pytest.approx(1, abs=0.1)
    at = int(likeness.argmax())
    rest = heard[at : at + len(wanted)] - wanted
    assert np.sqrt(np.mean(rest**2)) < 0.2 * np.sqrt(np.mean(wanted**2)), "without the microphone's beeps"


async def test_a_file_that_is_no_audio_is_refused_in_words(page: Page, session: ScriptedSession):
    await page.evaluate("phone.playFile(new File(['words'], 'letter.txt'))")
    assert "letter.txt is no audio" in await page.evaluate("phone.problem.value.words")
    assert await page.evaluate("phone.file.value") is None


async def test_an_unplugged_microphone_is_told_and_another_one_helps(page: Page, session: ScriptedSession):
    await page.evaluate("window.tracks.at(-1).dispatchEvent(new Event('ended'))")
    assert "microphone is gone" in await page.evaluate("phone.problem.value.words")
    await page.evaluate("phone.problem.value.remedy.run()")
    assert await page.evaluate("phone.problem.value") is None
    assert await page.evaluate("window.tracks.length") == 2
    assert await page.evaluate("window.tracks[0].readyState") == "ended"


async def test_sound_that_the_browser_puts_to_sleep_is_told_and_woken_by_a_click(page: Page, session: ScriptedSession):
    await page.evaluate("window.context.suspend()")
    await until(lambda: page.evaluate("phone.problem.value !== null"))
    assert "to sleep" in await page.evaluate("phone.problem.value.words")
    frames = session.frames
    await page.evaluate("phone.problem.value.remedy.run()")
    await until(lambda: page.evaluate("phone.problem.value === null"))
    await until(lambda: session.frames > frames + 10)


async def test_a_lost_service_is_told_and_the_call_is_over(page: Page, service: Service, session: ScriptedSession):
    call = next(iter(service.switchboard.live_calls_now))
    call._leg._socket._transport.disconnect(graceful=False)  # type: ignore[union-attr]
    await until(lambda: page.evaluate("phone.state.value === 'over'"))
    assert "connection to the service is lost" in await page.evaluate("phone.problem.value.words")


async def test_an_agent_that_hangs_up_ends_the_call_without_a_problem(
    page: Page, service: Service, session: ScriptedSession
):
    service.switchboard.end_calls("an operator")
    await until(lambda: page.evaluate("phone.state.value === 'over'"))
    assert await page.evaluate("phone.problem.value") is None


async def test_without_a_microphone_one_can_still_write(browsers: Browsers, service: Service, model: ScriptedModel):
    async with visiting(await browsers.get(), service.url) as (page, _):
        await page.goto("/")
        await page.evaluate(_MAKE, static_root())
        await page.evaluate("phone.dial({ agent: 'ada' })")
        await until(lambda: page.evaluate("phone.state.value === 'talking'"))
        assert "you can write" in await page.evaluate("phone.problem.value.words")
        await page.evaluate("phone.write('Hello?')")
        session = await model.session()
        await session.received("response.create")
        await until(lambda: session.frames > 10)
        assert is_silent(session.audio)


async def test_a_spoken_conversation_with_the_embedded_engine_and_an_interruption(tmp_path: Path, browsers: Browsers):
    write_microphone(tmp_path / "spoken.wav", (INTERRUPTS_AT_S, BOOK), (GOES_ON_AT_S, CORRECT))
    spoken = f"--use-file-for-fake-audio-capture={tmp_path / 'spoken.wav'}%noloop"
    browser = await browsers.get(*FAKE_MICROPHONE, spoken)
    async with reception(tmp_path) as service:
        turns, ended = turns_of(service), records(service)
        async with visiting(browser, service.url) as (page, _):
            await dial(page, "reception")
            await until(lambda: "for four, tomorrow at seven" in said_by("agent", turns), LONG_S)
            first, stopped_s = await page.evaluate("[first, phone.stopped.value]")
            await until(lambda: "for four, tomorrow at eight" in said_by("agent", turns), LONG_S)
            record = await hung_up(page, ended)
    greeting = record.turns[0]
    assert (greeting.speaker, greeting.interrupted) == ("agent", True)
    assert greeting.text.startswith("Thank you for calling")
    assert greeting.unheard.endswith("and many other things.")
    assert stopped_s < 0.02  # counted in samples
    hearing, playing = first["clear"] - first["caller heard"], first["agent silent"] - first["clear"]
    print(f"\nspeech to clear, the engine's hearing included: {hearing:.0f} ms; clear to silence: {playing:.0f} ms,")
    print(f"of which counted in samples: {stopped_s * 1000:.1f} ms")


def write_microphone(path: Path, *clips: tuple[float, str]) -> None:
    """What Chromium takes for a microphone: clips, each at its time in seconds."""
    track = np.zeros(round((clips[-1][0] + 10) * 48000), np.int16)
    for at_s, name in clips:
        voice = soxr.resample(samples(read_wav(CLIPS / name)), 8000, 48000)
        start = round(at_s * 48000)
        track[start : start + len(voice)] = voice
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes(track.tobytes())


@asynccontextmanager
async def reception(folder: Path) -> AsyncIterator[Service]:
    """The service with the embedded engine and without any secret, and the agent that books tables, at great length."""
    (folder / "agents").mkdir()
    source = (ROOT / "agents" / "reception.md").read_text()
    (folder / "agents" / "reception.md").write_text(source.replace(GREETING, LONG_GREETING))
    shutil.copytree(ROOT / "tools", folder / "tools")
    environ = {
        "PHONEAGENT_ENGINE": "local",
        "PHONEAGENT_AGENTS": str(folder / "agents"),
        "PHONEAGENT_PORT": "0",
        "PHONEAGENT_DATA": str(folder / "data"),
    }
    async with running(load(environ, None)) as service:
        yield service


def turns_of(service: Service) -> dict[str, Turn]:
    """The turns of all calls from now on, as they are known."""
    turns: dict[str, Turn] = {}

    def note(news: News) -> None:
        if isinstance(news, TurnChanged):
            turns[news.turn.turn_id] = news.turn

    service.feed.watch(note)
    return turns


def said_by(speaker: str, turns: dict[str, Turn]) -> str:
    return " ".join(turn.text for turn in turns.values() if turn.speaker == speaker)
