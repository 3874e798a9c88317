// What an operator can do to a call in progress. The API decides what they may.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";
import { api } from "../lib/api.js";
import { confirmed } from "../lib/dialog.js";
import { icon } from "../lib/icon.js";
import { onKey } from "../lib/keys.js";
import { visitor } from "../lib/page.js";
import { complain, toast } from "../lib/toast.js";
import { inWords, party } from "./words.js";

const failed = (error) => toast(inWords(error), "bad");

/** The controls of a call. `line` is a `Line` into it. */
export function StepIn({ call, line }) {
  const path = `/api/calls/${encodeURIComponent(call.id)}`;
  const whisper = useRef(null);
  const say = useRef(null);
  const transfer = useRef(null);
  const listening = line.state.value === "open";

  const toggleListening = () => (listening ? line.close() : line.open());
  const toggleTaken = () => (line.mine ? line.handBack() : line.takeOver());
  const toggleMuted = () => line.mine && (line.muted.value = !line.muted.value);
  async function hangUp() {
    const title = `Hang up on ${party(call.caller)}?`;
    if (!(await confirmed({ title, text: "The call ends at once, without a goodbye.", yes: "Hang up" }))) return;
    await api(path, { method: "DELETE" }).then(() => toast("The call is ended."), failed);
  }
  useKeys({
    l: ["Listen in, or stop", toggleListening],
    t: ["Take the call over, or hand it back", toggleTaken],
    m: ["Mute your microphone", toggleMuted],
    w: ["Whisper to the agent", () => whisper.current.focus()],
    s: ["Have the agent say something", () => say.current.focus()],
    x: ["Transfer the call", () => transfer.current.showModal()],
    h: ["Hang up", hangUp],
  });

  return html`<section class="card step-in stack" aria-label="Step in">
    <${Holder} call=${call} line=${line} />
    <div class="actions">
      <button type="button" aria-pressed=${listening} disabled=${line.state.value === "opening"} onClick=${toggleListening}>
        ${icon("listen")} Listen in
      </button>
      ${line.mine
        ? html`<button type="button" class="primary" onClick=${toggleTaken}>${icon("agents")} Hand back</button>
            <button type="button" aria-pressed=${line.muted.value} onClick=${toggleMuted}>${icon("mute")} Mute</button>`
        : html`<button type="button" disabled=${takenByOther(call, line) || line.asking.value} onClick=${toggleTaken}>${icon("microphone")} Take over</button>`}
      ${line.asking.value && html`<p class="small muted whole" role="status">Waiting for your microphone: allow it if the browser asks.</p>`}
    </div>
    ${listening && html`<${Ears} line=${line} />`}
    <hr />
    <${Words} path=${`${path}/whisper`} input=${whisper} name="whisper" label="Whisper" hint="a note that only the agent gets" />
    <${Words} path=${`${path}/say`} input=${say} name="say" label="Say" hint="the agent says exactly this" />
    <hr />
    <div class="row between">
      <button type="button" onClick=${() => transfer.current.showModal()}>${icon("transfer")} Transfer…</button>
      <button type="button" class="danger" onClick=${hangUp}>${icon("hang-up")} Hang up</button>
    </div>
    <${Transfer} call=${call} path=${`${path}/transfer`} dialog=${transfer} />
  </section>`;
}

const takenByOther = (call, line) => !line.mine && (call.taken_over_by ?? line.holder.value?.by ?? null) !== null;

/** Who speaks in the agent's place. */
function Holder({ call, line }) {
  const by = line.holder.value?.by ?? call.taken_over_by;
  if (line.mine)
    return html`<div class="banner on-air" role="status">
      ${icon(line.muted.value ? "mute" : "microphone")}
      <b class="grow">${line.muted.value ? "You are muted: the caller hears nothing" : "You are speaking with the caller"}</b>
      <${Meter} label="Your microphone" level=${line.level.value} />
    </div>`;
  if (by) {
    const where = by === visitor ? "in another window" : "";
    return html`<p class="banner warn" role="status">${icon("microphone")} ${by} has the call ${where}</p>`;
  }
  return null;
}

/** How a call is heard. */
function Ears({ line }) {
  return html`<div class="ears">
    <${Meter} label="Caller" kind="caller" level=${line.levels.value.caller} words />
    <${Meter} label="Agent" kind="agent" level=${line.levels.value.agent} words />
    <label class="volume"><span>Volume</span>
      <input type="range" min="0" max="1" step="0.05" value=${line.volume.value} onInput=${(event) => line.setVolume(Number(event.target.value))} />
    </label>
    <label class="check"><input type="checkbox" checked=${!line.together.value} onChange=${(event) => line.setTogether(!event.target.checked)} />
      <span>Caller left, agent right</span>
    </label>
  </div>`;
}

/** How loud something is, as a bar. */
function Meter({ label, kind = "", level, words = false }) {
  const bar = useRef(null);
  useEffect(() => bar.current.style.setProperty("--level", Math.min(1, Math.sqrt(level)).toFixed(3)), [level]);
  return html`<div class=${`meter ${kind}`} role="img" aria-label=${`${label}: ${level > 0.02 ? "speaking" : "quiet"}`}>
    ${words && html`<span class="small muted" aria-hidden="true">${label}</span>`}<span class="bar" ref=${bar}></span>
  </div>`;
}

/** Words for the agent. */
function Words({ path, input, name, label, hint }) {
  const [text, setText] = useState("");
  const [sending, setSending] = useState(false);
  async function send(event) {
    event.preventDefault();
    setSending(true);
    try {
      await api(path, { method: "POST", body: { text } });
      setText("");
    } catch (error) {
      failed(error);
    }
    setSending(false);
  }
  return html`<form class="words-form" onSubmit=${send}>
    <label for=${name}><b>${label}</b> ${hint}</label>
    <input id=${name} ref=${input} value=${text} maxlength="1000" required autocomplete="off" onInput=${(event) => setText(event.target.value)} onKeyDown=${leave} />
    <button type="submit" disabled=${sending || !text.trim()}>${icon(name)} ${label}</button>
  </form>`;
}

const leave = (event) => event.key === "Escape" && event.currentTarget.blur();

/** Where the caller may be transferred to, by the agent's file. */
function Transfer({ call, path, dialog }) {
  const [destinations, setDestinations] = useState([]);
  const [to, setTo] = useState("");
  const [briefing, setBriefing] = useState("");
  useEffect(() => {
    api(`/api/agents/${encodeURIComponent(call.agent)}`).then(({ settings }) => {
      const names = settings?.transfer ?? [];
      setDestinations(names);
      setTo(names[0] ?? "");
    }, complain);
  }, [call.agent]);
  function closed() {
    if (dialog.current.returnValue !== "yes") return;
    dialog.current.returnValue = "";
    const body = { to, ...(briefing.trim() ? { briefing } : {}) };
    api(path, { method: "POST", body }).then(() => toast("The transfer begins."), failed);
  }
  return html`<dialog ref=${dialog} aria-labelledby="transfer-title" onClose=${closed}>
    <form method="dialog">
      <h2 id="transfer-title">Transfer ${party(call.caller)}</h2>
      ${destinations.length
        ? html`<label class="field"><span>To</span>
              <select value=${to} onChange=${(event) => setTo(event.target.value)}>
                ${destinations.map((name) => html`<option key=${name}>${name}</option>`)}
              </select>
            </label>
            <label class="field"><span>What they should know first, if somebody is to be told</span>
              <textarea rows="3" maxlength="1000" value=${briefing} onInput=${(event) => setBriefing(event.target.value)}></textarea>
            </label>`
        : html`<p>The file of ${call.agent} names nobody to transfer callers to: see <code>transfer</code> there.</p>`}
      <div class="dialog-actions">
        <button value="no">Cancel</button>
        ${destinations.length > 0 && html`<button value="yes" class="primary">Transfer</button>`}
      </div>
    </form>
  </dialog>`;
}

/** Keys for as long as a component is there; what they do may change with every drawing. */
export function useKeys(keys) {
  const latest = useRef(keys);
  latest.current = keys;
  useLayoutEffect(() => {
    const taken = Object.entries(keys).map(([key, [about]]) => onKey(key, about, (event) => latest.current[key][1](event)));
    return () => taken.forEach((giveBack) => giveBack());
  }, []);
}
