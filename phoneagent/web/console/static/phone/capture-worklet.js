// The microphone as a telephone sends it: frames of 20 ms, µ-law at 8 kHz, one after the other as long as it runs.

import { Resampler, TELEPHONE_HZ } from "./resample.js";
import { fromFloat } from "./ulaw.js";

const FRAME = 160;
const QUANTUM = 128; // samples at a time, where nothing is connected and so nothing says how many

/**
 * For each frame the port says `{ audio, level, at_s }`: 160 bytes, the loudest sample (0 to 1), and when the frame
 * ended by the context's clock. What is not heard, for whatever reason, is silence: a telephone never just stops.
 */
class Capture extends AudioWorkletProcessor {
  #toTelephone = new Resampler(sampleRate, TELEPHONE_HZ);
  #frame = new Uint8Array(FRAME);
  #filled = 0;
  #level = 0;

  process([[channel]]) {
    const samples = channel?.length ?? QUANTUM;
    for (let i = 0; i < samples; i += 1) {
      this.#toTelephone.push(channel?.[i] ?? 0);
      while (this.#toTelephone.ready) this.#add(this.#toTelephone.pull());
    }
    return true;
  }

  #add(sample) {
    this.#level = Math.max(this.#level, Math.abs(sample));
    this.#frame[this.#filled] = fromFloat(sample);
    this.#filled += 1;
    if (this.#filled < FRAME) return;
    this.port.postMessage({ audio: this.#frame, level: this.#level, at_s: currentTime }, [this.#frame.buffer]);
    this.#frame = new Uint8Array(FRAME);
    this.#filled = this.#level = 0;
  }
}

registerProcessor("capture", Capture);
