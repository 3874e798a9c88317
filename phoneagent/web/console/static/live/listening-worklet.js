// What an operator hears of a call: a little late, so that frames which come unevenly can be played evenly.

import { Resampler, TELEPHONE_HZ } from "../phone/resample.js";
import { toFloats } from "../phone/ulaw.js";

const FRAME = 160; // samples of each side, 20 ms
const BUFFERED = 5; // frames before it begins, and when it has run dry: 100 ms
const MOST = 11; // with more than this one is late, and goes on with the latest
const LEVELS_PER_S = 20;

/**
 * The port is told frames as they come from the service, 160 bytes of µ-law of the caller and 160 of the agent's side;
 * and `{ together, callerOnly }`: whether both sides are heard in both ears, or the caller in the left one and the agent
 * in the right one; and whether only the caller is heard, because the other side is one's own voice. It says `{ caller, agent }`, the loudest samples (0 to 1), 20 times a second.
 */
class Listening extends AudioWorkletProcessor {
  #frames = []; // of both sides, [caller, agent]
  #at = 0; // what of the first of them was taken
  #waiting = true;
  #caller = new Resampler(TELEPHONE_HZ, sampleRate);
  #agent = new Resampler(TELEPHONE_HZ, sampleRate);
  #together = false;
  #callerOnly = false;
  #loudest = { caller: 0, agent: 0 };
  #levelsDue = 0; // samples of the output

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) this.#hear(new Uint8Array(data));
      else ({ together: this.#together, callerOnly: this.#callerOnly } = data);
    };
  }

  process(_inputs, [[left, right]]) {
    const loudest = this.#loudest;
    for (let i = 0; i < left.length; i += 1) {
      while (!this.#caller.ready) this.#push();
      const caller = this.#caller.pull();
      const agent = this.#agent.pull();
      const other = this.#callerOnly ? 0 : agent;
      left[i] = this.#together ? (caller + other) / 2 : caller;
      right[i] = this.#together ? (caller + other) / 2 : other;
      loudest.caller = Math.max(loudest.caller, Math.abs(caller));
      loudest.agent = Math.max(loudest.agent, Math.abs(agent));
    }
    this.#tell(left.length);
    return true;
  }

  #hear(bytes) {
    this.#frames.push([toFloats(bytes.subarray(0, FRAME)), toFloats(bytes.subarray(FRAME))]);
    if (this.#frames.length > MOST) {
      this.#frames.splice(0, this.#frames.length - BUFFERED);
      this.#at = 0;
    }
    if (this.#frames.length >= BUFFERED) this.#waiting = false;
  }

  /** The next sample of either side: silence while there is none. */
  #push() {
    const [caller, agent] = this.#waiting ? [] : this.#frames[0];
    this.#caller.push(caller?.[this.#at] ?? 0);
    this.#agent.push(agent?.[this.#at] ?? 0);
    if (this.#waiting) return;
    this.#at += 1;
    if (this.#at === FRAME) {
      this.#at = 0;
      this.#frames.shift();
      this.#waiting = this.#frames.length === 0;
    }
  }

  #tell(samples) {
    this.#levelsDue -= samples;
    if (this.#levelsDue > 0) return;
    this.port.postMessage(this.#loudest);
    this.#loudest = { caller: 0, agent: 0 };
    this.#levelsDue += sampleRate / LEVELS_PER_S;
  }
}

registerProcessor("listening", Listening);
