// Forms and buttons that ask the API: `data-method`, `data-path`. What came of it is on the page when it is loaded anew.
//
// data-confirm, data-consequence, data-yes: a question before it is done; data-done: what is said afterwards;
// data-reveals: what of the answer is shown this once, under data-title; data-tells="test": what a webhook answered.

import { api } from "../lib/api.js";
import { confirmed, make, showDialog } from "../lib/dialog.js";
import { complain, toast } from "../lib/toast.js";

const SAID = "settings-said"; // what is to be said on the page that comes

document.querySelector(".parts [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

const said = sessionStorage.getItem(SAID);
if (said) toast(said);
sessionStorage.removeItem(SAID);

/** What a form says, for JSON: lists of what is ticked, numbers as numbers, nothing for what is left empty. */
function bodyOf(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name) continue;
    if ("list" in field.dataset) (body[field.name] ??= []).push(...(field.checked ? [field.value] : []));
    else if (field.value !== "") body[field.name] = field.type === "number" ? Number(field.value) : field.value;
  }
  return body;
}

/** Show a secret until they have taken it. */
function reveal(title, text) {
  const field = make("input", { className: "revealed", readOnly: true, value: text, autofocus: true });
  field.setAttribute("aria-labelledby", "dialog-title");
  field.addEventListener("focus", () => field.select());
  const copy = make("button", { type: "button", textContent: "Copy" });
  copy.addEventListener("click", async () => {
    field.select();
    await navigator.clipboard.writeText(text).then(() => (copy.textContent = "Copied"), complain);
  });
  const words = make("p", { textContent: "Keep it now: it is not shown again." });
  const close = make("button", { className: "primary", textContent: "I have kept it" });
  return showDialog({ title, body: [words, field], actions: [copy, close] });
}

async function ask(element, body) {
  const { method, path, confirm, consequence, yes, done, reveals, title, tells } = element.dataset;
  if (element.hasAttribute("aria-busy")) return; // pressed twice
  if (confirm && !(await confirmed({ title: confirm, text: consequence, yes, danger: method === "DELETE" }))) return;
  element.setAttribute("aria-busy", "true");
  try {
    const answer = await api(path, { method, body });
    if (!tells) {
      if (reveals) await reveal(title, answer[reveals]);
      if (done) sessionStorage.setItem(SAID, done);
      location.reload();
      return;
    }
    toast(...tested(answer));
  } catch (error) {
    complain(error);
  }
  element.removeAttribute("aria-busy");
}

const tested = ({ status, problem, took_ms }) =>
  problem === null ? [`It answered ${status} after ${took_ms} ms.`] : [`The test failed: ${problem}.`, "bad"];

for (const form of document.querySelectorAll("form[data-method]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(form, bodyOf(form));
  });
}
for (const button of document.querySelectorAll("button[data-method]")) {
  button.addEventListener("click", () => ask(button));
}
