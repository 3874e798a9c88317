// Keyboard shortcuts: one list, which `?` shows.

import { make, showDialog } from "./dialog.js";

const shortcuts = new Map(); // key → { about, run }

/** Have a key do something, unless somebody is typing. `about` says what, in the list. Returns what takes it back. */
export function onKey(key, about, run) {
  const entry = { about, run };
  shortcuts.set(key, entry);
  return () => shortcuts.get(key) === entry && shortcuts.delete(key);
}

const STEPS = new Set(["j", "k", "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowRight"]); // go on while they are held down
const typing = (element) => element.closest("input, select, textarea, [contenteditable], .cm-editor") !== null;
const asked = () => document.querySelector("dialog:modal") !== null;
const pressing = (element, key) => key === " " && element.closest("button, summary") !== null; // it has that key itself

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || asked() || typing(event.target)) return;
  const entry = shortcuts.get(event.key);
  if (entry === undefined || pressing(event.target, event.key) || (event.repeat && !STEPS.has(event.key))) return;
  event.preventDefault();
  entry.run(event);
});

/** Show them all. */
export function showKeys() {
  const table = make("table", { className: "table" });
  for (const [key, { about }] of shortcuts) {
    const row = table.insertRow();
    const cell = make("th", { scope: "row" });
    cell.append(make("kbd", { textContent: key === " " ? "Space" : key }));
    row.append(cell);
    row.insertCell().textContent = about;
  }
  showDialog({ title: "Keyboard shortcuts", body: [table], actions: [make("button", { textContent: "Close" })] });
}

onKey("?", "Show this list", showKeys);
