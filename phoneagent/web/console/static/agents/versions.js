// The versions of an agent that had calls.

import { counted } from "./problems.js";
import { api } from "../lib/api.js";
import { when } from "../lib/format.js";
import { complain } from "../lib/toast.js";
import { html, useEffect, useState } from "../vendor/preact.js";

/** The list; it is read again when `saved`, which is anything, changes. */
export function Versions({ name, saved }) {
  const [list, setList] = useState(null);
  useEffect(() => void api(`/api/agents/${name}/versions`).then(setList, complain), [name, saved]);
  if (list === null) return html`<p class="skeleton small">Loading…</p>`;
  if (list.versions.length === 0) return html`<p class="muted small">A version stands here once it has had a call.</p>`;
  return html`
    <ul class="versions">
      ${list.versions.map(
        ({ version, first_used: first, calls }) => html`<li key=${version}>
          <a class="mono" href=${`/agents/${name}/versions/${version}`}>${version}</a>
          ${version === list.current && html`<span class="badge good">now</span>`}
          <span class="muted small">${when(first)} · ${counted(calls, "call")}</span>
        </li>`,
      )}
    </ul>
  `;
}
