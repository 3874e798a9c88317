// A media stream as Twilio opens one: https://www.twilio.com/docs/voice/media-streams/websocket-messages

const FRAME_MS = 20;
const NO_ACCOUNT = `AC${"0".repeat(32)}`; // a browser has none
const MOST_UNSENT = 32_768; // bytes, 1.5 s: what is older than that nobody wants to hear

/**
 * The stream of a call that `POST /api/phone` has placed. Fires "audio" (detail: bytes of µ-law), "mark" (its name),
 * "clear", "open", and "over" once, when the socket is gone: whether it ever was `opened`, and the close `code`.
 */
export class MediaStream extends EventTarget {
  #placed;
  #socket;
  #sequence = 0;
  #chunk = 0;
  #opened = false;

  constructor(placed) {
    super();
    this.#placed = placed;
    const url = new URL(placed.url, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.#socket = new WebSocket(url);
    this.#socket.onopen = () => this.#open();
    this.#socket.onmessage = ({ data }) => this.#heard(JSON.parse(data));
    this.#socket.onclose = ({ code }) => this.#fire("over", { opened: this.#opened, code });
  }

  /** Send 20 ms of the caller's voice: 160 bytes of µ-law. */
  speak(audio) {
    if (!this.#opened || this.#socket.bufferedAmount > MOST_UNSENT) return;
    const timestamp = String(this.#chunk * FRAME_MS);
    this.#chunk += 1;
    const payload = btoa(String.fromCharCode(...audio));
    this.#say("media", { media: { track: "inbound", chunk: String(this.#chunk), timestamp, payload } });
  }

  /** Press a key: 0-9, * or #. */
  press(digit) {
    this.#say("dtmf", { dtmf: { track: "inbound_track", digit } });
  }

  /** Give a mark back: all before it was played, or cleared. */
  reach(mark) {
    this.#say("mark", { mark: { name: mark } });
  }

  /** Hang up. */
  stop() {
    this.#say("stop", { stop: { accountSid: NO_ACCOUNT, callSid: this.#placed.call_sid } });
    this.#socket.close(1000);
  }

  #open() {
    const { call_sid: callSid, stream_sid: streamSid, token } = this.#placed;
    this.#socket.send(JSON.stringify({ event: "connected", protocol: "Call", version: "1.0.0" }));
    this.#opened = true;
    this.#say("start", {
      start: {
        accountSid: NO_ACCOUNT,
        streamSid,
        callSid,
        tracks: ["inbound"],
        mediaFormat: { encoding: "audio/x-mulaw", sampleRate: 8000, channels: 1 },
        customParameters: { token },
      },
    });
    this.#fire("open");
  }

  #heard({ event, media, mark }) {
    if (event === "media") this.#fire("audio", Uint8Array.from(atob(media.payload), (char) => char.charCodeAt(0)));
    else if (event === "mark") this.#fire("mark", mark.name);
    else if (event === "clear") this.#fire("clear");
  }

  #say(event, content) {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#sequence += 1;
    const streamSid = this.#placed.stream_sid;
    this.#socket.send(JSON.stringify({ event, sequenceNumber: String(this.#sequence), ...content, streamSid }));
  }

  #fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
