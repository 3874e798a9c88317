"""What the browser's telephone plays, and when it says that it has: sample by sample, whatever time that takes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from playwright.async_api import Browser, Page

from tests.console.browser import fixture
from tests.console.modules import bare_page, from_text

RATE = 48000
LOUD = 0x80  # full scale: a constant, so that every sample of it is seen
QUANTUM_S = 128 / RATE
LATE_S = 30 / 8000  # of the filter

# An echo on the worklet's own port: it comes back after all that was said there before it, however long that takes.
_ECHO = """
const register = registerProcessor;
globalThis.registerProcessor = (name, Processor) => register(name, class extends Processor {
    constructor(options) {
        super(options);
        const take = this.port.onmessage;
        this.port.onmessage = (event) => (event.data.echo ? this.port.postMessage({ echo: true }) : take(event));
    }
});"""

# Renders a second through the worklet. `script` has what the port is told, by the time before which it is: at the
# rendering's stops, of which there is one at each time that somebody wants to know what has come back by then.
_RENDER = """async ([echo, module, rate, script]) => {
    const context = new OfflineAudioContext(1, rate, rate);
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([echo], { type: "text/javascript" })));
    await context.audioWorklet.addModule(module);
    const node = new AudioWorkletNode(context, "playback", { numberOfInputs: 0, outputChannelCount: [1] });
    node.connect(context.destination);
    const said = [], known = {};
    let echoed;
    node.port.onmessage = ({ data }) => (data.echo ? echoed() : said.push(data));
    const settled = () => new Promise((resolve) => {
        echoed = resolve;
        node.port.postMessage({ echo: true });
    });
    for (const [at, messages] of script) {
        context.suspend(at).then(async () => {
            await settled();
            known[at] = said.filter(({ mark }) => mark).map(({ mark }) => mark);
            for (const { audio, ...rest } of messages) {
                node.port.postMessage(audio ? { audio: new Uint8Array(audio[1]).fill(audio[0]) } : rest);
            }
            await settled();
            context.resume();
        });
    }
    const rendered = await context.startRendering();
    await settled();
    return { sound: toText(rendered.getChannelData(0)), said, known };
}"""


class Played:
    """What was heard within the second, and what the worklet has said."""

    def __init__(self, result: dict[str, Any]) -> None:
        self.sound = from_text(result["sound"])
        self.marks = [each["mark"] for each in result["said"] if "mark" in each]
        self.silent_s = [each["silent_s"] for each in result["said"] if "silent_s" in each]
        self.levels = [each["level"] for each in result["said"] if "level" in each]
        self._known = {float(at): marks for at, marks in result["known"].items()}

    def marks_at(self, at: float) -> list[str]:
        """The marks that had come back by then."""
        return self._known[at]

    def heard_s(self, level: float = 0.5) -> float:
        """For how long it was loud."""
        return float(np.count_nonzero(np.abs(self.sound) > level)) / RATE

    def last_s(self) -> float:
        """When the last sample was heard that is not silence."""
        return float(np.flatnonzero(self.sound)[-1]) / RATE


async def played(page: Page, *script: tuple[float, list[dict[str, Any]]]) -> Played:
    module = "/phone/playback-worklet.js"
    return Played(await page.evaluate(_RENDER, [_ECHO, module, RATE, [list(each) for each in script]]))


def audio(seconds: float) -> dict[str, Any]:
    return {"audio": [LOUD, round(8000 * seconds)]}


def mark(name: str) -> dict[str, Any]:
    return {"mark": name}


CLEAR = {"clear": True}


@fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    async with bare_page(browser) as page:
        yield page


async def test_marks_come_back_when_what_is_before_them_was_played_and_not_earlier(page: Page):
    result = await played(
        page,
        (0, [mark("at once"), audio(0.2), mark("one"), audio(0.2), mark("two")]),
        (0.1, []),
        (0.24, []),
        (0.4, []),
        (0.44, []),
    )
    assert result.marks_at(0.1) == ["at once"]
    assert result.marks_at(0.24) == ["at once", "one"]
    assert result.marks_at(0.4) == ["at once", "one"], "the last samples are still in the filter"
    assert result.marks_at(0.44) == ["at once", "one", "two"]
    assert result.heard_s() == pytest.approx(0.4, abs=0.002)
    assert result.silent_s == []
    assert max(result.levels) == pytest.approx(1, abs=0.15)


async def test_a_clear_is_honoured_at_once_and_returns_all_marks(page: Page):
    result = await played(page, (0, [audio(0.5), mark("one"), audio(0.4), mark("two")]), (0.2, [CLEAR]), (0.3, []))
    assert result.marks_at(0.2) == []
    assert result.marks_at(0.3) == ["one", "two"]
    assert result.last_s() < 0.2 + QUANTUM_S + 0.004 + 2 * LATE_S + 0.001  # a fade, and what the filter remembers
    [silent_s] = result.silent_s
    assert silent_s == pytest.approx(result.last_s() - 0.2, abs=2 * QUANTUM_S)
    steps = np.abs(np.diff(result.sound[RATE // 10 :]))
    assert steps.max() < 0.02, "no click"


async def test_what_comes_after_a_clear_is_played_whole(page: Page):
    result = await played(page, (0, [audio(0.5), mark("cut")]), (0.2, [CLEAR, audio(0.3), mark("next")]), (0.45, []))
    assert result.marks_at(0.45) == ["cut"]
    assert result.marks == ["cut", "next"]
    assert max(result.silent_s) < 0.02, "of what was cut off, not of what came after it"
    assert result.heard_s() == pytest.approx(0.5, abs=0.01)


async def test_a_clear_of_nothing_is_nothing(page: Page):
    result = await played(page, (0, [CLEAR]), (0.1, [audio(0.1), mark("one")]))
    assert result.marks == ["one"]
    assert result.heard_s() == pytest.approx(0.1, abs=0.002)


async def test_more_than_ten_minutes_are_thrown_away(page: Page):
    hours = [audio(300), audio(299.9), audio(0.2), mark("end")]
    result = await played(page, (0, hours), (0.5, [CLEAR, audio(0.1)]))
    assert result.marks == ["end"]
