// One agent: its file in an editor, what is wrong with it, settings to try, a telephone to try them, earlier versions.

import { Playground } from "../agents/playground.js";
import { Problems, summed } from "../agents/problems.js";
import { Versions } from "../agents/versions.js";
import { ApiError, api } from "../lib/api.js";
import { confirmed } from "../lib/dialog.js";
import { icon } from "../lib/icon.js";
import { onKey } from "../lib/keys.js";
import { may } from "../lib/page.js";
import { complain, toast } from "../lib/toast.js";
import { html, render, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact.js";

const CHECK_AFTER_MS = 250; // of not typing
const NEW = "---\nnumbers: []\nlanguage: en\ngreeting: Hello! How can I help you?\ntools: [end_call]\n---\n# Role\nYou answer the telephone of …\n";

const plain = (text) => text.replaceAll("\r\n", "\n");

/** The agent as the API has it; null if there is none. */
const fileOf = (name) => api(`/api/agents/${name}`).catch((error) => (error.error === "unknown_agent" ? null : Promise.reject(error)));

/** `file` is the agent as the API has it, null for a new one; `text` what the editor begins with. */
function AgentPage({ name, file, text: begun, schema, writable }) {
  const [saved, setSaved] = useState(file);
  const [text, setText] = useState(begun);
  const [problems, setProblems] = useState(file?.problems ?? []);
  const [settings, setSettings] = useState(file?.settings ?? null);
  const [comparing, setComparing] = useState(false);
  const [changed, setChanged] = useState(false); // on the disk, by somebody else
  const [trying, setTrying] = useState(false);
  const [saving, setSaving] = useState(false);
  const editor = useRef(null);
  const readOnly = !may("admin") || !writable;
  const original = saved === null ? "" : plain(saved.source);
  const unsaved = saved === null || text !== original;
  const now = useRef({});
  const edits = useRef({ last: Promise.resolve(), waiting: 0 });
  now.current = { text, unsaved, readOnly, saving };

  useEffect(() => {
    if (readOnly) return undefined;
    const abort = new AbortController();
    const timer = setTimeout(async () => {
      try {
        const checked = await api("/api/agent-check", { method: "POST", body: { name, source: text }, signal: abort.signal });
        if (text !== now.current.text) return; // it is another by now, though its own check has not begun
        setProblems(checked.problems);
        if (edits.current.waiting === 0) setSettings(checked.settings);
      } catch (error) {
        if (error.name !== "AbortError") complain(error);
      }
    }, CHECK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [text, saved?.etag]);

  useEffect(() => {
    const warn = (event) => now.current.unsaved && now.current.text !== NEW && !now.current.readOnly && event.preventDefault();
    const keys = (event) => {
      if (event.key !== "s" || !(event.ctrlKey || event.metaKey) || event.defaultPrevented) return;
      event.preventDefault();
      save();
    };
    addEventListener("beforeunload", warn);
    addEventListener("keydown", keys);
    return () => {
      removeEventListener("beforeunload", warn);
      removeEventListener("keydown", keys);
    };
  }, []);

  async function save() {
    const { text: mine, unsaved: differs, readOnly: closed, saving: busy } = now.current;
    if (closed || busy || !differs) return;
    setSaving(true);
    try {
      await put(mine);
      setChanged(false);
      setComparing(false);
      toast("Saved. It answers the next call.");
    } catch (error) {
      await refused(error).catch(complain);
    } finally {
      setSaving(false);
    }
  }

  async function put(mine) {
    const present = latest.current;
    const headers = present === null ? { "If-None-Match": "*" } : { "If-Match": present.etag };
    const source = present?.source.includes("\r\n") ? mine.replaceAll("\n", "\r\n") : mine;
    await api(`/api/agents/${name}`, { method: "PUT", body: { source }, headers });
    setSaved(await api(`/api/agents/${name}`));
  }

  async function refused(error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.error === "changed") {
      const theirs = await fileOf(name);
      setSaved(theirs);
      setChanged(true);
      setComparing(theirs !== null);
    } else if (error.error === "broken") {
      setProblems(error.details.problems);
      toast(`Not saved: ${summed(error.details.problems)}.`, "bad");
    } else {
      complain(error);
    }
  }

  const latest = useRef(saved);
  latest.current = saved;

  async function remove() {
    const yes = await confirmed({
      title: `Delete ${name}?`,
      text: "The file is deleted, and the agent answers no more. What is kept of its calls stays.",
      yes: "Delete the agent",
    });
    if (!yes) return;
    try {
      await api(`/api/agents/${name}`, { method: "DELETE", headers: { "If-Match": saved.etag } });
      now.current.unsaved = false;
      location.assign("/agents");
    } catch (error) {
      await refused(error).catch(complain);
    }
  }

  /** Change settings in the text: one change after the other, each in what the one before has left. */
  function set(changes) {
    if (changes.tools) setSettings({ ...settings, tools: changes.tools }); // the next box is ticked at once, perhaps
    edits.current.waiting++;
    edits.current.last = edits.current.last.then(async () => {
      try {
        let [before, source] = [null, null];
        while (before !== now.current.text) { // somebody may write on meanwhile
          before = now.current.text;
          ({ source } = await api("/api/agent-edit", { method: "POST", body: { source: before, set: changes } }));
        }
        edits.current.waiting--;
        now.current.text = source;
        editor.current?.setText(source);
      } catch (error) {
        edits.current.waiting--;
        setSettings(settings);
        complain(error);
      }
    });
  }

  /** What "Try it" talks to, if that is not what answers calls. */
  const tried = () => (!now.current.readOnly && (now.current.unsaved || latest.current.state !== "current") ? now.current.text : undefined);

  const takeTheirs = () => {
    editor.current.setText(original);
    setChanged(false);
    setComparing(false);
  };

  return html`
    <div class="page-head">
      <div class="row">
        <h1>${name}</h1>
        <${State} file=${saved} unsaved=${unsaved} readOnly=${readOnly} />
      </div>
      <div class="row">
        ${!readOnly && saved !== null && html`<button type="button" class="quiet" aria-label="Delete" onClick=${remove}>${icon("trash")}<span class="wide-only">Delete</span></button>`}
        ${(!readOnly || unsaved) && html`<button type="button" aria-pressed=${comparing} disabled=${!unsaved || saved === null} onClick=${() => setComparing(!comparing)}>Compare</button>`}
        ${may("call") && html`<button type="button" aria-pressed=${trying} onClick=${() => setTrying(!trying)}>${icon("call")}Try it</button>`}
        ${!readOnly &&
        html`<button type="button" class="primary" aria-keyshortcuts="Control+S" disabled=${!unsaved || saving} onClick=${save}>${saved === null ? "Create" : "Save"}</button>`}
      </div>
    </div>
    ${changed &&
    html`<div class="banner warn" role="alert">
      ${icon("warning")}
      ${saved === null
        ? html`<span class="grow">Somebody has deleted the file meanwhile. Saving makes it anew.</span>`
        : html`<span class="grow">The file was changed by somebody else meanwhile. Marked is where yours differs from it: revert what is to be as theirs, then save.</span>
            <button type="button" onClick=${takeTheirs}>Take all of theirs</button>`}
    </div>`}
    ${saved?.state === "last_good" && html`<div class="banner warn">${icon("warning")}The file has errors. The last version without any answers calls.</div>`}
    <div class="columns agent-columns">
      <div class="stack">
        <${Editor} name=${name} text=${begun} original=${comparing ? original : null} problems=${problems} readOnly=${readOnly}
          schema=${schema} editor=${editor} onChange=${setText} onSave=${save} />
        <section class="card" aria-label="Problems">
          <div role="status"><h2>${problems.length > 0 ? summed(problems) : "No problems"}</h2></div>
          <${Problems} problems=${problems} here=${`${name}.md`} goTo=${(problem) => editor.current?.goTo(problem)} />
        </section>
      </div>
      <div class="stack">
        ${trying && html`<${TryIt} name=${name} saved=${readOnly} source=${tried} />`}
        <section class="card"><h2>Playground</h2><${Playground} settings=${settings} schema=${schema} set=${set} readOnly=${readOnly} /></section>
        <section class="card"><h2>Versions</h2><${Versions} name=${name} saved=${saved?.version} /></section>
      </div>
    </div>
  `;
}

function State({ file, unsaved, readOnly }) {
  if (file === null) return html`<span class="badge accent">New</span>`;
  const numbers = file.numbers.map((number) => (number === "*" ? "every other number" : number));
  const broken = file.state === "broken";
  const answers = numbers.join(", ") || (broken ? "nothing" : "by name only");
  return html`
    ${broken && html`<span class="badge bad">Broken</span>`}
    ${readOnly ? html`<span class="badge">Read only</span>` : unsaved && html`<span class="badge warn">Unsaved changes</span>`}
    <span class="mono small muted" title="The version that answers">${file.version}</span>
    <span class="small muted">answers ${answers}</span>
    ${file.extends.length > 0 && html`<span class="small muted">extends <a href=${`/agents/${file.extends[0]}`}>${file.extends[0]}</a></span>`}
  `;
}

/** The text at once, and the editor in its place as soon as that is loaded. */
function Editor({ name, text, original, problems, readOnly, schema, editor, onChange, onSave }) {
  const place = useRef(null);
  const [loaded, setLoaded] = useState(false);
  const save = useRef(onSave);
  save.current = onSave;
  useLayoutEffect(() => {
    let gone = false;
    import("../agents/editor.js").then(({ createEditor }) => {
      if (gone) return;
      const label = `File ${name}.md`;
      editor.current = createEditor(place.current, { text, label, readOnly, schema, onChange, onSave: () => save.current() });
      setLoaded(true);
    }, complain);
    return () => {
      gone = true;
      editor.current?.destroy();
    };
  }, []);
  useEffect(() => editor.current?.mark(problems.filter(({ file }) => file === `${name}.md`)), [problems, loaded]);
  useEffect(() => editor.current?.compare(original), [original, loaded]);
  useEffect(() => onKey("e", "Write in the file", () => editor.current?.focus()), []);
  return html`<div class="editor" ref=${place}>${!loaded && html`<pre>${text}</pre>`}</div>`;
}

/** A telephone beside the editor. `saved`: it talks to the saved text whatever stands there. */
function TryIt({ name, saved, source }) {
  const place = useRef(null);
  useEffect(() => {
    let unmount = null;
    let gone = false;
    import("../phone/phone-panel.js").then(({ mountPhone }) => {
      if (!gone) ({ unmount } = mountPhone(place.current, { agent: name, source }));
    }, complain);
    return () => {
      gone = true;
      unmount?.();
    };
  }, []);
  return html`<section class="card stack"><h2>Try it</h2><p class="small muted">${saved ? "You talk to the agent as it answers now." : "You talk to the text as it stands in the editor, saved or not."}</p><div ref=${place}></div></section>`;
}

async function open() {
  const root = document.getElementById("agent");
  const { name } = root.dataset;
  const version = new URLSearchParams(location.search).get("version");
  try {
    const [file, schema, { writable }, earlier] = await Promise.all([
      fileOf(name),
      api("/api/agent-schema"),
      api("/api/agents"),
      version === null ? null : api(`/api/agents/${name}/versions/${version}`),
    ]);
    if (file === null && !(may("admin") && writable)) throw new ApiError(404, { error: "unknown_agent", message: `There is no agent ${name}.` });
    const text = plain(earlier === null ? (file?.source ?? NEW) : Object.values(earlier.files)[0]);
    root.replaceChildren();
    render(html`<${AgentPage} name=${name} file=${file} text=${text} schema=${schema} writable=${writable} />`, root);
  } catch (error) {
    root.querySelector(".skeleton").replaceWith(error.message);
  }
}

open();
