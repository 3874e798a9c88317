// The record of a call: notes are added, it is held or deleted. What is heard is in player.js.

import { api } from "../lib/api.js";
import { confirmed } from "../lib/dialog.js";
import { when } from "../lib/format.js";
import { complain } from "../lib/toast.js";
import { play } from "./player.js";

const element = (id) => document.getElementById(id);

if (element("player")) play(element("player"), element("timeline"));

// The list as it was left, with its filters and its place in it.
if (document.referrer.startsWith(`${location.origin}/calls?`)) element("back").href = document.referrer;

for (const link of document.querySelectorAll(".menu a[download]")) {
  link.addEventListener("click", () => (link.closest("details").open = false));
}

const form = element("add-note");
const call = `/api/calls/${form.dataset.call}`;

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { text } = form.elements;
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const note = await api(`${call}/notes`, { method: "POST", body: { text: text.value } });
    const item = element("note").content.cloneNode(true);
    const [words, about] = item.querySelectorAll("p");
    words.textContent = note.text;
    about.textContent = `${note.author}, ${when(note.created)}`;
    element("notes").append(item);
    form.reset();
  } catch (error) {
    complain(error);
  }
  button.disabled = false;
});

element("hold")?.addEventListener("click", async ({ target }) => {
  try {
    await api(`${call}/hold`, { method: target.getAttribute("aria-pressed") === "true" ? "DELETE" : "PUT" });
    location.reload();
  } catch (error) {
    complain(error);
  }
});

element("delete")?.addEventListener("click", async () => {
  const yes = await confirmed({
    title: "Delete this call?",
    text:
      "Its recording, its transcript, what its tools did, its summary, its notes and what it cost are lost for good, " +
      "also from the bucket. Nobody can bring them back.",
    yes: "Delete the call",
  });
  if (!yes) return;
  try {
    const { left } = await api(`${call}/record`, { method: "DELETE" });
    say(left);
  } catch (error) {
    complain(error);
  }
});

/** In place of the call, that there is none any more. */
function say(left) {
  const box = document.createElement("div");
  box.className = "empty";
  const add = (name, text) => box.appendChild(document.createElement(name)).append(text);
  add("h1", "The call is deleted");
  for (const problem of left) add("p", `Still there: ${problem}. It is tried again every day.`);
  const back = document.createElement("a");
  back.href = element("back").href;
  back.append("Go to Calls");
  add("p", back);
  element("main").replaceChildren(box);
  back.focus();
}
