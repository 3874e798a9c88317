// What every page has: the theme, the menus, the keyboard, the times in the reader's own time zone.

import { when } from "./format.js";
import { onKey, showKeys } from "./keys.js";
import { may } from "./page.js";
import { toggleTheme } from "./theme.js";

document.getElementById("theme-toggle").addEventListener("click", toggleTheme);
document.getElementById("keys-help").addEventListener("click", showKeys);

document.querySelectorAll(".sections a").forEach((link, number) => {
  onKey(String(number + 1), `Go to ${link.textContent.trim()}`, () => location.assign(link.href));
});

if (may("call") && location.pathname !== "/phone") {
  const toggle = document.getElementById("phone-toggle");
  toggle.hidden = false;
  toggle.addEventListener("click", async () => (await import("../phone/drawer.js")).toggleDrawer());
}

for (const elsewhere of ["click", "focusin"]) {
  document.addEventListener(elsewhere, ({ target }) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(target) && !target.closest("dialog")) menu.open = false; // a dialog asks for what was chosen in it
    }
  });
}
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

for (const time of document.querySelectorAll("time[datetime]:not([data-as-is])")) {
  time.textContent = when(time.dateTime);
}
