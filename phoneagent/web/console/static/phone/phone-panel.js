// The telephone as one sees it: on its page, in the drawer that every page has, and beside the editor of an agent.

import { duration, latency, money, outcome } from "../lib/format.js";
import { icon } from "../lib/icon.js";
import { complain } from "../lib/toast.js";
import { watchCall } from "../live/call.js";
import { Transcript } from "../live/transcript.js";
import { html, render, useEffect, useId, useState } from "../vendor/preact.js";
import { Phone } from "./phone.js";

const KEYS = [..."123456789*0#"];

/**
 * Put a telephone into an element. It calls `agent`, or whom one chooses of `agents` (names), `agent` at first. With
 * `source`, a function, what that returns is the text of the agent's file in place of the saved one. Returns the
 * `phone`, and `unmount`, which ends the call.
 */
export function mountPhone(element, { agent = "", agents = [agent], source = null } = {}) {
  ["live", "phone"].forEach(addStyle);
  const phone = new Phone();
  render(html`<${PhonePanel} phone=${phone} agent=${agent} agents=${agents} source=${source} />`, element);
  const unmount = () => {
    if (phone.busy) phone.hangUp();
    render(null, element);
  };
  return { phone, unmount };
}

/** Have the page show one of our style sheets, if it does not yet. */
function addStyle(name) {
  const { href } = new URL(`../style/${name}.css`, import.meta.url);
  if ([...document.styleSheets].some((sheet) => sheet.href === href)) return;
  document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href }));
}

function PhonePanel({ phone, agent, agents, source }) {
  const [chosen, choose] = useState(agents.includes(agent) ? agent : (agents[0] ?? ""));
  const [watched, setWatched] = useState(null);
  const [keysShown, showKeys] = useState(false);
  const [dropping, setDropping] = useState(false);
  const call = phone.call.value;
  const talking = phone.state.value === "talking";

  useEffect(() => {
    if (call === null) return undefined;
    const watch = watchCall(call.call_id);
    setWatched(watch);
    return watch.close;
  }, [call]);

  const typed = (event) => {
    if (!talking || event.ctrlKey || event.metaKey || event.altKey || !KEYS.includes(event.key)) return;
    if (event.target.closest("input, select, textarea")) return;
    event.preventDefault();
    event.stopPropagation(); // digits lead to other pages elsewhere
    phone.press(event.key);
  };
  const dropped = (event) => {
    event.preventDefault();
    setDropping(false);
    const [file] = event.dataTransfer.files;
    if (file && talking) phone.playFile(file);
    else if (file) complain(new Error("Call an agent first: during the call the file speaks for you."));
  };
  const dragged = (event) => {
    event.preventDefault();
    setDropping(talking);
  };

  return html`
    <div class=${`phone ${dropping ? "dropping" : ""}`} onKeyDown=${typed} onDragOver=${dragged} onDragLeave=${() => setDropping(false)} onDrop=${dropped}>
      <div class="phone-body">
      <div class="phone-set stack">
        ${agents.length > 1 && html`<${Choice} label="Agent" value=${chosen} options=${agents.map((name) => [name, name])} disabled=${phone.busy} choose=${choose} />`}
        <${Standing} phone=${phone} agent=${chosen} watched=${watched} />
        <${Buttons} phone=${phone} callable=${chosen !== ""} keysShown=${keysShown} showKeys=${showKeys} call=${() => phone.dial({ agent: chosen, source: source?.() })} />
        <${Problem} phone=${phone} />
        ${talking && keysShown && html`<${KeyPad} phone=${phone} />`}
        <${Levels} phone=${phone} />
        ${talking && html`<${Written} phone=${phone} />`}
        ${talking && html`<${SpokenFile} phone=${phone} />`}
        <${Devices} phone=${phone} />
      </div>
      <section class="phone-said stack" aria-label="The call">
        ${watched === null
          ? html`<p class="muted phone-hint">What is said appears here, as it is heard, with the figures of the call. A headset is best: the agent can't interrupt itself then.</p>`
          : html`<${Figures} phone=${phone} watched=${watched} /><${Transcript} items=${watched.items.value} />`}
      </section>
      </div>
    </div>
  `;
}

function Standing({ phone, agent, watched }) {
  const talking = phone.state.value === "talking";
  const [seconds, setSeconds] = useState(0);
  useEffect(() => {
    if (!talking) return undefined;
    const began = performance.now();
    const tick = () => setSeconds((performance.now() - began) / 1000);
    tick();
    const timer = setInterval(tick, 500);
    return () => clearInterval(timer);
  }, [talking]);
  const over = watched?.over.value;
  const why = over?.outcome === "hung_up" ? ` (${over.reason})` : ""; // neither side wanted it: an operator, the end of the service
  const words = {
    idle: agent ? `Ready to call ${agent}` : html`There is no agent to call yet: see <a href="/agents">Agents</a>`,
    asking: "Waiting for your microphone: allow it if the browser asks",
    calling: `Calling ${agent}…`,
    talking: `Talking with ${agent}`,
    over: over?.outcome ? `The call is over: ${outcome(over.outcome).label}${why}` : watched === null ? "There was no call" : "The call is over",
  }[phone.state.value];
  return html`<p class="phone-standing">
    <span role="status" class="anywhere">${words}</span>
    ${(talking || phone.state.value === "over") && watched !== null && html`<span class="tabular muted">${duration(seconds)}</span>`}
    ${phone.state.value === "over" && watched !== null && html`<a href=${`/calls/${encodeURIComponent(watched.id)}`}>Its record</a>`}
  </p>`;
}

function Buttons({ phone, callable, call, keysShown, showKeys }) {
  const talking = phone.state.value === "talking";
  const muted = phone.muted.value;
  return html`<div class="phone-buttons">
    ${talking && html`<button type="button" aria-pressed=${muted} onClick=${() => phone.mute(!muted)}>${icon(muted ? "mute" : "microphone")} Mute</button>`}
    ${phone.busy
      ? html`<button type="button" class="round danger primary" onClick=${() => phone.hangUp()}>${icon("hang-up")}<span class="visually-hidden">Hang up</span></button>`
      : html`<button type="button" class="round primary" disabled=${!callable} onClick=${call}>${icon("call")}<span class="visually-hidden">Call</span></button>`}
    ${talking && html`<button type="button" aria-pressed=${keysShown} onClick=${() => showKeys(!keysShown)}>${icon("keypad")} Keys</button>`}
  </div>`;
}

function Problem({ phone }) {
  const problem = phone.problem.value;
  return html`<div role="alert">
    ${problem !== null && html`<div class="banner warn phone-problem">
      ${icon("warning")} <p class="grow anywhere">${problem.words}</p>
      ${problem.remedy && html`<button type="button" onClick=${() => problem.remedy.run()?.catch(complain)}>${problem.remedy.label}</button>`}
    </div>`}
  </div>`;
}

function KeyPad({ phone }) {
  return html`<div class="phone-keys" role="group" aria-label="Key pad">
    ${KEYS.map((key) => html`<button type="button" key=${key} onClick=${() => phone.press(key)}>${key}</button>`)}
  </div>`;
}

function Levels({ phone }) {
  if (!phone.busy) return null;
  return html`<div class="phone-levels">
    <${Level} label="You" level=${phone.muted.value && phone.file.value === null ? 0 : phone.callerLevel.value} kind="caller" />
    <${Level} label="Agent" level=${phone.agentLevel.value} kind="agent" />
  </div>`;
}

/** Speech is far from full scale most of the time: the root makes it visible. */
function Level({ label, level, kind }) {
  const id = useId();
  return html`<label for=${id} class=${kind}>${label}</label><meter id=${id} class=${kind} min="0" max="1" value=${Math.sqrt(Math.min(1, level))}></meter>`;
}

function Written({ phone }) {
  const send = (event) => {
    event.preventDefault();
    const field = event.currentTarget.elements.text;
    const text = field.value.trim();
    if (text === "") return;
    field.value = "";
    phone.write(text).catch((error) => {
      complain(error);
      if (field.value === "") field.value = text;
    });
  };
  return html`<form class="phone-write" onSubmit=${send}>
    <input name="text" class="grow" maxlength="2000" autocomplete="off" aria-label="Say it in writing" placeholder="Say it in writing" />
    <button type="submit">Send</button>
  </form>`;
}

function SpokenFile({ phone }) {
  const id = useId();
  const file = phone.file.value;
  const chosen = ({ currentTarget }) => {
    if (currentTarget.files.length > 0) phone.playFile(currentTarget.files[0]);
    currentTarget.value = "";
  };
  if (file !== null) {
    return html`<div class="phone-file">
      <span class="grow truncate">${icon("play")} ${file} speaks for you</span>
      <button type="button" onClick=${() => phone.stopFile()}>Stop</button>
    </div>`;
  }
  return html`<div class="phone-file">
    <span class="grow">Drop an audio file here, and it speaks for you</span>
    <input id=${id} type="file" accept="audio/*,.wav" onChange=${chosen} />
    <label for=${id} class="button">Choose one</label>
  </div>`;
}

function Devices({ phone }) {
  useEffect(() => {
    const look = () => phone.findDevices();
    look();
    navigator.mediaDevices?.addEventListener("devicechange", look);
    return () => navigator.mediaDevices?.removeEventListener("devicechange", look);
  }, []);
  const options = (found) => found.map(({ deviceId, label }) => [deviceId, label]);
  const use = (change) => (id) => change.call(phone, id).catch(complain);
  if (phone.microphones.value.length + phone.speakers.value.length === 0) return null;
  return html`<details class="phone-devices">
    <summary>Microphone and loudspeaker</summary>
    <div class="stack">
      <${Choice} label="Microphone" value=${phone.microphone.value} options=${options(phone.microphones.value)} choose=${use(phone.useMicrophone)} />
      ${phone.speakers.value.length > 0 && html`<${Choice} label="Loudspeaker" value=${phone.speaker.value} options=${options(phone.speakers.value)} choose=${use(phone.useSpeaker)} />`}
      <p class="small muted">Echo cancellation, noise suppression and automatic gain are on.</p>
    </div>
  </details>`;
}

function Choice({ label, value, options, choose, disabled = false }) {
  const id = useId();
  return html`<div class="field">
    <label for=${id}>${label}</label>
    <select id=${id} value=${value} disabled=${disabled} onChange=${({ currentTarget }) => choose(currentTarget.value)}>
      ${options.map(([key, words]) => html`<option key=${key} value=${key}>${words}</option>`)}
    </select>
  </div>`;
}

/** The same numbers as of a real call. */
function Figures({ phone, watched }) {
  const call = watched.call.value;
  const items = watched.items.value;
  const last = items.findLast(({ type, thing }) => type === "turn" && thing.latency_ms !== null)?.thing.latency_ms ?? null;
  const interruptions = items.filter(({ type, thing }) => type === "event" && thing.kind === "barge_in").length;
  const stopped = phone.stopped.value;
  return html`<dl class="phone-figures">
    <div><dt>Latency</dt><dd>${latency(last) || "–"}</dd></div>
    <div><dt>Median</dt><dd>${latency(call?.latency_ms ?? null) || "–"}</dd></div>
    <div><dt>Interruptions</dt><dd>${interruptions}${stopped !== null && html`<span class="small muted">silent in ${latency(stopped * 1000)}</span>`}</dd></div>
    <div><dt>Cost</dt><dd>${call === null ? "–" : money(call.usd)}</dd></div>
  </dl>`;
}
