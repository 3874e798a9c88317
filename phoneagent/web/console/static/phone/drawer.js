// The small telephone that every page has; a call lasts as long as the page.

import { icon } from "../lib/icon.js";
import { complain } from "../lib/toast.js";
import { effect, html, render } from "../vendor/preact.js";
import { agentNames } from "./agents.js";
import { mountPhone } from "./phone-panel.js";

const drawer = document.getElementById("phone-drawer");
const toggle = document.getElementById("phone-toggle");
let mounted = false;

/** Open or close it. A call goes on behind a closed drawer. */
export async function toggleDrawer() {
  drawer.hidden = !drawer.hidden;
  toggle.setAttribute("aria-expanded", String(!drawer.hidden));
  if (!mounted) {
    mounted = true;
    await fill();
  }
  if (drawer.hidden) toggle.focus();
  else drawer.querySelector("h2").focus();
}

async function fill() {
  const [head, body] = [document.createElement("div"), document.createElement("div")];
  head.className = "row between drawer-head";
  drawer.append(head, body);
  render(
    html`<h2 tabindex="-1">Phone</h2>
      <button type="button" class="quiet" aria-label="Close" onClick=${toggleDrawer}>${icon("close")}</button>`,
    head,
  );
  const agents = await agentNames().catch((error) => (complain(error), []));
  const { phone } = mountPhone(body, { agents });
  effect(() => toggle.classList.toggle("quiet", !toggle.classList.toggle("primary", phone.state.value === "talking")));
}

drawer.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented) toggleDrawer();
});
