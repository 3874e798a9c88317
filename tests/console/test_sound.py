"""The arithmetic of the browser's telephone, in the browser, against references."""

import math
import warnings
from collections.abc import AsyncIterator
from itertools import product

import numpy as np
import soxr
from playwright.async_api import Browser, Page

from tests.console.browser import fixture
from tests.console.modules import Samples, bare_page, from_text, to_text

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

RATES = [48000, 44100, 16000, 96000, 8000]
_RESAMPLE = """async ([module, from, to, text]) => {
    const { Resampler } = await import(module);
    const resampler = new Resampler(from, to);
    const out = [];
    for (const sample of fromText(text)) {
        resampler.push(sample);
        while (resampler.ready) out.push(resampler.pull());
    }
    return [toText(out), resampler.delay];
}"""


def module(name: str) -> str:
    return f"/phone/{name}"


async def resampled(page: Page, samples: Samples, from_: int, to: int) -> Samples:
    """What comes out, without the delay; to a fraction of a sample, so by its own low-pass."""
    out, delay = await page.evaluate(_RESAMPLE, [module("resample.js"), from_, to, to_text(samples)])
    return shifted(from_text(out), delay * to / from_)


def shifted(samples: Samples, by: float) -> Samples:
    """The samples, so much earlier."""
    spectrum = np.fft.rfft(samples)
    turns = np.exp(2j * np.pi * np.arange(len(spectrum)) * by / len(samples))
    return np.fft.irfft(spectrum * turns, len(samples))


def tone(hz: float, rate: int, seconds: float = 0.25) -> Samples:
    return np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)


def middle(samples: Samples) -> Samples:
    """Without what the filter does at both ends."""
    fifth = len(samples) // 5
    return samples[fifth:-fifth]


def db(samples: Samples, of: float = math.sqrt(0.5)) -> float:
    return 20 * math.log10(max(float(np.sqrt(np.mean(middle(samples) ** 2))), 1e-12) / of)


def rest(samples: Samples, hz: float, rate: int) -> Samples:
    """What of the samples is not a tone of this frequency."""
    inner = middle(samples)
    t = 2 * np.pi * hz * np.arange(len(inner)) / rate
    basis = np.stack([np.sin(t), np.cos(t)], axis=1)
    found, *_ = np.linalg.lstsq(basis, inner, rcond=None)
    return np.concatenate([np.zeros(len(inner) // 3 + 1), inner - basis @ found, np.zeros(len(inner) // 3 + 1)])


@fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    async with bare_page(browser) as page:
        yield page


async def test_ulaw_is_what_audioop_makes_of_it_bit_for_bit(page: Page):
    encoded, decoded = await page.evaluate(
        """async (module) => {
            const { encode, decode } = await import(module);
            const samples = Array.from({ length: 65536 }, (_, i) => i - 32768);
            return [samples.map(encode), Array.from({ length: 256 }, (_, byte) => decode(byte))];
        }""",
        module("ulaw.js"),
    )
    samples = np.arange(-32768, 32768, dtype="<i2").tobytes()
    assert bytes(encoded) == audioop.lin2ulaw(samples, 2)
    assert np.array(decoded, "<i2").tobytes() == audioop.ulaw2lin(bytes(range(256)), 2)


async def test_what_a_telephone_carries_passes_both_ways(page: Page):
    for rate, hz in product(RATES, (300, 1000, 2500, 3400)):
        for from_, to in ((rate, 8000), (8000, rate)):
            out = await resampled(page, tone(hz, from_), from_, to)
            assert abs(db(out)) < 0.1, f"{hz} Hz from {from_} to {to}"


async def test_what_it_does_not_carry_is_held_back_and_comes_back_as_nothing_else(page: Page):
    higher = [rate for rate in RATES if rate > 8000]
    for rate, hz in product(higher, (4000, 4100, 4600, 5000, 7000, 7900)):
        out = await resampled(page, tone(hz, rate), rate, 8000)
        assert db(out) < -60, f"{hz} Hz, an alias at {rate}"
    for rate, hz in product(higher, (300, 1000, 3000, 3400, 3900)):
        out = await resampled(page, tone(hz, 8000), 8000, rate)
        assert db(rest(out, hz, rate)) < -60, f"images of {hz} Hz at {rate}"


async def test_a_sweep_through_all_that_a_microphone_hears_has_no_aliases(page: Page):
    rate, seconds = 48000, 1.0
    t = np.arange(int(rate * seconds)) / rate
    sweep = np.sin(2 * np.pi * (4000 * t + (24000 - 4000) / 2 * t**2))  # 4 to 24 kHz
    assert db(await resampled(page, sweep, rate, 8000)) < -60


async def test_it_agrees_with_soxr(page: Page):
    rate = 48000
    random = np.random.default_rng(1)
    spectrum = np.zeros(rate // 4 // 2 + 1, complex)  # of a quarter of a second, 4 Hz a step
    spectrum[80:850] = np.exp(2j * np.pi * random.random(770))  # 320 to 3400 Hz
    speech = np.fft.irfft(spectrum, rate // 4)
    speech *= 0.5 / np.abs(speech).max()
    loudness = float(np.sqrt(np.mean(speech**2)))
    down = await resampled(page, speech, rate, 8000)
    assert db(down - soxr.resample(speech, rate, 8000, "VHQ")[: len(down)], loudness) < -60
    narrow = soxr.resample(speech, rate, 8000, "VHQ")
    up = await resampled(page, narrow, 8000, rate)
    reference = soxr.resample(narrow, 8000, rate, "VHQ")
    assert db(up - reference[: len(up)], loudness) < -60
