// The icons of icons.svg, for pages made by scripts.

import { html } from "../vendor/preact.js";

const icons = new URL("../icons.svg", import.meta.url).pathname;

/** Says nothing to a screen reader: words beside it do. */
export const icon = (name) => html`<svg class="icon" aria-hidden="true"><use href=${`${icons}#${name}`}></use></svg>`;
