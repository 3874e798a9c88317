// What is said on a call, as it is heard.

import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/preact.js";
import { duration, latency } from "../lib/format.js";
import { icon } from "../lib/icon.js";
import { happening, look, voice } from "./words.js";

const NEAR = 48; // CSS pixels: whoever is so near to the end wants to stay there

/**
 * The transcript of a call in progress. `items` are those of `watchCall`. It stays at its end while more is said, until
 * one scrolls away from there.
 */
export function Transcript({ items }) {
  const box = useRef(null);
  const [away, setAway] = useState(false);
  const toEnd = () => (box.current.scrollTop = box.current.scrollHeight);
  useLayoutEffect(() => {
    if (!away) toEnd();
  }, [items, away]);
  const scrolled = ({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) =>
    setAway(scrollHeight - scrollTop - clientHeight > NEAR);

  return html`<div class="transcript">
    <ol class="lines" ref=${box} onScroll=${scrolled} tabindex="0" aria-label="Transcript">
      ${items.map(({ type, key, thing }) => html`<${LINES[type]} key=${key} thing=${thing} />`)}
      ${items.length ? null : html`<li class="muted quiet-line">Nothing was said yet.</li>`}
    </ol>
    ${away && html`<button type="button" class="to-end" onClick=${() => setAway(false)}>${icon("down")} Latest</button>`}
    <${Announcer} items=${items} />
  </div>`;
}

/** A line is drawn again only when it has changed. */
const line = (draw) =>
  function Line({ thing }) {
    return useMemo(() => draw(thing), [thing]);
  };

const time = (at_s) => html`<span class="at tabular">${duration(at_s)}</span>`;

const LINES = {
  turn: line(
    (turn) => html`<li class=${`line turn ${turn.speaker}`}>
      <div class="who">
        <b>${voice(turn.speaker)}</b>
        ${time(turn.at_s)}
        ${turn.latency_ms !== null && html`<span class="badge tabular" title="From the end of the caller's words to the first sound of the answer">${latency(turn.latency_ms)}</span>`}
        ${turn.interrupted && html`<span class="badge warn">interrupted</span>`}
      </div>
      <p class="words anywhere">
        ${turn.text}
        ${turn.unheard && (turn.final ? html` <s class="unheard"><span class="visually-hidden">not heard: </span>${turn.unheard}</s>` : html` <span class="unheard">${turn.unheard}</span>`)}
      </p>
    </li>`,
  ),
  tool: line(
    (tool) => html`<li class="line aside">
      <details class="tool">
        <summary>
          ${icon("tool")} <code class="anywhere">${tool.name}</code>
          <span class=${`badge ${tool.failed ? "bad" : ""}`}>${toolState(tool)}</span>
          ${time(tool.at_s)}
        </summary>
        <dl>
          <dt>Arguments</dt>
          <dd><pre tabindex="0">${json(tool.arguments)}</pre></dd>
          ${tool.duration_ms !== null && html`<dt>${tool.failed ? "Failure" : "Result"}</dt><dd><pre tabindex="0">${json(tool.output)}</pre></dd>`}
        </dl>
      </details>
    </li>`,
  ),
  event: line((event) => {
    const { title, text } = happening(event);
    const { icon: name, kind } = look(event);
    return html`<li class=${`line aside event ${kind}`}>
      ${icon(name)} <span class="anywhere">${title}${text ? html`: <q>${text}</q>` : null}</span> ${time(event.at_s)}
    </li>`;
  }),
};

function toolState({ failed, duration_ms }) {
  if (duration_ms === null) return "running";
  return failed ? `failed after ${latency(duration_ms)}` : latency(duration_ms);
}

const json = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

/** Reads out each turn once it is final: what is spoken meanwhile would never let a screen reader finish. */
function Announcer({ items }) {
  const known = useRef(null);
  const [lines, setLines] = useState([]);
  useEffect(() => {
    const final = items.filter(({ type, thing }) => type === "turn" && thing.final);
    const fresh = known.current === null ? [] : final.filter(({ key }) => !known.current.has(key));
    known.current = new Set(final.map(({ key }) => key)); // those that were there when one came are not news
    if (fresh.length) setLines((before) => [...before, ...fresh].slice(-10));
  }, [items]);
  return html`<div class="visually-hidden" role="log" aria-live="polite" aria-label="What was said">
    ${lines.map(
      ({ key, thing: { speaker, text, unheard } }) =>
        html`<p key=${key}>${voice(speaker)}: ${text}${unheard ? ` Not heard: ${unheard}` : ""}</p>`,
    )}
  </div>`;
}
