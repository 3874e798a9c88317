// Between the browser's sampling rate and the telephone's 8 kHz, through a filter that keeps what doesn't fit out of it.

export const TELEPHONE_HZ = 8000;

const PASS_HZ = 3400; // a telephone's band; up to here nothing is lost
const STOP_HZ = 4000; // from here on all is held back: it would come back as an alias, or was never there
const STOP_DB = 72;

/**
 * Changes the sampling rate of a stream, sample by sample: `push` a sample in, then `pull` as many out as are `ready`.
 *
 * A polyphase FIR: the samples are thought of as `up` times as many, with zeros between, low-passed, and each `down`th
 * is taken; of the low-pass only the taps that meet no zero are reckoned. Its window is Kaiser's. It is symmetric, so
 * all frequencies are late by the same `delay`, counted in samples that go in: 3.7 ms.
 */
export class Resampler {
  #up;
  #down;
  #taps; // of each phase
  #phases; // their coefficients, one phase after the other
  #recent; // the last samples twice over, so that none of the sums has to wrap around
  #newest = 0;
  #due; // when the next sample is to come out: so many of the thought-of samples after the newest

  constructor(from, to) {
    const common = greatestCommonDivisor(from, to);
    this.#up = to / common;
    this.#down = from / common;
    this.#taps = Math.ceil(length(from * this.#up) / this.#up);
    this.#phases = phases(lowPass(this.#taps * this.#up, from * this.#up), this.#up);
    this.#recent = new Float32Array(2 * this.#taps);
    this.#due = this.#up;
    this.delay = (this.#taps - 1 / this.#up) / 2;
  }

  /** Whether a sample can come out. */
  get ready() {
    return this.#due < this.#up;
  }

  /** Put in the next sample. */
  push(sample) {
    this.#newest = (this.#newest || this.#taps) - 1;
    this.#recent[this.#newest] = this.#recent[this.#newest + this.#taps] = sample;
    this.#due -= this.#up;
  }

  /** The next sample that comes out. */
  pull() {
    const taps = this.#taps;
    const phase = this.#due * taps;
    let sum = 0;
    for (let i = 0; i < taps; i += 1) sum += this.#phases[phase + i] * this.#recent[this.#newest + i];
    this.#due += this.#down;
    return sum;
  }
}

const greatestCommonDivisor = (a, b) => (b === 0 ? a : greatestCommonDivisor(b, a % b));

/** How many taps the filter needs at this rate, by Kaiser's formula. */
const length = (rate) => Math.ceil((STOP_DB - 7.95) / ((14.36 * (STOP_HZ - PASS_HZ)) / rate));

function lowPass(taps, rate) {
  const cutoff = (PASS_HZ + STOP_HZ) / 2 / rate;
  const beta = 0.1102 * (STOP_DB - 8.7);
  const middle = (taps - 1) / 2;
  return Float64Array.from({ length: taps }, (_, n) => {
    const t = n - middle;
    const ideal = t === 0 ? 2 * cutoff : Math.sin(2 * Math.PI * cutoff * t) / (Math.PI * t);
    return (ideal * bessel(beta * Math.sqrt(Math.max(0, 1 - (t / middle) ** 2)))) / bessel(beta);
  });
}

/** The filter, phase by phase: phase p has the taps p, p + up, p + 2 up … Of each the sum is 1. */
function phases(filter, up) {
  const taps = filter.length / up;
  const sorted = new Float32Array(filter.length);
  for (let phase = 0; phase < up; phase += 1) {
    let sum = 0;
    for (let i = 0; i < taps; i += 1) sum += filter[phase + i * up];
    for (let i = 0; i < taps; i += 1) sorted[phase * taps + i] = filter[phase + i * up] / sum;
  }
  return sorted;
}

/** The modified Bessel function of the first kind, of order 0. */
function bessel(x) {
  let sum = 1;
  for (let k = 1, term = 1; term > sum * 1e-12; k += 1) {
    term *= (x / 2 / k) ** 2;
    sum += term;
  }
  return sum;
}
