// The list of calls: rows that open, by mouse and by keyboard; days as they are where the reader is.

import { onKey } from "../lib/keys.js";
import { openRow } from "../lib/row.js";

const form = document.getElementById("filters");
form.elements.zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
for (const select of form.querySelectorAll("select")) select.addEventListener("change", () => form.requestSubmit());
form.addEventListener("formdata", ({ formData }) => {
  const days = formData.get("since") || formData.get("until");
  for (const [name, value] of [...formData]) {
    if (!value || (name === "zone" && !days)) formData.delete(name); // the address holds what was asked for
  }
});

document.getElementById("more").addEventListener("click", ({ target }) => {
  target.setAttribute("aria-expanded", form.classList.toggle("open")); // where there is little room
});

const rows = [...document.querySelectorAll("tr.link")];
const links = rows.map((row) => row.querySelector("a"));
rows.forEach((row, index) => row.addEventListener("click", (event) => openRow(event, links[index])));

function step(by) {
  const at = links.indexOf(document.activeElement);
  links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
}

onKey("/", "Search in calls", () => form.elements.text.select());
onKey("j", "Next call", () => step(1));
onKey("k", "Call before", () => step(-1));
onKey("ArrowDown", "Next call", () => step(1));
onKey("ArrowUp", "Call before", () => step(-1));
