// What the live pages are made of.

import { html, signal } from "../vendor/preact.js";
import { duration } from "../lib/format.js";
import { icon } from "../lib/icon.js";
import { speaking, stateOf } from "./words.js";

const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 1000);

/** How long a call lasts by now. */
export function Lasting({ since, until }) {
  return html`<span class="tabular">${duration(((until ?? now.value) - Date.parse(since)) / 1000)}</span>`;
}

export function StateBadge({ call }) {
  const { label, kind } = stateOf(call);
  return html`<span class=${`badge ${kind}`}>${label}</span>`;
}

/** Who is speaking: bars that move while somebody does. */
export function Speaking({ call }) {
  const [who] = call.speaking;
  return html`<span class=${`speaking ${who ?? "nobody"}`} title=${speaking(call)}>
    <i></i><i></i><i></i><span class="visually-hidden">${speaking(call)}</span>
  </span>`;
}

/** Says when what is shown is not what is. */
export function Staleness({ stream }) {
  if (stream.value !== "stale") return null;
  return html`<p class="banner warn" role="status">
    ${icon("warning")} The connection to the service is broken. What you see may be old; it is being tried again.
  </p>`;
}
