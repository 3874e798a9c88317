// Before the first paint, so that the page never flashes in the wrong theme. A classic script for that reason.
document.documentElement.dataset.theme =
  localStorage.getItem("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
