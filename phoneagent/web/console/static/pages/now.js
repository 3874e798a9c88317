// What happens right now: all calls in progress, and how the service is.

import { effect, html, render, signal, useEffect, useState } from "../vendor/preact.js";
import { api } from "../lib/api.js";
import { count, latency, money, when } from "../lib/format.js";
import { icon } from "../lib/icon.js";
import { may } from "../lib/page.js";
import { openRow } from "../lib/row.js";
import { complain } from "../lib/toast.js";
import { watchCalls } from "../live/calls.js";
import { Line } from "../live/line.js";
import { Lasting, Speaking, Staleness, StateBadge } from "../live/parts.js";
import { useKeys } from "../live/step-in.js";
import { party } from "../live/words.js";

const ENGINES = { openai: "OpenAI", azure: "Azure", local: "Embedded" };
const TOLD_EVERY_MS = 3_000; // of new calls, to who hears the page

const arrivals = [];
const announced = signal("");
const listening = signal(null); // { call, line }
const held = () => document.querySelector(".calls-now:is(:hover, :has(:focus-visible))") !== null;
const now = watchCalls((call) => arrivals.push(call), held);

setInterval(() => {
  const fresh = arrivals.splice(0);
  if (fresh.length === 1) announced.value = `New call: ${party(fresh[0].caller)} with ${fresh[0].agent}`;
  else if (fresh.length) announced.value = `${fresh.length} new calls`;
}, TOLD_EVERY_MS);

const href = ({ id }) => `/calls/${encodeURIComponent(id)}`;

function Now() {
  const { service, calls, stream } = now;
  useKeys({
    j: ["Next call", () => step(1)],
    k: ["Call before", () => step(-1)],
    ...(may("call") ? { l: ["Listen to the call, or stop", listenToFocused] } : {}),
  });
  if (service.value === null) {
    return html`<${Staleness} stream=${stream} /><p class="skeleton" role="status" aria-busy="true">Loading…</p>`;
  }
  return html`
    <${Staleness} stream=${stream} />
    <${Troubles} service=${service.value} />
    <${Service} service=${service.value} calls=${calls.value} />
    ${calls.value.length ? html`<${Calls} calls=${calls.value} />` : html`<${Quiet} service=${service.value} />`}
    <${Dock} />
    <div class="visually-hidden" role="status" aria-live="polite">${announced.value}</div>
  `;
}

// How the service is

function Troubles({ service }) {
  return html`
    ${service.draining && html`<p class="banner warn">${icon("warning")} The service is about to stop: calls go on to their end, new ones are refused.</p>`}
    ${service.reasons.filter((reason) => reason !== "draining").map((reason) => html`<p key=${reason} class="banner bad">${icon("warning")} No call can be answered: ${reason}.</p>`)}
    ${service.remarks.map((remark) => html`<p key=${remark} class="banner warn">${icon("warning")} ${remark}</p>`)}
  `;
}

function Service({ service, calls }) {
  const { live, max_calls: most } = service;
  const agents = [...Map.groupBy(calls.filter(({ state }) => state !== "over"), ({ agent }) => agent)];
  agents.sort(([name, its], [other, theirs]) => theirs.length - its.length || name.localeCompare(other));
  return html`<dl class="tiles">
    <div class="tile"><dt>Calls</dt><dd>${count(live)} <span class="of">of ${count(most)}</span></dd>
      <dd><meter min="0" max=${most} high=${most * 0.8} value=${live} aria-label="Lines in use"></meter></dd>
    </div>
    <div class="tile"><dt>Engine</dt><dd class="anywhere">${ENGINES[service.engine] ?? service.engine}</dd>
      <dd class="note anywhere">${service.engine_problem !== null
        ? html`<span class="bad">The last session failed: ${service.engine_problem}</span>`
        : service.ready ? html`<span class="good">Ready for calls</span>` : html`<span class="bad">Not ready</span>`}</dd>
    </div>
    <div class="tile"><dt>Telephone</dt><dd>${service.telephone ? "Twilio" : "None"}</dd>
      <dd class="note">${service.telephone ? service.last_call === null ? "No call since the start" : `Last call ${when(service.last_call)}` : "Calls come from browsers only"}</dd>
    </div>
    <div class="tile"><dt>By agent</dt>
      ${agents.length
        ? agents.slice(0, 3).map(([name, its]) => html`<dd key=${name} class="note row between"><span class="truncate">${name}</span> <b class="tabular">${count(its.length)}</b></dd>`)
        : html`<dd class="note muted">Nobody is on the phone</dd>`}
      ${agents.length > 3 && html`<dd class="note muted">and ${agents.length - 3} more</dd>`}
    </div>
  </dl>`;
}

// The calls

function Calls({ calls }) {
  const left = ({ currentTarget, relatedTarget }) => currentTarget.contains(relatedTarget) || now.sweep();
  const words = may("call");
  return html`<section class="card calls-now" aria-label="Calls in progress" onMouseLeave=${left} onFocusOut=${left}>
    <table class="table cards-when-narrow">
      <thead><tr>
        <th scope="col">Caller</th><th scope="col">Agent</th><th scope="col">State</th>
        <th scope="col" class="num">Duration</th><th scope="col" class="num">Latency</th><th scope="col" class="num">Cost</th>
        ${words && html`<th scope="col"><span class="visually-hidden">Listen in</span></th>`}
      </tr></thead>
      <tbody>${calls.map((call) => html`<${Row} key=${call.id} call=${call} words=${words} />`)}</tbody>
    </table>
  </section>`;
}

function Row({ call, words }) {
  const over = call.state === "over";
  const open = (event) => openRow(event, event.currentTarget.querySelector("a"));
  const heard = listening.value?.call.id === call.id;
  return html`<tr class=${`link ${over ? "over" : ""}`} onClick=${open}>
    <td class="whole"><a class="who" href=${href(call)} data-call=${call.id}>${party(call.caller)}</a>
      <span class="small muted nowrap">${call.direction === "outbound" ? "called from" : "to"} ${party(call.called)}</span></td>
    <td data-label="Agent" class="anywhere agent-cell" title=${call.agent}>${call.agent}</td>
    <td data-label="State" class="state-cell"><span class="row state"><${Speaking} call=${call} /> <${StateBadge} call=${call} />
      ${call.listeners > 0 && html`<span class="badge operator" title=${`${call.listeners} listening in`}>${icon("listen")} ${call.listeners}<span class="visually-hidden"> listening in</span></span>`}</span></td>
    <td data-label="Duration" class="num"><${Lasting} since=${call.began} until=${call.over_since} /></td>
    <td data-label="Latency" class="num">${latency(call.latency_ms) || "–"}</td>
    <td data-label="Cost" class="num">${money(call.usd)}</td>
    ${words && html`<td class="act"><button type="button" class="quiet" aria-pressed=${heard} aria-label=${`Listen to ${party(call.caller)}`} disabled=${over} onClick=${() => toggle(call)}>${icon("listen")}</button></td>`}
  </tr>`;
}

function step(by) {
  const links = [...document.querySelectorAll("a[data-call]")];
  const at = links.findIndex((link) => link.closest("tr").contains(document.activeElement));
  const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by));
  links[next]?.focus();
}

// Nobody calls

function Quiet({ service }) {
  const [agents, setAgents] = useState(null);
  useEffect(() => void api("/api/agents").then((list) => setAgents(list.agents), () => {}), []);
  if (agents?.length === 0) {
    return html`<section class="empty">
      <h2>Nobody answers yet</h2>
      <p>An agent answers calls, and an agent is a file: which number it has, how it sounds, what it is to say and do.</p>
      ${may("admin") && html`<a class="button primary" href="/agents">${icon("plus")} Write an agent</a>`}
    </section>`;
  }
  const numbers = (agents ?? []).flatMap((agent) => agent.numbers).filter((number) => number !== "*");
  return html`<section class="empty">
    <h2>Nobody is calling right now</h2>
    <p>Calls appear here as they come, with what is said while it is spoken.</p>
    ${service.telephone && numbers.length > 0 && html`<p>Call <b class="tabular">${numbers.slice(0, 3).join(" or ")}</b>${may("call") ? ", or talk to an agent from here." : "."}</p>`}
    ${may("call") && html`<a class="button primary" href="/phone">${icon("call")} Talk to an agent</a>`}
    <p><a href="/calls">Calls that are over</a></p>
  </section>`;
}

// Listening to one of them

function listenToFocused() {
  const link = document.activeElement.closest("tr")?.querySelector("a[data-call]");
  const call = now.calls.value.find(({ id }) => id === link?.dataset.call);
  if (call) toggle(call);
  else stop();
}

function stop() {
  listening.value?.line.close();
  listening.value = null;
}

function toggle(call) {
  const again = listening.value?.call.id === call.id;
  stop();
  if (again) return;
  const line = new Line(call.id, (text) => complain({ message: text }));
  line.open();
  listening.value = { call, line };
}

effect(() => {
  if (listening.value?.line.state.value === "closed") listening.value = null; // the call is over, or was lost
});

/** What one listens to, at the foot of the page. */
function Dock() {
  const heard = listening.value;
  if (heard === null) return null;
  const { call, line } = heard;
  return html`<aside class="dock" aria-label="Listening in">
    ${icon("listen")}
    <span class="grow truncate">${line.state.value === "opening" ? "Connecting to" : "Listening to"} <b>${party(call.caller)}</b> with ${call.agent}</span>
    <a class="button" href=${href(call)}>Open</a>
    <button type="button" onClick=${stop}>${icon("close")} Stop</button>
  </aside>`;
}

const root = document.getElementById("now");
root.replaceChildren();
render(html`<${Now} />`, root);
