// A telephone in the browser: calls an agent as Twilio does for everybody else.

import { api, ApiError } from "../lib/api.js";
import { signal } from "../vendor/preact.js";
import { devices, Sound, SoundError } from "./sound.js";
import { MediaStream } from "./stream.js";

const ASLEEP = "The browser has put the sound of this page to sleep.";
const LOST = "The connection to the service is lost. Is it running, and are you online?";
const REFUSED = "The service did not take the call. Try again; if it stays like this, its log says why.";
const UNPLUGGED = "The microphone is gone. Choose another one, or plug it in again.";
const NORMAL = new Set([1000, 1005]); // close codes of a call that somebody has ended
const POLICY_VIOLATION = 1008; // of a stream that belongs to no call

/**
 * One telephone, for one call at a time. What it shows are signals:
 *
 * - `state`: "idle", "asking" (the browser, for the microphone), "calling", "talking" or "over"
 * - `call`: what `POST /api/phone` has said of the call; null before the first
 * - `muted`, `file` (name of the one that is played, or null)
 * - `problem`: null, or `{ words, remedy }` for people; `remedy` is `{ label, run }` if there is one
 * - `callerLevel`, `agentLevel`: loudest sample of the last moment, 0 to 1
 * - `microphones`, `speakers` to choose from; `microphone`, `speaker`: the ids of those that are used
 * - `stopped`: how long the agent was heard after the last interruption, in seconds
 */
export class Phone {
  state = signal("idle");
  call = signal(null);
  muted = signal(false);
  file = signal(null);
  problem = signal(null);
  callerLevel = signal(0);
  agentLevel = signal(0);
  microphones = signal([]);
  speakers = signal([]);
  microphone = signal("");
  speaker = signal("");
  stopped = signal(null);
  #sound = null;
  #stream = null;

  /** Whether there is a call. */
  get busy() {
    return ["asking", "calling", "talking"].includes(this.state.value);
  }

  /** Call an agent; `source` is the text of its file, if that is not to be the saved one. To be called on a click. */
  async dial({ agent, source }) {
    if (this.busy) return;
    this.state.value = "calling";
    this.problem.value = this.stopped.value = null;
    let sound;
    try {
      sound = this.#sound = new Sound();
      await sound.open();
      this.#watch(sound);
      this.state.value = "asking";
      await this.#listen();
      if (this.#sound !== sound) return; // hung up meanwhile
      this.state.value = "calling";
      const placed = await api("/api/phone", { method: "POST", body: { agent, source } });
      if (this.#sound !== sound) return; // the service gives the call up when no stream comes
      this.call.value = placed;
      this.#connect(new MediaStream(placed));
    } catch (error) {
      if (sound !== undefined && this.#sound !== sound) return; // what is closed refuses all that
      if (!(error instanceof SoundError || error instanceof ApiError)) throw error;
      this.#end({ words: error.message });
    }
  }

  /** End the call. */
  hangUp() {
    this.#stream?.stop();
    this.#end(null);
  }

  /** Be heard or not. Silence is sent meanwhile. */
  mute(muted) {
    this.muted.value = muted;
    this.#sound?.mute(muted);
  }

  /** Press a key of the key pad. */
  press(key) {
    this.#stream?.press(key);
    this.#sound?.beep(key);
  }

  /** Have a file speak in place of the microphone; what speaks already stops. */
  async playFile(file) {
    if (this.state.value !== "talking") return;
    this.file.value = file.name;
    try {
      await this.#sound.playFile(file);
    } catch (error) {
      if (!(error instanceof SoundError)) throw error;
      this.problem.value = { words: error.message };
    }
    if (this.file.value === file.name) this.file.value = null;
  }

  /** Let the microphone be heard again. */
  stopFile() {
    this.#sound?.stopFile();
    this.file.value = null;
  }

  /** Say something in writing. Raises ApiError. */
  async write(text) {
    await api(`/api/calls/${this.call.value.call_id}/text`, { method: "POST", body: { text } });
  }

  /** Use this microphone, now and for the next call. */
  async useMicrophone(id) {
    this.microphone.value = id;
    if (this.#sound !== null) await this.#listen();
  }

  /** Use this loudspeaker, now and for the next call. */
  async useSpeaker(id) {
    this.speaker.value = id;
    await this.#sound?.speakFrom(id);
  }

  /** Look which devices there are. */
  async findDevices() {
    const found = await devices();
    this.microphones.value = found.microphones;
    this.speakers.value = found.speakers;
  }

  // Inside

  #watch(sound) {
    sound.onMicrophoneLost = () => this.#complain(UNPLUGGED, "Use another", () => this.useMicrophone(""));
    sound.onAsleep = (asleep) => {
      if (asleep) this.#complain(ASLEEP, "Go on", () => sound.wake());
      else if (this.problem.value?.words === ASLEEP) this.problem.value = null;
    };
    sound.onLevel = (level) => (this.agentLevel.value = level);
    sound.onSilent = (seconds) => (this.stopped.value = seconds);
    sound.mute(this.muted.value);
    if (this.speaker.value) sound.speakFrom(this.speaker.value).catch(() => (this.speaker.value = ""));
  }

  async #listen() {
    try {
      this.microphone.value = (await this.#sound.listen(this.microphone.value)) ?? this.microphone.value;
      this.problem.value = null;
    } catch (error) {
      if (!(error instanceof SoundError)) throw error;
      this.#complain(error.message, "Try again", () => this.useMicrophone(""));
    }
    await this.findDevices();
  }

  #connect(stream) {
    const sound = this.#sound;
    this.#stream = stream;
    sound.onFrame = ({ audio, level }) => {
      this.callerLevel.value = level;
      stream.speak(audio);
    };
    sound.onMark = (mark) => stream.reach(mark);
    stream.addEventListener("open", () => (this.state.value = "talking"));
    stream.addEventListener("audio", ({ detail }) => sound.play(detail));
    stream.addEventListener("mark", ({ detail }) => sound.mark(detail));
    stream.addEventListener("clear", () => sound.clear());
    stream.addEventListener("over", ({ detail: { opened, code } }) => {
      if (this.#stream !== stream) return; // we have hung up
      const words = opened && code !== POLICY_VIOLATION ? LOST : REFUSED;
      this.#end(opened && NORMAL.has(code) ? null : { words });
    });
    addEventListener("beforeunload", askBeforeLeaving);
    addEventListener("pagehide", this.#leave);
  }

  #leave = () => this.hangUp();

  #end(problem) {
    removeEventListener("beforeunload", askBeforeLeaving);
    removeEventListener("pagehide", this.#leave);
    this.#sound?.close();
    this.#sound = this.#stream = null;
    this.callerLevel.value = this.agentLevel.value = 0;
    this.file.value = null;
    this.problem.value = problem;
    this.state.value = "over";
  }

  #complain(words, label, run) {
    this.problem.value = { words, remedy: { label, run } };
  }
}

function askBeforeLeaving(event) {
  event.preventDefault(); // the browser asks in its own words
}
