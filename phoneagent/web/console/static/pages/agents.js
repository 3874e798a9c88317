// The agents: who answers what.

import { counted, Problems, summed } from "../agents/problems.js";
import { api } from "../lib/api.js";
import { icon } from "../lib/icon.js";
import { onKey } from "../lib/keys.js";
import { may } from "../lib/page.js";
import { html, render, useEffect, useRef, useState } from "../vendor/preact.js";

const STATES = {
  current: ["Answers", "good"],
  last_good: ["Last good version answers", "warn"],
  broken: ["Broken", "bad"],
};

function Agents() {
  const [list, setList] = useState(null);
  const [problem, setProblem] = useState(null);
  const dialog = useRef(null);
  useEffect(() => {
    const load = () =>
      api("/api/agents").then((found) => {
        setList(found);
        setProblem(null);
      }, (error) => setProblem(error.message));
    const seen = () => document.visibilityState === "visible" && load();
    load();
    document.addEventListener("visibilitychange", seen); // files are edited elsewhere, too
    return () => document.removeEventListener("visibilitychange", seen);
  }, []);
  const mayCreate = may("admin") && list?.writable;
  const create = () => dialog.current?.showModal();
  useEffect(() => (mayCreate ? onKey("n", "New agent", create) : undefined), [mayCreate]);

  return html`
    <div class="page-head">
      <h1>Agents</h1>
      ${mayCreate && html`<button type="button" class="primary" onClick=${create}>${icon("plus")}New agent</button>`}
    </div>
    ${problem !== null && html`<p class="banner bad" role="alert">${problem}</p>`}
    ${list === null && problem === null && html`<p class="skeleton" role="status">Loading…</p>`}
    ${list?.problems.length > 0 && html`<div class="banner warn">${icon("warning")}<${Problems} problems=${list.problems} /></div>`}
    ${list?.agents.length === 0 &&
    html`<div class="empty"><h2>No agents yet</h2><p>An agent is a file: who answers which number, with which voice, and what it is to say and do.</p></div>`}
    ${list?.agents.length > 0 && html`<div class="card"><${Table} agents=${list.agents} engine=${list.engine} /></div>`}
    ${mayCreate && html`<${NewAgent} dialog=${dialog} taken=${list.agents.map(({ name }) => name)} />`}
  `;
}

function Table({ agents, engine }) {
  return html`
    <table class="table cards-when-narrow">
      <thead>
        <tr>
          <th scope="col">Agent</th><th scope="col">Answers</th><th scope="col">Voice</th>
          <th scope="col">Model</th><th scope="col">Language</th><th scope="col">Tools</th><th scope="col">State</th>
        </tr>
      </thead>
      <tbody>
        ${agents.map((agent) => html`<${Row} key=${agent.name} agent=${agent} engine=${engine} />`)}
      </tbody>
    </table>
  `;
}

function Row({ agent, engine }) {
  const { name, numbers, settings, state, version, problems } = agent;
  const [label, kind] = STATES[state];
  const numbered = numbers.map((number) => (number === "*" ? "every other number" : number));
  return html`
    <tr>
      <td class="whole"><a href=${`/agents/${name}`}><strong>${name}</strong></a></td>
      <td data-label="Answers" class="tabular">${numbered.join(", ") || html`<span class="muted">${settings ? "by name only" : "nothing"}</span>`}</td>
      <td data-label="Voice">${settings?.voice ?? "–"}</td>
      <td data-label="Model" class="anywhere">${settings === null ? "–" : engine === "local" ? "embedded engine" : settings.model}</td>
      <td data-label="Language">${settings?.language ?? "–"}</td>
      <td data-label="Tools" class="nowrap" title=${settings?.tools.join(", ")}>${settings === null ? "–" : counted(settings.tools.length, "tool")}</td>
      <td class="whole">
        <span class=${`badge ${kind}`}>${label}</span>${" "}
        <span class="mono small muted">${version}</span>
        ${problems.length > 0 && html`<details open=${state !== "current"}><summary class="small">${summed(problems)}</summary><${Problems} problems=${problems} /></details>`}
      </td>
    </tr>
  `;
}

function NewAgent({ dialog, taken }) {
  const [name, setName] = useState("");
  const wrong = taken.includes(name) ? "There is such an agent already." : "";
  const create = (event) => {
    event.preventDefault();
    if (!wrong) location.assign(`/agents/${name}`);
  };
  return html`
    <dialog ref=${dialog} aria-labelledby="new-agent">
      <form onSubmit=${create}>
        <h2 id="new-agent">New agent</h2>
        <label class="field">
          <span>Name</span>
          <input name="name" required pattern="[A-Za-z0-9][A-Za-z0-9_\\-]*" maxlength="64" autocomplete="off" value=${name}
            aria-invalid=${wrong ? "true" : "false"} aria-describedby="new-agent-name" onInput=${(event) => setName(event.target.value)} />
        </label>
        <p id="new-agent-name" class=${`small ${wrong ? "bad" : "muted"}`} role="status">${wrong || "Letters, digits, - and _. It is the name of the file, too."}</p>
        <div class="dialog-actions">
          <button type="button" onClick=${() => dialog.current.close()}>Cancel</button>
          <button type="submit" class="primary">Write it</button>
        </div>
      </form>
    </dialog>
  `;
}

const root = document.getElementById("agents");
root.replaceChildren();
render(html`<${Agents} />`, root);
