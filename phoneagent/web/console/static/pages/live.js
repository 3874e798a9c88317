// One call while it goes on: in an element `#live` that says by `data-call` which.

import { html, render, useEffect, useRef, useState } from "../vendor/preact.js";
import { latency, money, outcome } from "../lib/format.js";
import { icon } from "../lib/icon.js";
import { may } from "../lib/page.js";
import { complain } from "../lib/toast.js";
import { drawWaveform } from "../lib/waveform.js";
import { watchCall } from "../live/call.js";
import { Line } from "../live/line.js";
import { Lasting, Speaking, Staleness, StateBadge } from "../live/parts.js";
import { StepIn } from "../live/step-in.js";
import { Transcript } from "../live/transcript.js";
import { party } from "../live/words.js";

const SHOWN_S = 60;
const still = matchMedia("(prefers-reduced-motion: reduce)"); // then the waveform moves on once a second
const GONE = { outcome: null, reason: null }; // the service that was asked knows nothing of it any more

/** Everything about a call in progress, and with the scope `call` the controls to step in. */
function LiveCall({ id }) {
  const [watched] = useState(() => watchCall(id));
  const [line] = useState(() => new Line(id, (text) => complain({ message: text })));
  useEffect(() => () => (watched.close(), line.close()), []);
  const caller = watched.call.value?.caller;
  useEffect(() => {
    if (caller !== undefined) document.title = `${party(caller)} · phoneagent`;
  }, [caller]);
  useEffect(() => {
    const warn = (event) => line.mine && event.preventDefault(); // leaving hands the call back
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, []);

  const call = watched.call.value;
  const over = watched.over.value ?? (watched.stream.value === "gone" ? GONE : null);
  return html`
    <${Staleness} stream=${watched.stream} />
    ${over && html`<${Over} id=${id} over=${over} />`}
    ${call === null
      ? !over && html`<p class="skeleton" role="status" aria-busy="true">Loading…</p>`
      : html`<${Head} call=${call} over=${over} />
          <${Waveform} watched=${watched} />
          <div class=${may("call") && !over ? "columns live-columns" : "stack"}>
            <section class="card" aria-label="What is said"><${Transcript} items=${watched.items.value} /></section>
            ${may("call") && !over && html`<${StepIn} call=${call} line=${line} />`}
          </div>`}
  `;
}

function Head({ call, over }) {
  const shown = over ? { ...call, state: "over", speaking: [] } : call;
  const [until, setUntil] = useState();
  useEffect(() => over && setUntil(Date.now()), [over]);
  return html`
    <div class="page-head">
      <h1 class="anywhere">${party(call.caller)} <span class="muted arrow">·</span> ${call.agent}</h1>
      <span class="row"><${Speaking} call=${shown} /> <${StateBadge} call=${shown} /></span>
    </div>
    <dl class="facts">
      <div><dt>${call.direction === "outbound" ? "Called from" : "Called"}</dt><dd class="tabular">${party(call.called)}</dd></div>
      <div><dt>Duration</dt><dd><${Lasting} since=${call.began} until=${until} /></dd></div>
      <div><dt>${over ? "Cost" : "Cost so far"}</dt><dd class="tabular">${money(call.usd)}</dd></div>
      <div><dt>Median latency</dt><dd class="tabular">${latency(call.latency_ms) || "–"}</dd></div>
      <div><dt>Turns</dt><dd class="tabular">${call.turns}</dd></div>
      ${!over && html`<div><dt>Listening in</dt><dd class="tabular">${call.listeners}</dd></div>`}
    </dl>
  `;
}

function Over({ id, over }) {
  const how = over.outcome && html`: <b>${outcome(over.outcome).label}</b>${over.reason ? ` (${over.reason})` : ""}`;
  return html`<div class="banner" role="status">
    <span class="grow">The call is over${how || ", or goes on at another instance of the service"}</span>
    <a class="button" href=${`/calls/${encodeURIComponent(id)}`}>${icon("calls")} See its record</a>
  </div>`;
}

/** The last minute of both sides. */
function Waveform({ watched }) {
  const canvas = useRef(null);
  useEffect(() => {
    const { levels, over, items } = watched;
    let frame;
    let timer;
    const marks = () =>
      items.value.filter(({ type }) => type !== "turn").map(({ type, at_s, thing }) => ({
        at_s,
        until_s: type === "tool" ? (thing.duration_ms === null ? levels.now_s : at_s + thing.duration_ms / 1000) : undefined,
        kind: type === "tool" ? "tool" : thing.kind,
      }));
    const draw = () => {
      const to_s = levels.now_s;
      const { caller, agent, step_s, begins_s } = levels;
      drawWaveform(canvas.current, { caller, agent, step_s, begins_s, from_s: to_s - SHOWN_S, to_s, marks: marks() });
      if (over.value !== null) return;
      if (still.matches) timer = setTimeout(draw, 1000);
      else frame = requestAnimationFrame(draw);
    };
    draw();
    return () => (cancelAnimationFrame(frame), clearTimeout(timer));
  }, []);
  return html`<canvas class="live-wave" ref=${canvas} role="img" aria-label="How loud both sides were in the last minute: the caller above, the agent below"></canvas>`;
}

const element = document.getElementById("live");
element.replaceChildren();
render(html`<${LiveCall} id=${element.dataset.call} />`, element);
