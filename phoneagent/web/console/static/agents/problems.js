// What is wrong with an agent's file, as a list that leads to the places.

import { html } from "../vendor/preact.js";

export const counted = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;

/** "2 errors, 1 warning", or nothing. */
export function summed(problems) {
  const errors = problems.filter(({ severity }) => severity === "error").length;
  const warnings = problems.length - errors;
  return [errors && counted(errors, "error"), warnings && counted(warnings, "warning")].filter(Boolean).join(", ");
}

/** The list. `goTo`: what leads to a problem of the file `here`; without it, problems are only told. */
export function Problems({ problems, here = null, goTo = null }) {
  return html`
    <ul class="problems">
      ${problems.map((problem) => {
        const { file, line, column, message, severity } = problem;
        const place = [file, line, column].filter(Boolean).join(":");
        const said = html`<span class="mono nowrap">${place}</span> <span class="anywhere">${message}</span>`;
        return html`<li class=${severity === "error" ? "bad" : "warn"}>
          <span class="visually-hidden">${severity}: </span>
          ${goTo && file === here ? html`<button type="button" class="quiet" onClick=${() => goTo(problem)}>${said}</button>` : said}
        </li>`;
      })}
    </ul>
  `;
}
