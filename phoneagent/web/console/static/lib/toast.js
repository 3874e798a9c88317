// A word about what just happened, read out by screen readers, gone after a while.

const SHOWN_MS = 6_000;

/** Say it. What is still to be read is not said twice. */
export function toast(text, kind = "") {
  const there = [...document.querySelectorAll(".toast")];
  if (there.some((element) => element.textContent === text)) return;
  const element = document.createElement("div");
  element.className = `toast ${kind}`;
  element.textContent = text;
  element.addEventListener("click", () => element.remove()); // what is below it may be needed
  document.getElementById("toasts").append(element);
  setTimeout(() => element.remove(), SHOWN_MS);
}

/** For `catch`: say what went wrong. */
export const complain = (error) => toast(error.message, "bad");
