// Light or dark: as the system is, until somebody chooses.

const system = matchMedia("(prefers-color-scheme: dark)");

function show(theme) {
  document.documentElement.dataset.theme = theme;
  document.dispatchEvent(new CustomEvent("themechange", { detail: theme })); // for what is drawn on a canvas
}

export function toggleTheme() {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("theme", theme);
  show(theme);
}

system.addEventListener("change", () => {
  if (localStorage.getItem("theme") === null) show(system.matches ? "dark" : "light");
});

/** The value of one of the tokens of base.css, in the theme of now. */
export const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
