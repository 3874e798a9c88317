// The sound of a call in the browser: microphone, loudspeaker, and the worklets between them and the telephone.

const LONGEST_FILE_S = 600;
const FADE_S = 0.01; // of muting: what is cut off at once clicks
const KEY_S = 0.12; // how long the tone of a pressed key is heard
const KEY_VOLUME = 0.05;
const TONES = { rows: [697, 770, 852, 941], columns: [1209, 1336, 1477], keys: ["123", "456", "789", "*0#"] };

/** What keeps a call from having sound; the message tells people what to do. */
export class SoundError extends Error {}

/** The microphones and loudspeakers that can be chosen. They have no names before the microphone was allowed. */
export async function devices() {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  const ofKind = (kind) => all.filter((device) => device.kind === kind && device.label !== "");
  return { microphones: ofKind("audioinput"), speakers: canChooseSpeaker ? ofKind("audiooutput") : [] };
}

const canChooseSpeaker = "setSinkId" in (globalThis.AudioContext?.prototype ?? {});

/**
 * Opens worklets for both directions. Tells of what happens by its `on…` functions:
 *
 * - `onFrame({ audio, level, at_s })` every 20 ms: the caller's voice, as capture-worklet.js has it
 * - `onMark(name)`, `onLevel(level)`, `onSilent(seconds)`: as playback-worklet.js says them
 * - `onMicrophoneLost()`: it was unplugged
 * - `onAsleep(asleep)`: the browser has stopped all sound of this page, or goes on
 */
export class Sound {
  onFrame = () => {};
  onMark = () => {};
  onLevel = () => {};
  onSilent = () => {};
  onMicrophoneLost = () => {};
  onAsleep = () => {};
  #context;
  #voice; // the microphone's volume: 0 while muted or while a file is played in its place
  #capture;
  #playback;
  #microphone = null;
  #file = null;
  #muted = false;

  /** To be made when somebody clicks: browsers let a page sound only then. Raises SoundError. */
  constructor() {
    if (!globalThis.isSecureContext) {
      throw new SoundError("Browsers give no microphone to pages without https. Open the console by https, or on the service's own machine as http://localhost.");
    }
    this.#context = new AudioContext({ latencyHint: "interactive" });
  }

  /** Get ready; the caller is silent until there is a microphone. Raises SoundError. */
  async open() {
    const context = this.#context;
    const load = (name) => context.audioWorklet.addModule(new URL(name, import.meta.url));
    await Promise.all([load("capture-worklet.js"), load("playback-worklet.js")]).catch(() => {
      throw new SoundError("A part of the telephone could not be loaded. Is the service running? Load the page again.");
    });
    this.#voice = new GainNode(context);
    // Its output is silence, and connected because a node that nobody listens to need not run.
    this.#capture = new AudioWorkletNode(context, "capture", { channelCount: 1, channelCountMode: "explicit" });
    this.#voice.connect(this.#capture).connect(context.destination);
    this.#playback = new AudioWorkletNode(context, "playback", { numberOfInputs: 0, outputChannelCount: [1] });
    this.#playback.connect(context.destination);
    this.#capture.port.onmessage = ({ data }) => this.onFrame(data);
    this.#playback.port.onmessage = ({ data: { mark, level, silent_s: silent } }) => {
      if (mark !== undefined) this.onMark(mark);
      else if (level !== undefined) this.onLevel(level);
      else this.onSilent(silent);
    };
    context.onstatechange = () => this.onAsleep(context.state !== "running" && context.state !== "closed");
    await this.wake();
  }

  /** Go on after the browser has stopped all sound; to be called when somebody clicks. */
  async wake() {
    await this.#context.resume();
  }

  /** Listen to a microphone, the usual one without `id`. Raises SoundError. */
  async listen(id) {
    const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: id ? { ...audio, deviceId: { exact: id } } : audio });
    } catch (error) {
      if (id && error.name === "OverconstrainedError") return this.listen();
      throw new SoundError(WHY_NO_MICROPHONE[error.name] ?? `The microphone can't be used: ${error.message}`);
    }
    this.#letGo();
    if (this.#context.state === "closed") {
      stream.getTracks().forEach((track) => track.stop());
      return undefined;
    }
    const source = new MediaStreamAudioSourceNode(this.#context, { mediaStream: stream });
    source.connect(this.#voice);
    const [track] = stream.getAudioTracks();
    track.onended = () => this.onMicrophoneLost();
    this.#microphone = { source, track };
    return track.getSettings().deviceId;
  }

  /** Be heard from a loudspeaker. */
  async speakFrom(id) {
    await this.#context.setSinkId(id);
  }

  /** Have the microphone not be heard, or be heard again. */
  mute(muted) {
    this.#muted = muted;
    this.#setVoice();
  }

  /** Play an audio file to the other side, in place of the microphone. Resolves when it is over. Raises SoundError. */
  async playFile(file) {
    this.stopFile();
    let buffer;
    try {
      buffer = await this.#context.decodeAudioData(await file.arrayBuffer());
    } catch {
      throw new SoundError(`${file.name} is no audio that the browser understands. WAV, MP3, Ogg and FLAC are.`);
    }
    if (buffer.duration > LONGEST_FILE_S) throw new SoundError(`${file.name} is longer than ten minutes.`);
    const source = new AudioBufferSourceNode(this.#context, { buffer });
    source.connect(this.#capture);
    this.#file = source;
    this.#setVoice();
    source.start();
    await new Promise((resolve) => (source.onended = resolve));
    if (this.#file === source) this.#file = null;
    this.#setVoice();
  }

  /** Play the file no further. */
  stopFile() {
    this.#file?.stop();
    this.#file = null;
  }

  /** Let the person at the browser hear the tone of a key. */
  beep(key) {
    const row = TONES.keys.findIndex((keys) => keys.includes(key));
    const volume = new GainNode(this.#context, { gain: KEY_VOLUME });
    volume.connect(this.#context.destination);
    for (const frequency of [TONES.rows[row], TONES.columns[TONES.keys[row].indexOf(key)]]) {
      const tone = new OscillatorNode(this.#context, { frequency });
      tone.connect(volume);
      tone.start();
      tone.stop(this.#context.currentTime + KEY_S);
    }
  }

  // What the other side says

  /** Queue µ-law bytes, which then belong to the worklet. */
  play(audio) {
    this.#playback.port.postMessage({ audio }, [audio.buffer]);
  }

  /** Queue a mark, of which `onMark` tells when all before it was played. */
  mark(name) {
    this.#playback.port.postMessage({ mark: name });
  }

  /** Throw away what was not played yet. */
  clear() {
    this.#playback.port.postMessage({ clear: true });
  }

  /** Give everything back. */
  close() {
    this.#letGo();
    this.#file = null;
    if (this.#context.state !== "closed") this.#context.close();
  }

  #setVoice() {
    const heard = !this.#muted && this.#file === null;
    this.#voice.gain.setTargetAtTime(heard ? 1 : 0, this.#context.currentTime, FADE_S / 3);
  }

  #letGo() {
    if (this.#microphone === null) return;
    this.#microphone.source.disconnect();
    this.#microphone.track.onended = null;
    this.#microphone.track.stop();
    this.#microphone = null;
  }
}

const MEANWHILE = "Until then you can write, press keys and play files.";
const WHY_NO_MICROPHONE = {
  NotAllowedError: `The browser may not use the microphone. Allow it beside the page's address, then try again. ${MEANWHILE}`,
  NotFoundError: `There is no microphone. Plug one in, then try again. ${MEANWHILE}`,
  NotReadableError: `The microphone doesn't answer; perhaps another program has it. Close that, then try again. ${MEANWHILE}`,
};
