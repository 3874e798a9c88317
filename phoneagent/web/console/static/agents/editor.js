// The editor of an agent file: CodeMirror, which is loaded only where somebody looks at a file.

import { styleNonce } from "../lib/page.js";
import * as cm from "../vendor/codemirror.js";
import { VARIABLES, choices, frontMatter, placeAt } from "./complete.js";

const { Compartment, EditorState, EditorView, keymap, tags } = cm;

const markdown = new cm.Language(cm.defineLanguageFacet(), cm.markdownParser, [], "markdown");

const look = EditorView.theme({
  "&": { backgroundColor: "var(--surface)", color: "var(--text)", fontSize: "0.9rem" },
  "&.cm-focused": { outline: "none" }, // what is around it has one
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--text)", padding: "0.75rem 0" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--accent-tint) !important" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--sunken) 55%, transparent)" },
  ".cm-gutters": { backgroundColor: "var(--surface)", color: "var(--muted)", border: "none" },
  ".cm-activeLineGutter": { backgroundColor: "var(--sunken)", color: "var(--text)" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--text)", border: "1px solid var(--line)", borderRadius: "6px", boxShadow: "var(--shadow-high)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-completionDetail": { fontStyle: "normal", opacity: 0.8 },
  ".cm-completionInfo": { maxWidth: "22rem", padding: "0.5rem 0.7rem", fontFamily: "var(--font)" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--bad)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--warn)" },
  ".cm-lintRange-error": { backgroundImage: "none", textDecoration: "underline wavy var(--bad)" },
  ".cm-lintRange-warning": { backgroundImage: "none", textDecoration: "underline wavy var(--warn)" },
  ".cm-changedLine": { backgroundColor: "var(--good-tint) !important" },
  ".cm-changedText": { background: "linear-gradient(var(--good), var(--good)) bottom / 100% 2px no-repeat !important" },
  ".cm-deletedChunk": { backgroundColor: "var(--bad-tint)" },
  ".cm-deletedChunk .cm-deletedText": { background: "linear-gradient(var(--bad), var(--bad)) bottom / 100% 2px no-repeat !important" },
  ".cm-deletedChunk .cm-chunkButtons button, .cm-chunkButtons button": { color: "var(--text) !important", fontFamily: "var(--font)" },
  ".cm-changedLineGutter": { background: "var(--good)" },
  ".cm-deletedLineGutter": { background: "var(--bad)" },
});

const colours = cm.HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--caller)" },
  { tag: [tags.comment, tags.meta, tags.processingInstruction, tags.punctuation, tags.separator], color: "var(--muted)" },
  { tag: [tags.typeName, tags.labelName, tags.keyword, tags.link, tags.url], color: "var(--operator)" },
  { tag: tags.heading, color: "var(--accent)", fontWeight: "650" },
  { tag: tags.strong, fontWeight: "700" },
  { tag: tags.emphasis, fontStyle: "italic" },
]);

/**
 * An editor in `parent`. `schema` is that of the front matter. `onChange` is told the text, `onSave` that it is to be
 * saved. Line ends are `\n` inside, whatever they are in the file.
 */
export function createEditor(parent, { text, label, readOnly = false, schema = null, onChange = () => {}, onSave = () => {} }) {
  const comparison = new Compartment();
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        EditorView.cspNonce.of(styleNonce),
        EditorState.readOnly.of(readOnly),
        EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
        EditorView.lineWrapping,
        EditorView.updateListener.of((update) => update.docChanged && onChange(update.state.doc.toString())),
        EditorView.domEventHandlers({ beforeinput: replaceSelection }),
        cm.lineNumbers(),
        cm.lintGutter(),
        cm.highlightActiveLine(),
        cm.highlightSpecialChars(),
        cm.drawSelection(),
        cm.history(),
        cm.bracketMatching(),
        cm.closeBrackets(),
        cm.yamlFrontmatter({ content: markdown }),
        cm.syntaxHighlighting(colours),
        cm.autocompletion({ override: schema ? [completing(schema)] : [], icons: false }),
        keymap.of([
          { key: "Mod-s", run: () => (onSave(), true) },
          { key: "Tab", run: cm.acceptCompletion }, // else Tab leads on to what follows, as everywhere
          ...cm.closeBracketsKeymap,
          ...cm.completionKeymap,
          ...cm.lintKeymap,
          ...cm.historyKeymap,
          ...cm.defaultKeymap,
        ]),
        comparison.of([]),
        look,
      ],
    }),
  });

  return {
    /** Have another text, with the cursor where it was as far as that can be. */
    setText(next) {
      const now = view.state.doc.toString();
      let [from, same] = [0, 0];
      while (from < Math.min(now.length, next.length) && now[from] === next[from]) from++;
      while (same < Math.min(now.length, next.length) - from && now.at(-1 - same) === next.at(-1 - same)) same++;
      if (now === next) return;
      view.dispatch({ changes: { from, to: now.length - same, insert: next.slice(from, next.length - same) } });
    },
    /** Mark these problems, and no others. */
    mark(problems) {
      view.dispatch(cm.setDiagnostics(view.state, problems.map((problem) => diagnostic(view.state.doc, problem))));
    },
    /** Show what differs from another text; null: nothing. */
    compare(original) {
      const shown = original === null ? [] : cm.unifiedMergeView({ original, mergeControls: readOnly ? false : control });
      view.dispatch({ effects: comparison.reconfigure(shown) });
    },
    /** Put the cursor there. */
    goTo({ line, column }) {
      const at = placeOf(view.state.doc, line, column);
      view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
      view.focus();
    },
    focus: () => view.focus(),
    destroy: () => view.destroy(),
  };
}

function placeOf(doc, line, column) {
  const { from, to } = doc.line(Math.min(Math.max(line, 1), doc.lines));
  return Math.min(from + Math.max(column - 1, 0), to);
}

function diagnostic(doc, { line, column, severity, message }) {
  const { from: begin, to: end } = doc.lineAt(placeOf(doc, line, column));
  const from = column > 0 ? placeOf(doc, line, column) : begin;
  const word = /^[\w.+*-]+|^"[^"]*"|^\S/.exec(doc.sliceString(from, end))?.[0] ?? "";
  const to = column > 0 && word ? from + word.length : end;
  return { from: Math.min(from, to), to, severity, message };
}

/** The button beside a difference that takes one's own text back; what was there needs none to stay. */
function control(kind, act) {
  const button = document.createElement("button");
  button.type = "button";
  button.hidden = kind === "accept";
  button.textContent = "Revert";
  button.addEventListener("mousedown", act);
  button.addEventListener("click", (event) => event.detail === 0 && act(event)); // by the keyboard
  return button;
}

/** Chromium would carry the style of what is replaced over, as an inline style, which the page's policy refuses. */
function replaceSelection(event, view) {
  const { main } = view.state.selection;
  if (event.inputType !== "insertText" || !event.data || main.empty || view.composing) return false;
  const insert = () => view.state.update(view.state.replaceSelection(event.data), { userEvent: "input.type" });
  const taken = view.state.facet(EditorView.inputHandler).some((handle) => handle(view, main.from, main.to, event.data, insert));
  if (!taken) view.dispatch(insert());
  event.preventDefault();
  return true;
}

/** Completion in the front matter by the schema, and of variables in the prompt. */
function completing(schema) {
  return (context) => {
    const { doc } = context.state;
    const line = doc.lineAt(context.pos);
    const before = line.text.slice(0, context.pos - line.from);
    const front = frontMatter(doc.toString());
    if (front === null) return null;
    const number = line.number - 1 - front.first;
    if (number < 0) return null;
    if (number >= front.lines.length) {
      const variable = /\{\{\s*([\w.]*)$/.exec(before);
      return variable && { from: context.pos - variable[1].length, options: VARIABLES, validFor: /^[\w.]*$/ };
    }
    const place = placeAt(front.lines, number, before);
    if (place === null || (place.typed === "" && place.key && !context.explicit && !/[{,]\s*$/.test(before))) return null;
    const options = choices(schema, place);
    return options.length > 0 ? { from: context.pos - place.typed.length, options, validFor: /^[\w./+-]*$/ } : null;
  };
}
