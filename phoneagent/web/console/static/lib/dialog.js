// What opens above the page: questions that must be answered before anything happens, and what is shown until it is read.

/**
 * Open a dialog. `body` are elements, `actions` buttons: one that submits closes it. Resolves to the value of that
 * button; of whoever leaves without one, with Escape, to nothing.
 */
export function showDialog({ title, body, actions }) {
  const dialog = make("dialog");
  dialog.setAttribute("aria-labelledby", "dialog-title");
  const form = make("form", { method: "dialog" });
  const foot = make("div", { className: "dialog-actions" });
  foot.append(...actions);
  form.append(make("h2", { id: "dialog-title", textContent: title }), ...body, foot);
  dialog.append(form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
  });
}

/** A new element, with these properties. */
export const make = (name, properties = {}) => Object.assign(document.createElement(name), properties);

/**
 * Ask before something that can't be undone. Resolves to whether they said yes.
 * `title` is the question, `text` what follows from yes, `yes` the word on the button.
 */
export async function confirmed({ title, text, yes, danger = true }) {
  const actions = [
    make("button", { value: "no", textContent: "Cancel" }),
    make("button", { value: "yes", textContent: yes, className: danger ? "danger primary" : "primary" }),
  ];
  return (await showDialog({ title, body: [make("p", { textContent: text })], actions })) === "yes";
}
