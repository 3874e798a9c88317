// The settings that one tries out most, as controls. Each changes the text, so what is tried is what would be saved.

import { html } from "../vendor/preact.js";

const IMPLIED = new Set(["hand_over", "recording_consent"]); // come by themselves with handoff, and recording: ask
const REASONING = ["minimal", "low", "medium", "high", "xhigh"];
const EAGERNESS = ["auto", "low", "medium", "high"];

/**
 * The controls. `settings` are those of the text as it is, null while it has an error; `set` changes keys in it, null
 * taking one out. `schema` knows the voices, models and tools.
 */
export function Playground({ settings, schema, set, readOnly }) {
  if (settings === null) return html`<p class="muted small">Here again when the text has no error.</p>`;
  const { properties } = schema;
  const { turn_detection: turns } = settings;
  const voices = properties.voice.anyOf.find((form) => form.enum).enum;
  const tools = [...new Set([...properties.tools.items.examples, ...settings.tools])].filter((tool) => !IMPLIED.has(tool));
  const used = settings.tools.filter((tool) => !IMPLIED.has(tool));
  const toggle = (tool) => set({ tools: used.includes(tool) ? used.filter((each) => each !== tool) : [...used, tool] });
  const turn = (key, value) => set({ [`turn_detection.${key}`]: value });

  return html`
    <fieldset class="playground" disabled=${readOnly}>
      <legend class="visually-hidden">Settings to try</legend>
      <${Word} label="Model" whole value=${settings.model} options=${properties.model.examples} set=${(model) => set({ model })} />
      <${Choice} label="Voice" value=${settings.voice} options=${voices} set=${(voice) => set({ voice })} />
      <${Word} label="Language" value=${settings.language} options=${properties.language.examples} set=${(language) => set({ language })} />
      <${Slide} label="Speed" value=${settings.speed} min="0.25" max="1.5" step="0.05" set=${(speed) => set({ speed })} />
      <${Choice} label="Reasoning" value=${settings.reasoning} options=${REASONING} none="default" set=${(reasoning) => set({ reasoning })} />
      <${Choice} label="Noise reduction" value=${settings.noise_reduction ?? "off"} options=${["near_field", "far_field", "off"]} set=${(value) => set({ noise_reduction: value })} />
      <${Choice} label="Turn detection" value=${turns.type} options=${["server_vad", "semantic_vad"]} set=${(type) => set({ turn_detection: { type } })} />
      ${turns.type === "server_vad" &&
      html`
        <${Slide} label="Threshold" value=${turns.threshold} min="0" max="1" step="0.05" fallback="0.5" set=${(value) => turn("threshold", value)} />
        <${Amount} label="Ending silence, ms" value=${turns.silence_duration_ms} min="0" step="50" set=${(value) => turn("silence_duration_ms", value)} />
        <${Amount} label="Padding before, ms" value=${turns.prefix_padding_ms} min="0" step="50" set=${(value) => turn("prefix_padding_ms", value)} />
      `}
      ${turns.type === "semantic_vad" &&
      html`<${Choice} label="Eagerness" value=${turns.eagerness} options=${EAGERNESS} none="default" set=${(value) => turn("eagerness", value)} />`}
      <${Amount} label="Response, tokens" value=${settings.max_output_tokens} min="1" max="4096" step="1" placeholder="no limit" set=${(value) => set({ max_output_tokens: value })} />
      <fieldset class="whole">
        <legend class="small muted">Tools</legend>
        <div class="row">
          ${tools.map(
            (tool) => html`<label class="check" key=${tool}>
              <input type="checkbox" checked=${used.includes(tool)} onChange=${() => toggle(tool)} /><span class="mono small">${tool}</span>
            </label>`,
          )}
        </div>
      </fieldset>
    </fieldset>
  `;
}

/** One of several; `none`: what it says for none of them. */
function Choice({ label, value, options, none = null, set }) {
  const all = value === null || options.includes(value) ? options : [value, ...options];
  return html`
    <label class="field">
      <span>${label}</span>
      <select value=${value ?? ""} onChange=${(event) => set(event.target.value || null)}>
        ${none !== null && html`<option value="">${none}</option>`}
        ${all.map((option) => html`<option key=${option} value=${option}>${option}</option>`)}
      </select>
    </label>
  `;
}

/** A word, with suggestions. */
function Word({ label, value, options, whole = false, set }) {
  const id = `words-${label.toLowerCase()}`;
  return html`
    <label class=${`field ${whole ? "whole" : ""}`}>
      <span>${label}</span>
      <input list=${id} value=${value} onChange=${(event) => set(event.target.value.trim() || null)} />
      <datalist id=${id}>${options.map((option) => html`<option key=${option} value=${option} />`)}</datalist>
    </label>
  `;
}

/** A number on a scale. `fallback`: where the slider stands while the engine decides. */
function Slide({ label, value, fallback, set, ...range }) {
  return html`
    <label class="field">
      <span class="row between"><span>${label}</span><span class="tabular">${value ?? "default"}</span></span>
      <input type="range" ...${range} value=${value ?? fallback} onChange=${(event) => set(event.target.valueAsNumber)} />
    </label>
  `;
}

/** A whole number, or none. */
function Amount({ label, value, placeholder = "default", set, ...range }) {
  return html`
    <label class="field">
      <span>${label}</span>
      <input type="number" ...${range} value=${value ?? ""} placeholder=${placeholder}
        onChange=${(event) => event.target.reportValidity() && set(event.target.value === "" ? null : event.target.valueAsNumber)} />
    </label>
  `;
}
