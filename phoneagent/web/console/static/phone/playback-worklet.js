// What the caller hears, as Twilio plays it: audio and marks in one queue, in the order in which they came.

import { Resampler, TELEPHONE_HZ } from "./resample.js";
import { toFloats } from "./ulaw.js";

const MOST = 600 * TELEPHONE_HZ; // samples; beyond ten minutes Twilio, too, throws away what comes
const FADE = 32; // samples, 4 ms: what is cut off at once clicks
const LEVELS_PER_S = 20;

/**
 * The port is told `{ audio }` (µ-law, 8 kHz, any length), `{ mark }` and `{ clear: true }`. It says
 * `{ mark }` when all before the mark was played, or was thrown away by a clear; `{ level }` 20 times a second, the
 * loudest sample; and after a clear, once nothing of what it cut off is heard any more, `{ silent_s }`: how long that took.
 */
class Playback extends AudioWorkletProcessor {
  #fromTelephone = new Resampler(TELEPHONE_HZ, sampleRate);
  #queue = []; // Float32Array or { mark }
  #at = 0; // what of the first of them was taken
  #queued = 0; // samples
  #taken = 0; // samples, silence included
  #reached = []; // marks whose last sample was taken, and is on its way through the filter
  #level = 0;
  #levelDue = 0; // frames
  #cleared = null; // when: { frame }, and how many samples are `taken` when the last of what was cut off is played

  constructor() {
    super();
    this.port.onmessage = ({ data: { audio, mark, clear } }) => {
      if (audio !== undefined) this.#play(toFloats(audio));
      else if (mark !== undefined) this.#queue.push({ mark });
      else if (clear) this.#clear();
    };
  }

  process(_inputs, [[output]]) {
    let loudest = 0;
    for (let i = 0; i < output.length; i += 1) {
      while (!this.#fromTelephone.ready) this.#fromTelephone.push(this.#next());
      output[i] = this.#fromTelephone.pull();
      loudest = Math.max(loudest, Math.abs(output[i]));
    }
    while (this.#reached.length > 0 && this.#reached[0].at <= this.#taken) this.#return(this.#reached.shift());
    this.#tell(loudest, output.length);
    return true;
  }

  #play(samples) {
    if (this.#queued + samples.length > MOST) return;
    this.#queue.push(samples);
    this.#queued += samples.length;
  }

  /** The next sample: silence if there is none. */
  #next() {
    while (this.#queue.length > 0) {
      const first = this.#queue[0];
      if (this.#at < first.length) {
        this.#taken += 1;
        this.#queued -= 1;
        this.#at += 1;
        return first[this.#at - 1];
      }
      if (first.mark !== undefined) {
        this.#reached.push({ mark: first.mark, at: this.#taken + this.#fromTelephone.delay });
      }
      this.#queue.shift();
      this.#at = 0;
    }
    this.#taken += 1;
    return 0;
  }

  #clear() {
    const fade = new Float32Array(Math.min(FADE, this.#queued));
    const marks = [...this.#reached, ...this.#queue.filter((each) => each.mark !== undefined)];
    for (let i = 0; i < fade.length; i += 1) fade[i] = this.#next() * (0.5 + 0.5 * Math.cos((Math.PI * (i + 1)) / FADE));
    this.#taken -= fade.length; // they are taken when they are played
    this.#queue = [fade];
    this.#at = 0;
    this.#queued = fade.length;
    this.#reached = [];
    this.#cleared = { frame: currentFrame, taken: this.#taken + fade.length + 2 * this.#fromTelephone.delay };
    marks.forEach((each) => this.#return(each));
  }

  #return({ mark }) {
    this.port.postMessage({ mark });
  }

  #tell(loudest, frames) {
    if (this.#cleared !== null && (loudest === 0 || this.#taken > this.#cleared.taken)) {
      this.port.postMessage({ silent_s: (currentFrame - this.#cleared.frame) / sampleRate });
      this.#cleared = null;
    }
    this.#level = Math.max(this.#level, loudest);
    this.#levelDue -= frames;
    if (this.#levelDue > 0) return;
    this.port.postMessage({ level: this.#level });
    this.#level = 0;
    this.#levelDue += sampleRate / LEVELS_PER_S;
  }
}

registerProcessor("playback", Playback);
