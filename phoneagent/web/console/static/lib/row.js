// Rows of tables that open wherever one clicks on them.

/** Open what a link in the row leads to, unless the click is for something else there, or only marks words. */
export function openRow(event, link) {
  if (event.target.closest("a, button") || String(getSelection())) return;
  if (event.ctrlKey || event.metaKey) open(link.href);
  else link.click();
}
