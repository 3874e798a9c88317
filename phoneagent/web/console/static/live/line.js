// An operator's line into a call: they listen in, and may take the call over.

import { signal } from "../vendor/preact.js";
import { api } from "../lib/api.js";
import { inWords } from "./words.js";

const FRAME = 160; // bytes, 20 ms
const SILENT = new Uint8Array(FRAME).fill(0xff);
const MOST_UNSENT = 10 * FRAME; // bytes: the caller shall not hear what was said much earlier
const WORKLETS = ["./listening-worklet.js", "../phone/capture-worklet.js"];
const VOICE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };

/**
 * Signals: `state` ("closed", "opening" or "open"), `holder` (who has taken the call over, `{ by, mine }`, or null),
 * `levels` of what is heard, `level` of the microphone, `asking` (the browser, for the microphone), `muted`, `volume` (0 to
 * 1), `together` (both sides in both ears). `complain` is told in words what went wrong.
 */
export class Line {
  state = signal("closed");
  holder = signal(null);
  levels = signal({ caller: 0, agent: 0 });
  level = signal(0);
  asking = signal(false);
  muted = signal(false);
  volume = signal(Number(localStorage.getItem("volume") ?? 1));
  together = signal(localStorage.getItem("ears") === "together");
  #callId;
  #complain;
  #context;
  #ears;
  #gain;
  #socket;
  #microphone;
  #opened; // a promise: whether one hears the call

  constructor(callId, complain) {
    this.#callId = callId;
    this.#complain = complain;
  }

  get mine() {
    return this.holder.value?.mine ?? false;
  }

  /** Listen in. Resolves once one hears the call; complains if that can't be. */
  open() {
    if (this.state.value === "closed") this.#opened = this.#open();
    return this.#opened;
  }

  async #open() {
    this.state.value = "opening";
    try {
      await this.#openEars();
      await this.#connect();
    } catch (error) {
      if (this.state.value === "opening") this.#complain(inWords(error)); // else somebody has closed it meanwhile
      this.close();
    }
    return this.state.value === "open";
  }

  /** Hear nothing more. Whoever has taken the call over hands it back by that. */
  close() {
    this.state.value = "closed";
    this.holder.value = null;
    this.#socket?.close();
    this.#closeMicrophone();
    this.#context?.close();
    this.#socket = this.#context = undefined;
    this.levels.value = { caller: 0, agent: 0 };
  }

  /** Speak to the caller in the agent's place: ask for it, with the microphone ready so that they never hear silence. */
  async takeOver() {
    if (this.asking.value || !(await this.open())) return;
    this.asking.value = true;
    try {
      await this.#openMicrophone();
      this.#socket?.send(JSON.stringify({ do: "take_over" }));
    } catch (error) {
      this.#complain(inWords(error));
    } finally {
      this.asking.value = false;
    }
  }

  /** Let the agent go on. */
  handBack() {
    this.#socket?.send(JSON.stringify({ do: "hand_back" }));
  }

  setVolume(volume) {
    this.volume.value = volume;
    localStorage.setItem("volume", volume);
    if (this.#gain) this.#gain.gain.value = volume;
  }

  setTogether(together) {
    this.together.value = together;
    localStorage.setItem("ears", together ? "together" : "apart");
    this.#mix();
  }

  async #openEars() {
    const context = (this.#context = new AudioContext({ latencyHint: "interactive" }));
    await Promise.all(WORKLETS.map((path) => context.audioWorklet.addModule(new URL(path, import.meta.url))));
    await context.resume();
    this.#ears = new AudioWorkletNode(context, "listening", { numberOfInputs: 0, outputChannelCount: [2] });
    this.#mix();
    this.#ears.port.onmessage = ({ data }) => (this.levels.value = data);
    this.#gain = new GainNode(context, { gain: this.volume.value });
    this.#ears.connect(this.#gain).connect(context.destination);
  }

  /** Whoever speaks in the agent's place would hear themselves, late, where the agent was. */
  #mix() {
    this.#ears?.port.postMessage({ together: this.together.value, callerOnly: this.mine });
  }

  async #connect() {
    const { url } = await api(`/api/calls/${encodeURIComponent(this.#callId)}/audio`, { method: "POST" });
    if (this.state.value !== "opening") return;
    const address = new URL(url, location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const socket = (this.#socket = new WebSocket(address));
    socket.binaryType = "arraybuffer";
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = () => reject(new Error("The call's sound can't be reached."));
    });
    this.state.value = "open";
    socket.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) this.#ears?.port.postMessage(data, [data]);
      else this.#told(JSON.parse(data));
    };
    socket.onclose = () => {
      if (this.#socket !== socket) return;
      this.#complain("The connection to the call was lost: you hear it no more.");
      this.close();
    };
  }

  #told({ event, reason, by, mine }) {
    switch (event) {
      case "taken_over":
        this.holder.value = { by, mine };
        if (!mine) this.#closeMicrophone();
        this.#mix();
        break;
      case "handed_back":
        if (this.mine) this.#closeMicrophone(); // else ours may be open to ask for the call
        this.holder.value = null;
        this.#mix();
        break;
      case "refused":
        if (!this.mine) this.#closeMicrophone();
        this.#complain(inWords({ reason, by }));
        if (reason === "full") this.close();
        break;
      case "over":
        this.close();
        break;
    }
  }

  async #openMicrophone() {
    if (this.#microphone) return;
    if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
    const stream = await navigator.mediaDevices.getUserMedia({ audio: VOICE });
    if (!this.#context) return stream.getTracks().forEach((track) => track.stop()); // hung up while the browser asked
    const source = new MediaStreamAudioSourceNode(this.#context, { mediaStream: stream });
    const capture = new AudioWorkletNode(this.#context, "capture", { channelCount: 1, channelCountMode: "explicit" });
    capture.port.onmessage = ({ data: { audio, level } }) => {
      this.level.value = this.muted.value ? 0 : level;
      const socket = this.#socket;
      const sendable = socket?.readyState === WebSocket.OPEN && socket.bufferedAmount < MOST_UNSENT;
      if (this.mine && sendable) socket.send(this.muted.value ? SILENT : audio);
    };
    source.connect(capture).connect(this.#context.destination); // silence, but a node that nobody hears need not run
    this.#microphone = { stream, source, capture };
    stream.getAudioTracks()[0].onended = () => {
      this.#complain("The microphone is gone: the call is handed back to the agent.");
      this.handBack();
    };
  }

  #closeMicrophone() {
    if (!this.#microphone) return;
    const { stream, source, capture } = this.#microphone;
    this.#microphone = undefined;
    capture.port.onmessage = null;
    source.disconnect();
    capture.disconnect();
    stream.getTracks().forEach((track) => track.stop());
    this.level.value = 0;
    this.muted.value = false;
  }
}
