// A version of an agent that had calls: its files, and what differs from them now.

import { api } from "../lib/api.js";
import { when } from "../lib/format.js";
import { may } from "../lib/page.js";
import { complain } from "../lib/toast.js";
import { html, render, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";

const plain = (text) => text.replaceAll("\r\n", "\n");

function Version({ name, kept, present }) {
  const [comparing, setComparing] = useState(false);
  const [own, ...inherited] = Object.entries(kept.files);
  return html`
    <div class="page-head">
      <div class="row">
        <h1><a href=${`/agents/${name}`}>${name}</a> <span class="mono">${kept.version}</span></h1>
        <span class="muted small">first call ${when(kept.first_used)}</span>
      </div>
      ${present !== null && html`<button type="button" aria-pressed=${comparing} onClick=${() => setComparing(!comparing)}>Compare with now</button>`}
      ${may("admin") && html`<a class="button primary" href=${`/agents/${name}?version=${kept.version}`}>Put into the editor</a>`}
    </div>
    ${comparing && html`<p class="small muted">Green is what this version had and the file has not now; red what is there now.</p>`}
    <${File} name=${own[0]} text=${plain(own[1])} original=${comparing ? plain(present) : null} />
    ${inherited.map(([file, text]) => html`<h2 key=${file}>It extended ${file}</h2><${File} name=${file} text=${plain(text)} original=${null} />`)}
  `;
}

function File({ name, text, original }) {
  const place = useRef(null);
  const editor = useRef(null);
  const [loaded, setLoaded] = useState(false);
  useLayoutEffect(() => {
    import("../agents/editor.js").then(({ createEditor }) => {
      editor.current = createEditor(place.current, { text, label: `File ${name}`, readOnly: true });
      setLoaded(true);
    }, complain);
  }, []);
  useEffect(() => editor.current?.compare(original), [original, loaded]);
  return html`<div class="editor" ref=${place}>${!loaded && html`<pre>${text}</pre>`}</div>`;
}

async function open() {
  const root = document.getElementById("version");
  const { name, version } = root.dataset;
  try {
    const [kept, present] = await Promise.all([
      api(`/api/agents/${name}/versions/${version}`),
      api(`/api/agents/${name}`).then(({ source }) => source, () => null),
    ]);
    root.replaceChildren();
    render(html`<${Version} name=${name} kept=${kept} present=${present} />`, root);
  } catch (error) {
    root.querySelector(".skeleton").replaceWith(error.message);
  }
}

open();
